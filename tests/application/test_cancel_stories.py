"""Cancels from the request to the last process, told by what stands in the log."""

from domain import events as e
from domain.error_message import error_message
from domain.outcome import Outcome
from domain.states import CancelMode, ForceReason, JobState, NodeRelease, StopStep, TaskState
from tests.support.stack import ADMIN, ALICE, OPERATOR, Stack, World, until


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
        await stack.went(job, 1, 2)
        await stack.went(job, 2, 2)
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
