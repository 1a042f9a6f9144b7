"""Cancels from the request to the last process, told by what stands in the log."""

from datetime import timedelta

from msgspec.structs import replace

from application.receipts import Outcome
from application.scheduler import Cancel
from domain import events as e
from domain.error_message import error_message
from domain.hresult import HResult
from domain.identity import Caller
from domain.states import (
    CancelMode,
    ForceReason,
    JobState,
    JobType,
    NodeRelease,
    StopStep,
    TaskState,
)
from tests.support.stack import (
    ADMIN,
    ALICE,
    AUDITOR,
    BOB,
    GRACE_MS,
    JOB_ADMIN,
    OPERATOR,
    START,
    Stack,
    World,
    until,
)


async def test_a_normal_cancel_stops_signals_and_then_releases_the_node(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("handle 3", "linger 2000", release="exit 0")
        answer = await stack.cancel(job, message="maintenance")
        assert (answer.outcome, answer.job_state) == (Outcome.ACCEPTED, JobState.CANCELING)
        assert "2 running and 0 waiting" in answer.explanation
        await stack.ordered(job, 2)
        stack.fake.advance(2000)
        ended = await stack.state(job, JobState.CANCELED)
        assert (ended.stopped, ended.force_stopped, ended.released) == (2, 0, True)
        assert error_message(ended.error_code, ended.error_params).endswith("maintenance")
        stopped = [f for f in await world.facts(job) if isinstance(f, e.TaskStopped)]
        assert {(f.runs[0].task, f.exit.code, f.after_ms) for f in stopped} == {
            (1, 3, 0),
            (2, 0, 2000),
        }
        assert await world.types(job) == [
            "JobAdded",
            "JobSubmitted",
            "JobValidationStarted",
            "JobQueued",
            "JobStarted",
            "TaskStarted",
            "TaskStarted",
            "JobCancelRequested",
            "TaskStopOrdered",
            "TaskStopped",
            "TaskStopped",
            "NodeReleaseStarted",
            "NodeReleaseEnded",
            "JobCanceled",
        ]
        await world.check(stack, job)


async def test_who_ignores_the_signal_is_killed_when_the_grace_period_is_over(world: World) -> None:
    async with Stack(world) as stack:
        await stack.scheduler.set_cluster_parameter(ADMIN, "taskcancelgraceperiod", "7", "p1")
        job = await stack.running("ignore")
        await stack.cancel(job)
        await stack.ordered(job)
        stack.fake.advance(6999)
        assert "TaskForceStopped" not in await world.types(job)
        stack.fake.advance(1)
        await stack.state(job, JobState.CANCELED)
        [fact] = [f for f in await world.facts(job) if isinstance(f, e.TaskForceStopped)]
        assert (fact.why, fact.after_ms, fact.killed, fact.survivors) == (
            ForceReason.GRACE_EXPIRED,
            7000,
            1,
            0,
        )
        await world.check(stack, job)


async def test_a_forced_cancel_kills_at_once_and_skips_node_release(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore", release="exit 0")
        assert (await stack.cancel(job, CancelMode.FORCED)).outcome is Outcome.ACCEPTED
        ended = await stack.state(job, JobState.CANCELED)
        assert (ended.force_stopped, ended.released) == (1, False)
        facts = await world.facts(job)
        [asked] = [f for f in facts if isinstance(f, e.JobCancelRequested)]
        assert (asked.node_release, asked.grace_seconds) == (NodeRelease.SKIP, 0)
        assert [f for f in facts if isinstance(f, e.NodeReleaseSkipped)]
        assert ("go", (job, 2)) not in [(act, (k.job, k.task)) for act, k in world.acts]
        await world.check(stack, job)


async def test_a_graceful_cancel_waits_for_what_runs_and_starts_nothing_new(world: World) -> None:
    async with Stack(world, slots=1) as stack:
        job = int((await stack.add("run", "run", release="exit 0")).job_id)
        await stack.went(job)
        await stack.cancel(job, CancelMode.GRACEFUL)
        live = await stack.state(job, JobState.CANCELING)
        assert [t.state for t in live.work] == [TaskState.RUNNING, TaskState.CANCELED]
        run = world.run(job)
        assert run is not None
        assert run.signals == []
        stack.fake.finish(run.status.key)
        ended = await stack.state(job, JobState.CANCELED)
        assert [t.state for t in ended.work] == [TaskState.FINISHED, TaskState.CANCELED]
        assert ended.released
        await world.check(stack, job)


async def test_a_cancel_is_escalated_twice_and_never_weakened(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore", release="exit 0")
        first = await stack.cancel(job, CancelMode.GRACEFUL, key="c1")
        second = await stack.cancel(job, CancelMode.NORMAL, key="c2", caller=OPERATOR)
        assert (first.outcome, second.outcome) == (Outcome.ACCEPTED, Outcome.ESCALATED)
        await stack.ordered(job)
        weaker = await stack.cancel(job, CancelMode.GRACEFUL, key="c3")
        assert weaker.outcome is Outcome.REPEATED
        third = await stack.cancel(job, CancelMode.FORCED, key="c4")
        assert third.outcome is Outcome.ESCALATED
        await stack.state(job, JobState.CANCELED)
        facts = await world.facts(job)
        steps = [f.step for f in facts if isinstance(f, e.TaskStopOrdered)]
        assert steps == [StopStep.SIGNAL, StopStep.KILL]
        [end] = [f for f in facts if isinstance(f, e.JobCanceled)]
        assert (end.request_id, end.released) == ("c4", False)
        await world.check(stack, job)


async def test_a_forced_cancel_cuts_a_running_node_release_short(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", release="ignore")
        await stack.cancel(job)
        await stack.went(job, 2)
        await stack.cancel(job, CancelMode.FORCED, key="c2")
        await stack.state(job, JobState.CANCELED)
        [fact] = [f for f in await world.facts(job) if isinstance(f, e.NodeReleaseEnded)]
        assert (fact.reason, fact.timed_out, fact.killed) == ("forced", False, 1)
        await world.check(stack, job)


async def test_node_release_is_bounded_by_its_timeout(world: World) -> None:
    async with Stack(world) as stack:
        await stack.scheduler.set_cluster_parameter(ADMIN, "NodeReleaseTaskTimeout", "3", "p1")
        job = await stack.running("run", release="ignore")
        await stack.cancel(job)
        await stack.went(job, 2)
        stack.fake.advance(3000)
        ended = await stack.state(job, JobState.CANCELED)
        assert ended.tasks[2].state is TaskState.FAILED
        [fact] = [f for f in await world.facts(job) if isinstance(f, e.NodeReleaseEnded)]
        assert (fact.timed_out, fact.killed) == (True, 1)
        await world.check(stack, job)


async def test_a_job_whose_processes_cannot_be_killed_ends_all_the_same(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("unkillable")
        await stack.cancel(job, CancelMode.FORCED)
        ended = await stack.state(job, JobState.CANCELED)
        assert ended.tasks[1].survivors == 1
        await until(lambda: job in stack.board.jobs, "the job stays on the board")
        key = next(iter(world.machine.runs))
        stack.fake.end_survivors(key)
        await stack.stored(job, "TaskSurvivorsGone")
        await until(lambda: job not in stack.board.jobs, "the job leaves the board")
        assert (await world.types(job)).count("TaskSurvivorsGone") == 1
        await world.check(stack, job)


async def test_nothing_runs_so_a_waiting_job_is_canceled_at_once(world: World) -> None:
    async with Stack(world, slots=1) as stack:
        first = await stack.running("run", key="a1")
        job = int((await stack.add("run", release="exit 0", key="a2")).job_id)
        await stack.state(job, JobState.QUEUED)
        await stack.cancel(job)
        ended = await stack.state(job, JobState.CANCELED)
        assert [t.state for t in ended.tasks.values()] == [TaskState.CANCELED, TaskState.CANCELED]
        assert {k.job for _, k in world.acts} == {first}
        configuring = int((await stack.add("run", key="a3", submit=False)).job_id)
        await stack.cancel(configuring)
        await stack.state(configuring, JobState.CANCELED)
        for number in (job, configuring):
            await world.check(stack, number)


# --- repeats and refusals -------------------------------------------------------------------------


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
            await stack.scheduler.cancel_job(
                ALICE, str(job), Cancel(reason_code="Not Allowed"), "r5"
            ),
            await stack.cancel_task(job, 99, key="r6"),
            await stack.cancel_task(job, 2, key="r7"),
            await stack.cancel_task(job, 1, CancelMode.GRACEFUL, key="r8"),
            await stack.scheduler.submit_job(ALICE, str(job), "r9"),
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


# --- one task -------------------------------------------------------------------------------------


async def test_canceling_tasks_one_by_one(world: World) -> None:
    async with Stack(world, slots=2) as stack:
        job = int((await stack.add("ignore", "run", "run", "run")).job_id)
        await stack.went(job, 1)
        await stack.went(job, 2)
        waiting = await stack.cancel_task(job, 4, key="t4")
        assert waiting.outcome is Outcome.ACCEPTED
        await stack.stored(job, "TaskCanceled")
        first = await stack.cancel_task(job, 1, key="t1")
        again = await stack.cancel_task(job, 1, key="t2", caller=OPERATOR)
        assert again.explanation == (
            f"job {job}: task 1 is already being canceled by alice since 2026-11-23 12:00:00 UTC "
            f"(event {first.position})"
        )
        await stack.ordered(job, 1)
        forced = await stack.cancel_task(job, 1, CancelMode.FORCED, key="t3")
        assert forced.outcome is Outcome.ESCALATED
        await stack.stored(job, "TaskForceStopped")
        await stack.went(job, 3)
        await stack.cancel(job)
        met = await stack.cancel_task(job, 1, key="t5")
        assert met.code == "illegal_transition"
        ended = await stack.state(job, JobState.CANCELED)
        assert [t.state for t in ended.work] == [
            TaskState.FAILED,
            TaskState.FAILED,
            TaskState.FAILED,
            TaskState.CANCELED,
        ]
        requeued = await stack.scheduler.requeue_job(ALICE, str(job), "q")
        assert "3 tasks run again, 1 stay" in requeued.explanation
        await world.check(stack, job)


async def test_a_task_cancel_repeats_the_cancel_of_its_job(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore")
        whole = await stack.cancel(job)
        one = await stack.cancel_task(job, 1, caller=OPERATOR)
        assert one.outcome is Outcome.REPEATED
        assert f"canceled by alice since 2026-11-23 12:00:00 UTC (event {whole.position})" in (
            one.explanation
        )


# --- finish, configure, requeue -------------------------------------------------------------------


async def test_finish_stops_as_a_cancel_does_and_ends_as_finished(world: World) -> None:
    async with Stack(world, slots=1) as stack:
        job = int((await stack.add("ignore", "run", release="exit 0")).job_id)
        await stack.went(job)
        await stack.scheduler.finish_job(ALICE, str(job), "enough", "f1")
        refused = await stack.cancel(job)
        assert refused.code == "illegal_transition"
        await stack.ordered(job)
        stack.fake.advance(GRACE_MS)
        ended = await stack.state(job, JobState.FINISHED)
        assert ended.released
        assert [t.state for t in ended.work] == [TaskState.FINISHED, TaskState.CANCELED]
        await world.check(stack, job)


async def test_a_forced_cancel_cuts_a_finish_short(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore", release="exit 0")
        await stack.scheduler.finish_job(ALICE, str(job), "enough", "f1")
        await stack.ordered(job)
        await stack.cancel(job, CancelMode.FORCED)
        ended = await stack.state(job, JobState.CANCELED)
        assert (ended.force_stopped, ended.released) == (1, False)
        await world.check(stack, job)


async def test_requeue_keeps_what_is_finished_and_runs_the_rest_again(world: World) -> None:
    async with Stack(world, slots=2) as stack:
        job = int((await stack.add("exit 0", "run", "run", "run", release="exit 0")).job_id)
        await stack.stored(job, "TaskFinished")
        await stack.went(job, 2)
        await stack.went(job, 3)
        await stack.cancel_task(job, 4)
        await stack.cancel(job)
        await stack.state(job, JobState.CANCELED)
        await stack.scheduler.requeue_job(ALICE, str(job), "q1")
        await stack.went(job, 2, 2)
        await stack.went(job, 3, 2)
        for task in (2, 3):
            run = world.run(job, task, 2)
            assert run is not None
            stack.fake.finish(run.status.key)
        ended = await stack.state(job, JobState.FAILED)
        assert [(t.state, t.attempt) for t in ended.work] == [
            (TaskState.FINISHED, 1),
            (TaskState.FINISHED, 2),
            (TaskState.FINISHED, 2),
            (TaskState.CANCELED, 0),
        ]
        assert (ended.requeue_count, ended.released) == (1, True)
        await world.check(stack, job)


async def test_configure_and_submit_again(world: World) -> None:
    async with Stack(world, slots=1) as stack:
        await stack.running("run", key="a1")
        job = int((await stack.add("exit 0", key="a2")).job_id)
        await stack.state(job, JobState.QUEUED)
        back = await stack.scheduler.configure_job(ALICE, str(job), "g1")
        assert (back.outcome, back.job_state) == (Outcome.ACCEPTED, JobState.CONFIGURING)
        again = await stack.scheduler.submit_job(ALICE, str(job), "s1")
        assert again.outcome is Outcome.ACCEPTED
        await stack.state(job, JobState.QUEUED)
        await stack.cancel(1)
        await stack.state(job, JobState.FINISHED)
        await world.check(stack, job)


async def test_times_rise_although_the_clock_goes_back(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", release="exit 0")
        await stack.cancel("4711", key="u1")
        await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "7", "p1")
        world.clock.advance(timedelta(hours=-1))
        await stack.cancel(job)
        await stack.cancel("4711", key="u2")
        await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "8", "p2")
        await stack.state(job, JobState.CANCELED)
        await world.check(stack, job)
        for aggregate in (e.request_aggregate(START), stack.ledger.cluster_aggregate):
            times = [
                x.fact.time for x in await world.log.load(aggregate) if hasattr(x.fact, "time")
            ]
            assert times == sorted(set(times))
            assert len(times) >= 2
