"""Questions about subtasks: one and pages of them, from the job's fold and from the views."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from application.engine import RunKey
from application.scheduler import NewJob
from application.subtasks import SubtaskCounts, SubtaskQueries, SubtaskView, view_of
from domain import events as e
from domain.errors import BadRequest, NotPermitted, Unknown
from domain.hresult import HResult
from domain.job import Task
from domain.states import CancelMode, JobState, TaskState, TaskType
from projections.subtask_view import SubtaskRow
from tests.support.stack import ALICE, BOB, Stack, World
from tests.support.viewed import Viewed

SLOTS = 2


class Asked:
    """A service with two slots whose subtasks are asked for."""

    def __init__(self, stack: Stack, viewed: Viewed) -> None:
        self.stack, self.viewed = stack, viewed
        self.subtasks = SubtaskQueries(stack.queries, viewed.listing)

    async def sweep(self, command: str, end: int, start: int = 1, increment: int = 1) -> int:
        """A job of alice's with one sweep."""
        spec = e.TaskSpec(
            1, command, TaskType.PARAMETRIC_SWEEP, start=start, end=end, increment=increment
        )
        job = NewJob("sweep", (spec,))
        made = await self.stack.scheduler.submit_job(ALICE, job, f"{command}{end}")
        return int(made.job_id)

    async def page(
        self, job: int, states: tuple[TaskState, ...] = (), after: int = 0, rows: int = 100
    ) -> tuple[SubtaskView, ...]:
        """A page of the sweep's subtasks, as the views know them by now."""
        await self.viewed.up_to_date()
        found = await self.subtasks.page(ALICE, str(job), 1, states, after, rows)
        return found.subtasks

    async def ended(self, job: int) -> None:
        """The job is over."""
        await self.stack.state(job, JobState.FINISHED, JobState.FAILED, JobState.CANCELED)


@pytest.fixture
async def asked(world: World, tmp_path: Path) -> AsyncIterator[Asked]:
    async with Stack(world, slots=SLOTS) as stack, Viewed(world, tmp_path) as viewed:
        await viewed.up_to_date()
        yield Asked(stack, viewed)


async def test_ended_subtasks_are_told_with_index_and_exit(asked: Asked) -> None:
    job = await asked.sweep("exit *", end=11, start=3, increment=2)
    await asked.ended(job)
    found = await asked.page(job)
    assert [(x.instance, x.index, x.command, x.exit_code) for x in found] == [
        (1, 3, "exit 3", 3),
        (2, 5, "exit 5", 5),
        (3, 7, "exit 7", 7),
        (4, 9, "exit 9", 9),
        (5, 11, "exit 11", 11),
    ]
    assert all(x.state is TaskState.FAILED and x.attempt == 1 and x.node == "n1" for x in found)
    assert all(x.started_at and x.ended_at and x.code == "task_failure" for x in found)


async def test_only_expanded_ones_are_there_and_counts_tell_of_all(asked: Asked) -> None:
    job = await asked.sweep("run", end=1_000_000)
    await asked.stack.state(job, JobState.RUNNING)
    await asked.stack.went(job, 1, instance=2)
    await asked.viewed.up_to_date()
    page = await asked.subtasks.page(ALICE, str(job), 1)
    assert [(x.instance, x.state) for x in page.subtasks] == [
        (1, TaskState.RUNNING),
        (2, TaskState.RUNNING),
    ]
    assert page.counts == SubtaskCounts(1_000_000, 2, 999_998, 2, 0, 0, 0)
    with pytest.raises(Unknown, match="has not been expanded yet; 2 of 1000000 are") as no:
        await asked.subtasks.one(ALICE, str(job), 1, 3)
    assert (no.value.code, no.value.hresult) == ("unknown_task", HResult.INVALID_TASK_ID)


async def test_pages_go_on_where_they_ended_and_states_choose(asked: Asked) -> None:
    job = await asked.sweep("run", end=5)
    for instance in (1, 2, 3):
        await asked.stack.went(job, 1, instance=instance)
        asked.stack.fake.finish(RunKey(job, 1, instance, 1), code=instance % 2)
    await asked.stack.went(job, 1, instance=5)
    first = await asked.subtasks.page(ALICE, str(job), 1, rows=2)
    assert ([x.instance for x in first.subtasks], first.more) == ([1, 2], True)
    rest = await asked.subtasks.page(ALICE, str(job), 1, after=2)
    assert ([x.instance for x in rest.subtasks], rest.more) == ([3, 4, 5], False)
    failed = await asked.page(job, (TaskState.FAILED,))
    assert [(x.instance, x.exit_code) for x in failed] == [(1, 1), (3, 1)]
    live = await asked.page(job, (TaskState.FINISHED, TaskState.RUNNING), after=2)
    assert [x.instance for x in live] == [4, 5]


async def test_a_forced_cancel_leaves_those_that_never_ran_without_rows(asked: Asked) -> None:
    job = await asked.sweep("run", end=1000)
    await asked.stack.went(job, 1, instance=2)
    await asked.stack.cancel(job, CancelMode.FORCED)
    await asked.ended(job)
    found = await asked.page(job)
    assert [(x.instance, x.state, x.exit_signal) for x in found] == [
        (1, TaskState.FAILED, 9),
        (2, TaskState.FAILED, 9),
    ]
    page = await asked.subtasks.page(ALICE, str(job), 1)
    assert page.counts == SubtaskCounts(1000, 2, 0, 0, 0, 2, 998)


async def test_who_may_not_see_the_job_learns_nothing(asked: Asked) -> None:
    job = await asked.sweep("run", end=3)
    await asked.stack.went(job, 1, instance=1)
    with pytest.raises(NotPermitted):
        await asked.subtasks.page(BOB, str(job), 1)
    with pytest.raises(NotPermitted):
        await asked.subtasks.one(BOB, str(job), 1, 1)


async def test_what_is_no_subtask_is_unknown(asked: Asked) -> None:
    made = await asked.stack.add("run", key="plain")
    with pytest.raises(Unknown, match="has no subtasks"):
        await asked.subtasks.page(ALICE, made.job_id, 1)
    with pytest.raises(Unknown, match="has no task 2"):
        await asked.subtasks.page(ALICE, made.job_id, 2)
    job = await asked.sweep("exit 0", end=2)
    for number in (0, -1, 3):
        with pytest.raises(Unknown, match="has the subtasks 1 to 2"):
            await asked.subtasks.one(ALICE, str(job), 1, number)
    with pytest.raises(BadRequest):
        await asked.subtasks.page(ALICE, str(job), 1, rows=1001)


def test_a_row_of_another_attempt_says_nothing() -> None:
    """The views are behind, or ahead: times of one run beside the state of another are untrue."""
    spec = e.TaskSpec(1, "work", TaskType.SERVICE, instances=2)
    one = Task(spec, TaskState.FAILED, instance=2, attempt=2)
    row = SubtaskRow(7, 1, 2, 1, "n1", 1, None, None, "2026-03-01T08:00:00.000000Z", "x", "y")
    assert view_of(7, one, row, 0).ended_at is None
    assert view_of(7, one, replace(row, attempt=2), 0).exit_code == 1
    waiting = replace(one, state=TaskState.QUEUED)
    assert view_of(7, waiting, replace(row, attempt=2), 0).exit_code is None
