"""Every decision that is recorded holds what the policy was told, and can be computed again."""

from application.scheduler import NewJob
from domain import events as e
from domain.states import CancelMode, Effect, JobMark, JobState
from tests.application.test_bulk_requests import HOW, bulk_of
from tests.support.stack import ADMIN, ALICE, BOB, Stack, World


async def decisions(world: World, job: int) -> dict[str, e.Decision]:
    """Of each kind of fact of the job, the last."""
    found = {
        type(fact).__name__: getattr(fact, "decision", None) for fact in await world.facts(job)
    }
    return {name: decision for name, decision in found.items() if decision is not None}


async def test_a_cancel_is_decided_by_all_that_is_known_then(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore")
        await stack.cancel(job, message="no \U0001f4be", caller=BOB, key="b")
        await stack.cancel(job, CancelMode.FORCED, message="disk full")
        await stack.state(job, JobState.CANCELED)
        made = await decisions(world, job)
        (asked,) = made["JobCancelRequested"].requests
        assert (asked.resource.id, asked.resource.attributes["state"]) == (str(job), "Running")
        assert {"owner", "running_seconds", "node_count", "name"} <= set(asked.resource.attributes)
        assert (asked.context["mode"], asked.context["message_units"]) == ("forced", 9)
        assert {"hour", "weekday", "reason_code"} <= set(asked.context)
        assert (asked.context["bulk_size"], asked.context["freeze_windows"]) == (1, ())
        refused = made["JobCancelRefused"]
        assert (refused.effect, refused.requests[0].context["message_units"]) == (Effect.DENY, 5)
        assert refused.requests[0].principal.id == BOB.actor.name
        for decision in made.values():
            assert stack.policy.again(decision) == decision


async def test_a_cancel_of_many_tells_of_how_many_and_so_does_its_event(world: World) -> None:
    async with Stack(world) as stack:
        jobs = [int((await stack.add("run", key=f"j{n}", submit=False)).job_id) for n in range(3)]
        await stack.caught_up()
        bulks = bulk_of(stack)
        bulk = await bulks.request(ALICE, tuple(jobs), HOW, "b")
        assert bulk is not None
        await bulks.cancel(ALICE, bulk, jobs[:1])
        await bulks.cancel(ALICE, bulk, jobs[1:])
        for job in jobs:
            await stack.state(job, JobState.CANCELED)
            (asked,) = (await decisions(world, job))["JobCancelRequested"].requests
            assert asked.context["bulk_size"] == 3
            (fact,) = [x for x in await world.facts(job) if isinstance(x, e.JobCancelRequested)]
            assert fact.bulk_size == 3
            await world.check(stack, job)


async def test_a_job_that_is_made_is_told_of_too_as_far_as_it_is_known(world: World) -> None:
    async with Stack(world) as stack:
        new = NewJob(tasks=(e.TaskSpec(1, "exit 0"),), labels={"env": "prod"})
        job = int((await stack.scheduler.submit_job(ALICE, new, "new")).job_id)
        await stack.state(job, JobState.FINISHED)
        (asked,) = (await decisions(world, job))["JobAdded"].requests
        assert (asked.action, asked.resource.id) == ("create", "")
        assert asked.resource.attributes["owner"] == ALICE.actor.name
        assert asked.resource.attributes["labels"] == ("env", "env=prod")
        assert "state" not in asked.resource.attributes
        assert "mode" not in asked.context


async def test_a_finish_and_a_requeue_tell_how_long_their_message_is(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore", "ignore")
        await stack.finish_task(job, 1)
        await stack.scheduler.finish_job(ALICE, str(job), "", "f2")
        made = await decisions(world, job)
        for name, length in ("TaskFinishRequested", len("enough")), ("JobFinishRequested", 0):
            (asked,) = made[name].requests
            assert (asked.action, asked.context["message_units"]) == ("finish", length)
            assert "mode" not in asked.context


async def test_rules_are_told_of_marks(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore")
        for n, mark in enumerate(JobMark):
            await stack.scheduler.mark_job(ADMIN, str(job), mark, True, "case 117", f"k{n}")
        await stack.cancel(job)
        made = await decisions(world, job)
        marks = ("protected", "legal_hold")
        (first,) = made["JobProtected"].requests
        assert [first.resource.attributes[x] for x in marks] == [False, False]
        assert (first.action, first.context["message_units"]) == ("protect", 8)
        (last,) = made["JobCancelRequested"].requests
        assert [last.resource.attributes[x] for x in marks] == [True, True]
        for decision in made.values():
            assert stack.policy.again(decision) == decision
