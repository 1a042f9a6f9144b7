"""Requests that change nothing, each with its answer and its event."""

from msgspec.structs import replace

from application.scheduler import Cancel
from domain import events as e
from domain.hresult import HResult
from domain.identity import Caller
from domain.outcome import Outcome
from domain.states import CancelMode, JobState, JobType
from tests.support.stack import ADMIN, ALICE, AUDITOR, BOB, JOB_ADMIN, OPERATOR, START, Stack, World


async def test_a_repeat_says_what_is_under_way(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore")
        first = await stack.cancel(job, message="first")
        again = await stack.cancel(job, caller=OPERATOR, key="c2", message="second")
        assert (again.outcome, again.code, again.hresult) == (Outcome.REPEATED, "", 0)
        assert again.explanation == (
            f"job {job}: already being canceled by alice since 2026-11-23 12:00:00 UTC "
            f"(event {first.position})"
        )
        assert again.under_way is not None
        assert (again.under_way.actor, again.under_way.message) == ("alice", "first")
        assert again.under_way.position == first.position
        stronger = await stack.cancel(job, CancelMode.FORCED, key="c3")
        told_again = await stack.cancel(job, caller=OPERATOR, key="c2", message="second")
        assert replace(told_again, replayed=False, job_state=again.job_state) == again
        assert stronger.under_way is not None
        assert stronger.under_way.request_id == "c3"
        await stack.state(job, JobState.CANCELED)
        late = await stack.cancel(job, key="c4")
        assert (late.outcome, late.hresult) == (
            Outcome.REFUSED,
            HResult.INVALID_CANCEL_JOB_STATE,
        )
        assert late.already_canceled
        assert late.explanation == (
            f"job {job} is already canceled by alice at 2026-11-23 12:00:00 UTC "
            f"(event {stronger.position})"
        )
        await world.check(stack, job)


async def test_an_answer_stays_the_same_when_the_job_went_on(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        await stack.cancel(job)
        await stack.state(job, JobState.CANCELED)
        late = await stack.cancel(job, key="c2")
        await stack.scheduler.requeue_job(ALICE, str(job), "q1")
        await stack.went(job, 1, 2)
        again = await stack.cancel(job, key="c2")
        assert (again.replayed, again.already_canceled) == (True, True)
        assert (again.explanation, again.under_way) == (late.explanation, late.under_way)


async def test_who_acts_for_somebody_is_named_with_them(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore")
        for_alice = replace(JOB_ADMIN, on_behalf_of=ALICE.actor)
        await stack.cancel(job, caller=for_alice)
        again = await stack.cancel(job, key="c2")
        assert "canceled by jan for alice since" in again.explanation
        recorded = (await world.stored(job))[-1].fact
        assert isinstance(recorded, e.Recorded)


async def test_only_who_may_act_for_others_does(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        bob_for_alice: Caller = replace(BOB, on_behalf_of=ALICE.actor)
        answer = await stack.cancel(job, caller=bob_for_alice)
        assert (answer.outcome, answer.code) == (Outcome.REFUSED, "not_permitted")
        assert "act for others" in answer.explanation
        jan_for_bob = replace(JOB_ADMIN, on_behalf_of=BOB.actor)
        answer = await stack.cancel(job, caller=jan_for_bob, key="c2")
        assert answer.code == "not_permitted", "the rights that count are bob's"
        made = await stack.add("run", caller=jan_for_bob, key="for-bob")
        bobs = await stack.ledger.job(int(made.job_id))
        assert bobs is not None
        assert bobs.owner == "bob"
        jan_for_alice = replace(JOB_ADMIN, on_behalf_of=ALICE.actor)
        answer = await stack.cancel(job, caller=jan_for_alice, key="c3")
        assert answer.outcome is Outcome.ACCEPTED


async def test_every_refusal_is_stored_and_changes_nothing(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", release="exit 0")
        before = await stack.ledger.job(job)
        assert before is not None
        asked = [
            await stack.cancel(job, caller=BOB, key="r1"),
            await stack.cancel(job, caller=AUDITOR, key="r2"),
            await stack.cancel(job, key="r3", message="x" * 321),
            await stack.cancel(job, key="r4", message="\x1b[31m"),
            await stack.scheduler.cancel_job_2(
                ALICE, str(job), Cancel(reason_code="Not Allowed"), "r5"
            ),
            await stack.cancel_task(job, 99, key="r6"),
            await stack.cancel_task(job, 2, key="r7"),
            await stack.cancel_task(job, 1, CancelMode.GRACEFUL, key="r8"),
            await stack.scheduler.submit_job_by_id(ALICE, str(job), "r9"),
            await stack.scheduler.configure_job(ALICE, str(job), "r10"),
            await stack.scheduler.requeue_job(ALICE, str(job), "r11"),
            await stack.scheduler.finish_job(BOB, str(job), "", "r12"),
        ]
        assert [a.code for a in asked] == [
            "not_permitted",
            "not_permitted",
            "message_too_long",
            "message_bad_character",
            "bad_reason_code",
            "unknown_task",
            "not_this_task_type",
            "no_graceful_task_cancel",
            "illegal_transition",
            "illegal_transition",
            "illegal_transition",
            "not_permitted",
        ]
        assert all(a.explanation and a.rule and a.hresult for a in asked)
        stored = {x.position: x for x in await world.stored(job)}
        assert all(stored[a.position].type == a.event_type for a in asked)
        after = await stack.ledger.job(job)
        assert after is not None
        same = {"version": before.version, "changed_at": before.changed_at, "asked": {}}
        assert replace(after, **same) == replace(before, asked={})
        assert after.state is JobState.RUNNING


async def test_a_reused_request_id_is_refused_and_its_first_answer_stands(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore")
        first = await stack.cancel(job, message="one")
        other = await stack.cancel(job, message="another")
        assert other.code == "request_id_reused"
        again = await stack.cancel(job, message="one")
        assert (again.replayed, again.event_id) == (True, first.event_id)
        bobs = await stack.cancel(job, caller=OPERATOR, message="one")
        assert bobs.outcome is Outcome.REPEATED, "another actor's id never matches"


async def test_an_unknown_job_is_answered_on_the_requests_of_the_day(world: World) -> None:
    async with Stack(world) as stack:
        for asked in ("4711", "2147483648", "0", "-1", "x" * 100, "\ud800", "\uff11"):
            answer = await stack.cancel(asked, key=f"k{len(asked)}", caller=BOB)
            assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, "unknown_job")
            assert (answer.hresult, answer.job_state) == (HResult.INVALID_JOB_ID, None)
        task = await stack.cancel_task("4711", 3, caller=BOB)
        assert (task.outcome, task.task_id) == (Outcome.UNKNOWN, 3)
        day = await world.log.load(e.request_aggregate(START))
        assert [x.type for x in day] == ["CancelRefused"] * 8
        assert await world.jobs() == []


async def test_command_jobs_are_for_administrators(world: World) -> None:
    async with Stack(world) as stack:
        refused = await stack.add("run", job_type=JobType.ADMIN)
        assert (refused.outcome, refused.code) == (Outcome.REFUSED, "not_permitted")
        made = await stack.add("run", job_type=JobType.ADMIN, caller=ADMIN)
        await stack.went(int(made.job_id))
        for caller in (ALICE, OPERATOR, JOB_ADMIN):
            answer = await stack.cancel(made.job_id, caller=caller, key=caller.actor.name)
            assert answer.code == "not_permitted"
        assert (await stack.cancel(made.job_id, caller=ADMIN)).outcome is Outcome.ACCEPTED
        await stack.state(int(made.job_id), JobState.CANCELED)
