"""Dependencies, node preparation and retries, carried out."""

from domain import events as e
from domain.states import JobState, TaskState, TaskType
from tests.support.stack import ADMIN, ALICE, Stack, World


async def submit(stack: Stack, *tasks: e.TaskSpec) -> int:
    new = type(stack.scheduler.create_job())("a job", tasks)
    return int((await stack.scheduler.submit_job(ALICE, new, "k1")).job_id)


async def starts(world: World, job: int) -> list[int]:
    """Tasks in the order of their starts."""
    return [f.runs[0].task for f in await world.facts(job) if isinstance(f, e.TaskStarted)]


async def test_tasks_start_in_the_order_of_what_they_depend_on(world: World) -> None:
    async with Stack(world) as stack:
        job = await submit(
            stack,
            e.TaskSpec(1, "exit 0", depends_on=("b",)),
            e.TaskSpec(2, "exit 0", name="b", depends_on=("a",)),
            e.TaskSpec(3, "exit 0", name="a"),
            e.TaskSpec(4, "exit 0", TaskType.NODE_PREP),
        )
        await stack.state(job, JobState.FINISHED)
        assert await starts(world, job) == [4, 3, 2, 1]


async def test_a_failed_preparation_fails_the_job(world: World) -> None:
    async with Stack(world) as stack:
        prep = e.TaskSpec(1, "exit 1", TaskType.NODE_PREP)
        job = await submit(stack, prep, e.TaskSpec(2, "run"))
        now = await stack.state(job, JobState.FAILED)
        assert "node preparation failed" in now.error_params
        assert (now.tasks[2].state, now.tasks[2].attempt) == (TaskState.CANCELED, 0)


async def test_what_waits_in_vain_ends_with_the_job(world: World) -> None:
    async with Stack(world) as stack:
        job = await submit(
            stack, e.TaskSpec(1, "exit 1", name="a"), e.TaskSpec(2, "run", depends_on=("a",))
        )
        await stack.state(job, JobState.FAILED)


async def test_a_task_runs_again_by_itself(world: World) -> None:
    async with Stack(world) as stack:
        await stack.scheduler.set_cluster_parameter(ADMIN, "TaskRetryCount", "0", "p1")
        job = await submit(stack, e.TaskSpec(1, "exit 1", retry_count=2))
        now = await stack.state(job, JobState.FAILED)
        assert (now.tasks[1].attempt, now.tasks[1].retries) == (3, 2)
        assert await starts(world, job) == [1, 1, 1]
