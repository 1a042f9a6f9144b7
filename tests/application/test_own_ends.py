"""FailOnTaskFailure, RunUntilCanceled, run-time limits and priorities, carried out."""

from datetime import timedelta

from domain import events as e
from domain.commands import JobChanges
from domain.states import JobPriority, JobState, TaskState
from tests.support.stack import ADMIN, ALICE, Stack, World, until


async def submit(stack: Stack, *tasks: e.TaskSpec, key: str = "k1", **options: object) -> int:
    new = stack.scheduler.create_job()
    made = type(new)("a job", tasks, **options)  # type: ignore[arg-type]
    return int((await stack.scheduler.submit_job(ALICE, made, key)).job_id)


async def end(stack: Stack, job: int) -> None:
    """Its first task is over, and well."""
    await stack.scheduler.finish_task(ALICE, str(job), 1, "enough", "end")


async def test_a_failed_task_stops_the_rest(world: World) -> None:
    async with Stack(world) as stack:
        tasks = (e.TaskSpec(1, "exit 3"), e.TaskSpec(2, "run"))
        job = await submit(stack, *tasks, fail_on_task_failure=True)
        await stack.state(job, JobState.FAILED)
        now = await stack.ledger.job(job)
        assert now is not None
        assert now.error_params.startswith("task 1 failed")
        assert "JobFailing" in await world.types(job)


async def test_a_job_without_tasks_runs_until_it_is_canceled(world: World) -> None:
    async with Stack(world) as stack:
        job = await submit(stack, run_until_canceled=True)
        await stack.state(job, JobState.RUNNING)
        await stack.scheduler.add_tasks(ALICE, str(job), (e.TaskSpec(1, "run"),), "k2")
        await stack.went(job, 1)
        await end(stack, job)
        await stack.scheduler.finish_job(ALICE, str(job), "enough", "k3")
        await stack.state(job, JobState.FINISHED)


async def test_a_run_and_a_job_are_stopped_when_their_time_is_over(world: World) -> None:
    async with Stack(world) as stack:
        await stack.scheduler.set_cluster_parameter(ADMIN, "JobRuntime", "100", "p1")
        tasks = (e.TaskSpec(1, "run", runtime_seconds=10), e.TaskSpec(2, "run"))
        job = await submit(stack, *tasks)
        await stack.went(job, 1)
        await stack.went(job, 2)
        world.clock.advance(timedelta(seconds=11))
        await stack.scheduler.set_cluster_parameter(ADMIN, "JobRuntime", "0", "p2")
        await until(lambda: stack.board.jobs[job].tasks[1].state is TaskState.FAILED, "the run")
        assert stack.board.jobs[job].tasks[1].code == "run_limit"
        assert stack.board.jobs[job].state is JobState.RUNNING
        world.clock.advance(timedelta(seconds=100))
        await stack.scheduler.set_cluster_parameter(ADMIN, "JobRuntime", "7", "p3")
        await stack.state(job, JobState.FAILED)


async def test_what_ran_out_while_nobody_looked_is_stopped_at_the_next_start(world: World) -> None:
    async with Stack(world) as stack:
        job = await submit(stack, e.TaskSpec(1, "run"), runtime_seconds=10)
        await stack.went(job, 1)
    world.clock.advance(timedelta(seconds=60))
    async with Stack(world) as stack:
        await stack.state(job, JobState.FAILED)
        assert (await world.types(job)).count("JobFailing") == 1


async def test_the_next_slot_goes_by_priority_then_by_the_order_of_submission(
    world: World,
) -> None:
    async with Stack(world, slots=1) as stack:
        first = await submit(stack, e.TaskSpec(1, "run"), key="k0")
        await stack.went(first, 1)
        work = e.TaskSpec(1, "run")
        low = await submit(stack, work, key="k1", priority=JobPriority.LOWEST)
        one = await submit(stack, work, key="k2")
        two = await submit(stack, work, key="k3")
        high = await submit(stack, work, key="k4", priority=JobPriority.HIGHEST)
        raised = await submit(stack, work, key="k5", priority=JobPriority.LOWEST)
        for job in (low, one, two, high, raised):
            await stack.state(job, JobState.QUEUED)
        changes = JobChanges(priority=JobPriority.ABOVE_NORMAL)
        await stack.scheduler.set_job_properties(ALICE, str(raised), changes, "k6")
        await stack.caught_up()
        await end(stack, first)
        for job in (high, raised, one, two, low):
            await stack.went(job, 1)
            await end(stack, job)
