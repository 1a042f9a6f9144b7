"""Sweeps, services and nodes, carried out on the engine, and through a crash of the service."""

from typing import Any

from application.engine import Node, RunKey
from application.scheduler import NewJob
from domain import events as e
from domain.job import Job
from domain.states import CancelMode, JobState, TaskState, TaskType
from domain.subtasks import subtask
from tests.support.stack import ALICE, Stack, World

TWO = (Node("n1", 1), Node("n2", 1))
PREP = e.TaskSpec(1, "prepare", TaskType.NODE_PREP)
RELEASE = e.TaskSpec(3, "exit 0", TaskType.NODE_RELEASE)


def sweep(number: int = 1, end: int = 1000) -> e.TaskSpec:
    return e.TaskSpec(number, "run *", TaskType.PARAMETRIC_SWEEP, start=1, end=end, increment=1)


def key(job: int, instance: int, task: int = 1, attempt: int = 1) -> RunKey:
    return RunKey(job, task, instance, attempt)


async def submitted(stack: Stack, *tasks: e.TaskSpec, **options: Any) -> int:
    receipt = await stack.scheduler.submit_job(ALICE, NewJob("a job", tasks, **options), "add")
    return int(receipt.job_id)


def state_of(job: Job, instance: int, task: int = 1) -> TaskState:
    found = subtask(job.tasks[task], instance)
    assert found
    return found.state


async def test_subtasks_get_the_slots_one_after_the_other(world: World) -> None:
    async with Stack(world, nodes=TWO) as stack:
        job = await submitted(stack, sweep())
        await stack.went(job, instance=1)
        await stack.went(job, instance=2)
        assert world.machine.runs[key(job, 1)].spec.command == "run 1"
        assert {world.machine.runs[key(job, n)].status.node for n in (1, 2)} == {"n1", "n2"}
        stack.fake.finish(key(job, 2))
        await stack.went(job, instance=3)
        stack.fake.finish(key(job, 1), code=4)
        await stack.went(job, instance=4)
        now = await stack.state(job, JobState.RUNNING)
        assert (state_of(now, 1), state_of(now, 2)) == (TaskState.FAILED, TaskState.FINISHED)


async def test_a_cancel_goes_on_where_a_crash_left_it(world: World) -> None:
    async with Stack(world, nodes=TWO) as first:
        job = await submitted(first, sweep())
        await first.went(job, instance=2)
        await first.went(job, instance=1)
        await first.cancel(job, CancelMode.FORCED)
        second = await first.again()
        ended = await second.state(job, JobState.CANCELED)
        subtasks = ended.tasks[1].subtasks
        assert subtasks
        assert (str(subtasks.failed), str(subtasks.canceled)) == ("1-2", "3-1000")
        assert ended.force_stopped == 2
        await second.crash()


async def test_an_instance_of_a_service_is_replaced_until_the_job_is_canceled(
    world: World,
) -> None:
    service = e.TaskSpec(1, "run", TaskType.SERVICE, instances=2)
    async with Stack(world, nodes=TWO) as stack:
        job = await submitted(stack, service)
        await stack.went(job, instance=1)
        await stack.went(job, instance=2)
        stack.fake.finish(key(job, 1))
        await stack.went(job, instance=1, attempt=2)
        await stack.cancel(job, CancelMode.FORCED)
        ended = await stack.state(job, JobState.CANCELED)
        assert ended.force_stopped == 2


async def test_work_waits_for_preparation_node_by_node(world: World) -> None:
    async with Stack(world, nodes=TWO) as stack:
        job = await submitted(stack, PREP, sweep(2, end=2), RELEASE)
        await stack.went(job, instance=1)
        await stack.went(job, instance=2)
        stack.fake.finish(key(job, 1), code=1)
        stack.fake.finish(key(job, 2))
        await stack.went(job, task=2, instance=1)
        assert world.machine.runs[key(job, 1, task=2)].status.node == "n2"
        stack.fake.finish(key(job, 1, task=2))
        await stack.went(job, task=2, instance=2)
        assert world.machine.runs[key(job, 2, task=2)].status.node == "n2"
        stack.fake.finish(key(job, 2, task=2))
        for instance in (1, 2):
            await stack.went(job, task=3, instance=instance)
        await stack.state(job, JobState.FINISHED)
