"""Properties carried out: what runs start with, holds, changes while a start is under way."""

from datetime import timedelta
from typing import Any

import pytest

from application.engine import RunKey, RunSpec
from application.runs import with_streams
from domain import events as e
from domain.checks import OWN_VARIABLES
from domain.commands import JobChanges, TaskChanges
from domain.states import JobState, TaskType
from tests.application.test_own_ends import submit
from tests.support.stack import ALICE, Stack, World, until


def spec_run(stack: Stack, job: int, task: int, attempt: int = 1) -> RunSpec:
    """What the engine was given."""
    return stack.fake.machine.runs[RunKey(job, task, 0, attempt)].spec


async def test_a_run_has_the_variables_of_its_job_and_its_own_come_first(world: World) -> None:
    async with Stack(world) as stack:
        task = e.TaskSpec(1, "run", environment={"B": "own"})
        job = await submit(stack, task, environment={"A": "job", "B": "job"})
        await stack.went(job, 1)
        assert spec_run(stack, job, 1).environment == {
            "A": "job",
            "B": "own",
            "CCP_JOBNAME": "a job",
        }
        assert spec_run(stack, job, 1).environment.keys() - {"A", "B"} <= set(OWN_VARIABLES)


async def test_variables_that_change_reach_the_runs_that_start_later(world: World) -> None:
    async with Stack(world, slots=1) as stack:
        job = await submit(
            stack, e.TaskSpec(1, "run"), e.TaskSpec(2, "run"), environment={"A": "1"}
        )
        await stack.went(job, 1)
        changes = JobChanges(environment={"A": "2"})
        await stack.scheduler.set_job_properties(ALICE, str(job), changes, "p1")
        other = TaskChanges(command="run", environment={"B": "3"})
        await stack.scheduler.set_task_properties(ALICE, str(job), 2, other, "p2")
        await stack.scheduler.finish_task(ALICE, str(job), 1, "enough", "f1")
        await stack.went(job, 2)
        assert spec_run(stack, job, 1).environment["A"] == "1"
        assert spec_run(stack, job, 2).environment == {"A": "2", "B": "3", "CCP_JOBNAME": "a job"}


async def test_what_changes_while_a_start_is_under_way_is_what_runs(world: World) -> None:
    """The keeper that was prepared with the old command line is given up; nothing of it ran."""
    async with Stack(world, slots=1) as stack:
        first = await submit(stack, e.TaskSpec(1, "run"), key="k1")
        await stack.went(first, 1)
        job = await submit(stack, e.TaskSpec(1, "old"), key="k2")
        await stack.state(job, JobState.QUEUED)
        changed: list[RunKey] = []

        async def change(key: RunKey) -> None:
            if key.job == job and not changed:
                changed.append(key)
                other = TaskChanges(command="run")
                await stack.scheduler.set_task_properties(ALICE, str(job), 1, other, "p1")

        stack.fake.meanwhile = change
        await stack.scheduler.finish_job(ALICE, str(first), "enough", "f1")
        await stack.went(job, 1)
        assert changed == [RunKey(job, 1, 0, 1)]
        assert spec_run(stack, job, 1).command == "run"
        assert ("abandon", RunKey(job, 1, 0, 1)) in stack.fake.acts
        types = await world.types(job)
        assert types.index("TaskPropertiesChanged") < types.index("TaskStarted")
        assert types.count("TaskStarted") == 1


async def test_a_job_is_held_until_its_time_and_others_go_before_it(world: World) -> None:
    later = (world.clock.now() + timedelta(hours=1)).isoformat()
    async with Stack(world, slots=1) as stack:
        held = await submit(stack, e.TaskSpec(1, "run"), key="k1", hold_until=later)
        idle = await submit(stack, key="k2", hold_until=later, run_until_canceled=True)
        other = await submit(stack, e.TaskSpec(1, "run"), key="k3")
        await stack.went(other, 1)
        await stack.scheduler.finish_job(ALICE, str(other), "enough", "f1")
        await stack.state(other, JobState.FINISHED)
        assert {stack.board.jobs[n].state for n in (held, idle)} == {JobState.QUEUED}
        stack = await stack.again()
        await until(lambda: stack.board.holds.keys() == {held, idle}, "the holds are known again")
        world.clock.advance(timedelta(hours=1, seconds=1))
        await submit(stack, e.TaskSpec(1, "run"), key="k4")  # what happens makes it look again
        await stack.went(held, 1)
        await stack.state(idle, JobState.RUNNING)
        await stack.crash()


async def test_a_hold_that_is_taken_back_holds_no_longer(world: World) -> None:
    later = (world.clock.now() + timedelta(hours=1)).isoformat()
    async with Stack(world) as stack:
        job = await submit(stack, e.TaskSpec(1, "run"), hold_until=later)
        await until(lambda: job in stack.board.holds, "the job is held")
        changes = JobChanges(hold_until="")
        await stack.scheduler.set_job_properties(ALICE, str(job), changes, "p1")
        await stack.went(job, 1)


@pytest.mark.parametrize(
    ("streams", "line"),
    [
        ({}, "work"),
        ({"stdout": "out.txt"}, "exec >out.txt\nwork"),
        ({"stdin": "a b", "stdout": "$HOME", "stderr": "&1"}, "exec <'a b' >'$HOME' 2>'&1'\nwork"),
        ({"stdout": "both", "stderr": "both"}, "exec >both 2>&1\nwork"),
        ({"stderr": "it's"}, "exec 2>'it'\"'\"'s'\nwork"),
    ],
)
def test_the_streams_of_a_task(streams: dict[str, Any], line: str) -> None:
    assert with_streams(e.TaskSpec(1, "work", **streams), 0) == line


def test_each_subtask_of_a_sweep_has_streams_of_its_own() -> None:
    task = e.TaskSpec(1, "work *", TaskType.PARAMETRIC_SWEEP, start=7, end=9, stdout="out-**.txt")
    assert with_streams(task, 1) == "exec >out-07.txt\nwork 7"
