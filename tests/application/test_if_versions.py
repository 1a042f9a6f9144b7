"""Requests for one version only: what counts is the version at which the event would be stored."""

from application.scheduler import Cancel
from domain.outcome import Outcome
from domain.states import JobState
from tests.support.stack import ADMIN, ALICE, BOB, Stack, World


async def test_a_request_for_the_version_that_was_seen_is_done_once(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", "run")
        seen = await stack.ledger.job(job)
        assert seen is not None
        ask = stack.scheduler.cancel_job_2
        done = await ask(ALICE, str(job), Cancel(), "c1", (seen.version,))
        assert (done.outcome, done.version) == (Outcome.ACCEPTED, seen.version + 1)
        await stack.state(job, JobState.CANCELED)
    async with Stack(world) as stack:
        ask, length = stack.scheduler.cancel_job_2, len(await world.types(job))
        for versions in ((seen.version,), (1,), (), None):
            again = await ask(ALICE, str(job), Cancel(), "c1", versions)
            assert (again.replayed, again.event_id) == (True, done.event_id)
        assert len(await world.types(job)) == length


async def test_what_came_too_late_is_refused_and_changes_nothing(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        scheduler, told = stack.scheduler, (str(job), 1)
        answers = [
            await scheduler.cancel_job_2(ALICE, str(job), Cancel(), "r1", (1,)),
            await scheduler.cancel_task(ALICE, *told, Cancel(), "r2", (1, 2)),
            await scheduler.finish_job(ALICE, str(job), "", "r3", (1,)),
            await scheduler.finish_task(ALICE, *told, "", "r4", (1,)),
            await scheduler.requeue_job(ALICE, str(job), "r5", (1,)),
            await scheduler.requeue_task(ALICE, *told, "r6", (1,)),
            await scheduler.configure_job(ALICE, str(job), "r7", (1,)),
            await scheduler.submit_job_by_id(ALICE, str(job), "r8", (1,)),
            await scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "7", "r9", (99,)),
        ]
        assert {(a.outcome, a.code, a.rule) for a in answers} == {
            (Outcome.REFUSED, "version_mismatch", "if-match")
        }
        stored = [x.type for x in (await world.stored(job))[-8:]]
        assert stored == [a.event_type for a in answers[:8]]
        denied = await scheduler.cancel_job_2(BOB, str(job), Cancel(), "b1", (1,))
        assert denied.code == "not_permitted"
        found = await world.check(stack, job)
        assert found.state is JobState.RUNNING


async def test_who_decided_on_an_older_version_decides_again_and_is_refused(world: World) -> None:
    """The other writer holds the job as it was; the guard of the log tells it."""
    async with Stack(world) as stack, Stack(world, carry=False) as other:
        job = await stack.running("run", "run")
        await other.caught_up()
        seen = await other.ledger.job(job)
        assert seen is not None
        await other.stop("board")
        await stack.cancel(job)
        assert await other.ledger.job(job) == seen
        late = await other.scheduler.finish_task(ALICE, str(job), 1, "", "f1", (seen.version,))
        assert late.code == "version_mismatch"
        assert f"but the request is only for version {seen.version}" in late.explanation
        assert f"job {job} is at version {seen.version}," not in late.explanation
