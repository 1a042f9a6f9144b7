"""Finish and requeue of one task, told by what stands in the log and what the machine did."""

from datetime import timedelta

import pytest

from domain import events as e
from domain.errors import Throttled, Unknown
from domain.outcome import Outcome
from domain.states import CancelMode, JobState, TaskState
from tests.support.fuse import Fuse
from tests.support.stack import ADMIN, ALICE, BOB, GRACE_MS, OPERATOR, Stack, World


async def end_run(stack: Stack, job: int, task: int, attempt: int = 1) -> None:
    run = stack.world.run(job, task, attempt)
    assert run is not None
    stack.fake.finish(run.status.key)


async def test_a_running_task_is_stopped_and_finished_and_the_others_go_on(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore", "run", release="exit 0")
        answer = await stack.finish_task(job, 1)
        assert (answer.outcome, answer.operation, answer.task_id) == (
            Outcome.ACCEPTED,
            "finish_task",
            1,
        )
        assert answer.explanation == f"job {job}: finish of task 1 accepted; it is being stopped"
        await stack.ordered(job, 1)
        stack.fake.advance(GRACE_MS)
        await stack.stored(job, "TaskForceStopped")
        assert stack.world.run(job, 2) is not None
        await end_run(stack, job, 2)
        ended = await stack.state(job, JobState.FINISHED)
        assert ended.released
        assert [t.state for t in ended.work] == [TaskState.FINISHED, TaskState.FINISHED]
        assert getattr(world.run(job, 1), "signals", None) == [15, 9]
        await world.check(stack, job)


async def test_a_waiting_task_counts_as_finished_and_its_slot_goes_to_the_next(
    world: World,
) -> None:
    async with Stack(world, slots=1) as stack:
        job = int((await stack.add("run", "run", "exit 0")).job_id)
        await stack.went(job, 1)
        answer = await stack.finish_task(job, 2)
        assert "counts as Finished and never runs" in answer.explanation
        await end_run(stack, job, 1)
        await stack.state(job, JobState.FINISHED)
        assert (world.run(job, 2), world.run(job, 3) is not None) == (None, True)
        await world.check(stack, job)


async def test_a_failed_task_runs_again_while_the_job_goes_on(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", "run")
        await stack.cancel_task(job, 1, CancelMode.FORCED)
        await stack.stored(job, "TaskForceStopped")
        answer = await stack.requeue_task(job, 1)
        assert (answer.outcome, answer.job_state) == (Outcome.ACCEPTED, JobState.RUNNING)
        assert answer.explanation == f"job {job}: task 1 is queued again, as attempt 2"
        await stack.went(job, 1, 2)
        await end_run(stack, job, 1, 2)
        await end_run(stack, job, 2)
        ended = await stack.state(job, JobState.FINISHED)
        assert [t.attempt for t in ended.work] == [2, 1]
        await world.check(stack, job)


async def test_a_task_canceled_before_it_ran_runs_after_all(world: World) -> None:
    async with Stack(world, slots=1) as stack:
        job = int((await stack.add("run", "exit 0")).job_id)
        await stack.went(job, 1)
        await stack.cancel_task(job, 2)
        await stack.stored(job, "TaskCanceled")
        await stack.requeue_task(job, 2)
        await end_run(stack, job, 1)
        ended = await stack.state(job, JobState.FINISHED)
        assert [(t.state, t.attempt) for t in ended.work] == [
            (TaskState.FINISHED, 1),
            (TaskState.FINISHED, 1),
        ]
        await world.check(stack, job)


async def test_after_the_end_no_task_is_queued_again_and_the_refusal_names_the_task(
    world: World,
) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        await stack.cancel_task(job, 1)
        await stack.state(job, JobState.FAILED)
        refused = await stack.requeue_task(job, 1)
        assert (refused.outcome, refused.hresult) == (Outcome.REFUSED, 0x8004024C)
        late = await stack.finish_task(job, 1)
        assert (late.outcome, late.hresult) == (Outcome.REFUSED, 0x80040209)
        facts = (await world.facts(job))[-2:]
        assert [
            (x.command, x.task, x.task_state, x.message)
            for x in facts
            if isinstance(x, e.JobCommandRefused)
        ] == [
            ("requeue_task", 1, TaskState.FAILED, ""),
            ("finish_task", 1, TaskState.FAILED, "enough"),
        ]


async def test_the_rights_are_those_of_the_job(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", "run")
        for answer in (
            await stack.finish_task(job, 1, caller=BOB),
            await stack.requeue_task(job, 1, caller=BOB),
        ):
            assert (answer.outcome, answer.code) == (Outcome.REFUSED, "not_permitted")
            assert answer.job_state is None
        done = await stack.finish_task(job, 1, key="o1", caller=OPERATOR)
        assert done.outcome is Outcome.ACCEPTED


async def test_no_such_task_and_no_such_job_are_unknown(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        for answer in (await stack.finish_task(job, 9), await stack.requeue_task(job, 9)):
            assert (answer.outcome, answer.code, answer.task_id) == (
                Outcome.UNKNOWN,
                "unknown_task",
                9,
            )
        with pytest.raises(Unknown):
            await stack.finish_task(4711, 1)
        with pytest.raises(Unknown):
            await stack.requeue_task(4711, 1)


async def test_the_same_requests_are_answered_as_before_also_after_a_restart(
    world: World,
) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", "run", "run")
        finish = await stack.finish_task(job, 1)
        await stack.cancel_task(job, 2)
        await stack.stored(job, "TaskStopped", 2)
        requeue = await stack.requeue_task(job, 2)
        refused = await stack.requeue_task(job, 1)
        await stack.went(job, 2, 2)
        length = len(await world.types(job))
    async with Stack(world) as stack:
        again = [
            await stack.finish_task(job, 1),
            await stack.requeue_task(job, 2),
            await stack.requeue_task(job, 1),
        ]
        assert [x.event_id for x in again] == [x.event_id for x in (finish, requeue, refused)]
        assert [x.outcome for x in again] == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REFUSED]
        assert all(x.replayed for x in again)
        assert [x.task_id for x in again] == [1, 2, 1]
        assert len(await world.types(job)) == length


async def test_requeues_that_change_nothing_are_counted_as_refusals_are(world: World) -> None:
    async with Stack(world, slots=1, refusals_per_minute=2) as stack:
        job = int((await stack.add("run", "run")).job_id)
        await stack.went(job, 1)
        for n in range(2):
            answer = await stack.requeue_task(job, 2, key=f"q{n}")
            assert answer.explanation == f"job {job}: task 2 waits already; nothing changes"
        with pytest.raises(Throttled):
            await stack.requeue_task(job, 2, key="q9")
        world.clock.advance(timedelta(minutes=1))
        await stack.requeue_task(job, 2, key="q9")


async def test_a_start_is_not_told_to_go_when_a_finish_came_first(world: World) -> None:
    """Dead between the start's event and the word to go: nothing of the task ever runs."""
    fuse = Fuse("append", 6, "after")
    stack = await Stack(world, fuse=fuse).start()
    job = int((await stack.add("run")).job_id)
    await fuse.blown.wait()
    await stack.crash()
    assert (await world.types(job))[-1] == "TaskStarted"
    async with Stack(world, carry=False) as stack:
        await stack.finish_task(job, 1)
    async with Stack(world) as stack:
        ended = await stack.state(job, JobState.FINISHED)
        assert (ended.tasks[1].state, ended.tasks[1].exit) == (TaskState.FINISHED, e.Exit())
        assert "go" not in [act for act, _ in world.acts]
        await world.check(stack, job)


async def test_the_grace_period_is_the_clusters(world: World) -> None:
    async with Stack(world) as stack:
        await stack.scheduler.set_cluster_parameter(ADMIN, "TaskCancelGracePeriod", "3", "p1")
        job = await stack.running("ignore")
        await stack.scheduler.finish_task(ALICE, str(job), 1, "", "f1")
        await stack.ordered(job)
        stack.fake.advance(3_000)
        await stack.state(job, JobState.FINISHED)
