"""``kill -9`` before and after every single append and every single act of the engine, in turn.

Each story is told by a caller who repeats every request with its id until it is answered, and whose
waiting asks only for what has happened at some time: so it can be told again to the next service.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import pytest

from domain.errors import Unavailable
from domain.states import CancelMode, JobState, TaskState
from tests.support.fake_engine import FakeRun
from tests.support.fuse import Fuse, What, When
from tests.support.stack import ADMIN, ALICE, GRACE_MS, Stack, World, until

NTH_MAX: Final = 80
Story = Callable[[Stack], Awaitable[None]]


# --- the stories ----------------------------------------------------------------------------------


async def out_of_patience(stack: Stack, run: FakeRun) -> None:
    """The grace period of a run that ignores the signal runs out."""
    await until(lambda: run.kill_due_ms is not None or run.status.exit.signal, "the order")
    if run.kill_due_ms is not None:
        stack.fake.advance(GRACE_MS)


async def normal(stack: Stack) -> None:
    job = await stack.running("ignore", "handle 3", "exit 0", release="exit 0")
    await stack.stored(job, "TaskFinished")
    assert (await stack.cancel(job, key="c1")).code == ""
    await out_of_patience(stack, await stack.ordered(job))
    await stack.stored(job, "JobCanceled")


async def normal_is_right(world: World, stack: Stack, number: int) -> None:
    job = await world.check(stack, number)
    assert job.state is JobState.CANCELED
    assert [t.state for t in job.work] == [TaskState.FAILED, TaskState.FAILED, TaskState.FINISHED]
    assert (job.stopped, job.force_stopped, job.released) == (1, 1, True)
    types = await world.types(number)
    assert [types.count(t) for t in ("JobCancelRequested", "NodeReleaseEnded")] == [1, 1]
    signals = {n: getattr(world.run(number, n), "signals", None) for n in (1, 2, 4)}
    assert signals == {1: [15, 9], 2: [15], 4: []}


async def forced(stack: Stack) -> None:
    job = await stack.running("ignore", "run", release="exit 0")
    await stack.cancel(job, CancelMode.FORCED)
    await stack.stored(job, "JobCanceled")


async def forced_is_right(world: World, stack: Stack, number: int) -> None:
    job = await world.check(stack, number)
    assert (job.state, job.stopped, job.force_stopped) == (JobState.CANCELED, 0, 2)
    types = await world.types(number)
    assert types.count("NodeReleaseSkipped") == 1
    assert "NodeReleaseStarted" not in types
    assert [getattr(world.run(number, n), "signals", None) for n in (1, 2)] == [[9], [9]]


async def finish(stack: Stack) -> None:
    job = await stack.running("handle 0", "run", release="exit 0")
    await stack.scheduler.finish_job(ALICE, str(job), "enough", "f1")
    await stack.stored(job, "JobFinished")


async def finish_is_right(world: World, stack: Stack, number: int) -> None:
    job = await world.check(stack, number)
    assert (job.state, job.released) == (JobState.FINISHED, True)
    assert [t.state for t in job.work] == [TaskState.FINISHED, TaskState.FINISHED]


async def requeue(stack: Stack) -> None:
    job = await stack.running("exit 0", "run", release="exit 0")
    await stack.stored(job, "TaskFinished")
    await stack.cancel(job)
    await stack.stored(job, "JobCanceled")
    await stack.scheduler.requeue_job(ALICE, str(job), "q1")
    await stack.went(job, 2, 2)
    run = stack.world.run(job, 2, 2)
    assert run is not None
    if run.status.phase == "running":
        stack.fake.finish(run.status.key)
    await stack.stored(job, "JobFinished")


async def requeue_is_right(world: World, stack: Stack, number: int) -> None:
    job = await world.check(stack, number)
    assert (job.state, job.requeue_count, job.released) == (JobState.FINISHED, 1, True)
    assert [(t.state, t.attempt) for t in job.tasks.values()] == [
        (TaskState.FINISHED, 1),
        (TaskState.FINISHED, 2),
        (TaskState.FINISHED, 2),
    ]


async def escalated(stack: Stack) -> None:
    job = await stack.running("ignore", release="exit 0")
    await stack.cancel(job, CancelMode.GRACEFUL, key="c1")
    await stack.cancel(job, CancelMode.NORMAL, key="c2")
    await stack.ordered(job)
    await stack.cancel(job, CancelMode.FORCED, key="c3")
    await stack.stored(job, "JobCanceled")


async def escalated_is_right(world: World, stack: Stack, number: int) -> None:
    job = await world.check(stack, number)
    assert (job.state, job.force_stopped) == (JobState.CANCELED, 1)
    assert (await world.types(number)).count("JobCancelRequested") == 3


async def tasks(stack: Stack) -> None:
    job = await stack.running("run", "exit 0", release="exit 0")
    await stack.stored(job, "TaskFinished")
    await stack.cancel_task(job, 1)
    await stack.stored(job, "JobFailed")


async def tasks_is_right(world: World, stack: Stack, number: int) -> None:
    job = await world.check(stack, number)
    assert (job.state, job.released) == (JobState.FAILED, True)
    assert (await world.types(number)).count("TaskCancelRequested") == 1


async def tasks_over_and_again(stack: Stack) -> None:
    job = await stack.running("ignore", "run", "run", release="exit 0")
    await stack.finish_task(job, 1)
    await stack.cancel_task(job, 2, CancelMode.FORCED)
    await stack.stored(job, "TaskForceStopped")
    assert (await stack.requeue_task(job, 2)).code == ""
    await stack.went(job, 2, 2)
    await out_of_patience(stack, await stack.ordered(job))
    await stack.stored(job, "TaskForceStopped", 2)
    for task, attempt in ((2, 2), (3, 1)):
        run = stack.world.run(job, task, attempt)
        assert run is not None
        if run.status.phase == "running":
            stack.fake.finish(run.status.key)
    await stack.stored(job, "JobFinished")


async def tasks_over_and_again_is_right(world: World, stack: Stack, number: int) -> None:
    job = await world.check(stack, number)
    assert (job.state, job.requeue_count, job.released) == (JobState.FINISHED, 0, True)
    assert [(t.state, t.attempt) for t in job.work] == [
        (TaskState.FINISHED, 1),
        (TaskState.FINISHED, 2),
        (TaskState.FINISHED, 1),
    ]
    types = await world.types(number)
    assert [types.count(t) for t in ("TaskFinishRequested", "TaskRequeued")] == [1, 1]
    assert getattr(world.run(number, 1), "signals", None) == [15, 9]


async def removed(stack: Stack) -> None:
    await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "0", "p1")
    job = int((await stack.add("exit 0")).job_id)
    await stack.stored(job, "JobRemoved")
    await until(lambda: not stack.world.machine.runs, "the notes of the run to go")
    await stack.caught_up()


async def removed_is_right(world: World, stack: Stack, number: int) -> None:
    assert (await world.check(stack, number)).removed
    assert world.machine.runs == {}
    assert (await world.types(number)).count("JobRemoved") == 1
    assert (stack.board.jobs, dict(stack.board.ended), stack.board.corrupt) == ({}, {}, {})


STORIES: Final = {
    "normal": (normal, normal_is_right),
    "forced": (forced, forced_is_right),
    "finish": (finish, finish_is_right),
    "requeue": (requeue, requeue_is_right),
    "escalated": (escalated, escalated_is_right),
    "task": (tasks, tasks_is_right),
    "task over, task again": (tasks_over_and_again, tasks_over_and_again_is_right),
    "removed": (removed, removed_is_right),
}


# --- telling them ---------------------------------------------------------------------------------


async def told(stack: Stack, story: Story) -> bool:
    """Tell the story until its end (True) or the service's (False)."""
    telling = asyncio.create_task(patiently(stack, story))
    dying = asyncio.create_task(stack.fuse.blown.wait())
    await asyncio.wait((telling, dying), return_when=asyncio.FIRST_COMPLETED)
    ended = telling.done() and not stack.fuse.blown.is_set()
    for task in (telling, dying):
        task.cancel()
    results = await asyncio.gather(telling, dying, return_exceptions=True)
    if ended and isinstance(results[0], BaseException):
        raise results[0]
    return ended


async def patiently(stack: Stack, story: Story) -> None:
    """Callers ask again with the same request id."""
    while True:
        try:
            return await story(stack)
        except Unavailable:
            continue


async def lives(world: World, story: Story, *fuses: Fuse) -> tuple[Stack, int]:
    """The story over as many lives as there are fuses that blow, and one more; how many blew."""
    for n, fuse in enumerate([*fuses, Fuse()]):
        stack = await Stack(world, fuse=fuse).start()
        if await told(stack, story):
            return stack, n
        await stack.crash()
    raise AssertionError("the last fuse never blows")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["append", "act"])
@pytest.mark.parametrize("name", STORIES)
async def test_a_crash_anywhere_changes_nothing(
    name: str, what: What, when: When, new_world: Callable[[], World]
) -> None:
    story, is_right = STORIES[name]
    blew = 0
    for nth in range(1, NTH_MAX):
        world = new_world()
        stack, died = await lives(world, story, Fuse(what, nth, when))
        try:
            [number] = await world.jobs()
            await is_right(world, stack, number)
        finally:
            await stack.crash()
        if not died:
            break
        blew += 1
    assert 3 <= blew < NTH_MAX - 1, "the fuse blew at every append and act, and no later"


@pytest.mark.parametrize("what", ["append", "act"])
async def test_crashes_in_the_mending_of_crashes_change_nothing(
    what: What, new_world: Callable[[], World]
) -> None:
    """Dead after the first append or act, then after the second of the next life, and so on."""
    for story, is_right in STORIES.values():
        world = new_world()
        fuses = [Fuse(what, nth, "after") for nth in range(1, NTH_MAX)]
        stack, died = await lives(world, story, *fuses)
        try:
            [number] = await world.jobs()
            await is_right(world, stack, number)
            assert 2 <= died < NTH_MAX - 1
        finally:
            await stack.crash()
