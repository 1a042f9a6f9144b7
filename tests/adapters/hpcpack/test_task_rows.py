"""Which rows a list of tasks has: of a million, a page is found for the price of a page."""

from datetime import UTC, datetime

import pytest

from adapters.hpcpack.filters import TaskFilter
from adapters.hpcpack.task_rows import Place, Row, count_of, parts_of, place_in, rows_after
from adapters.hpcpack.task_rows import rows_from as numbered
from domain.events import TaskSpec
from domain.job import Job, Subtasks, Task
from domain.numbers import Numbers
from domain.states import JobPriority, JobType, TaskState, TaskType

NOW = datetime(2026, 11, 23, tzinfo=UTC)
MILLION = 1_000_000


def job_of(*tasks: Task) -> Job:
    """A job with these tasks."""
    by_number = {task.spec.id: task for task in tasks}
    return Job(1, "", "alice", JobType.BATCH, JobPriority.NORMAL, "", {}, by_number, 5, NOW, NOW)


def sweep(number: int, expanded: int) -> Task:
    """A sweep of a million, the even ones of which are Finished."""
    spec = TaskSpec(number, "w *", TaskType.PARAMETRIC_SWEEP, start=1, end=MILLION, increment=1)
    even = Numbers(int("10" * (MILLION // 2) + "0", 2)) & Numbers.between(1, MILLION)
    waiting = Numbers.between(1, MILLION) - even
    subtasks = Subtasks(
        MILLION, waiting, waits_as=TaskState.QUEUED, finished=even, expanded=expanded
    )
    return Task(spec, TaskState.RUNNING, subtasks=subtasks, changed_at=NOW)


def places(rows: tuple[Row, ...]) -> list[tuple[int, int]]:
    """Task and subtask of each."""
    return [(row.task.spec.id, row.instance) for row in rows]


JOB = job_of(Task(TaskSpec(1, "a")), sweep(2, MILLION), sweep(3, 0), Task(TaskSpec(4, "b")))


def test_a_page_anywhere_in_a_million() -> None:
    parts = parts_of(JOB, TaskFilter(), True)
    assert count_of(parts) == MILLION + 2, "the sweep that was not reached is not there"
    assert places(rows_after(parts, None, False, 3)) == [(1, 0), (2, 1), (2, 2)]
    assert places(rows_after(parts, Place(2, MILLION - 1), False, 3)) == [(2, MILLION), (4, 0)]
    assert places(rows_after(parts, None, True, 3)) == [(4, 0), (2, MILLION), (2, MILLION - 1)]
    assert places(rows_after(parts, Place(2, 2), True, 3)) == [(2, 1), (1, 0)]
    assert places(numbered(parts, MILLION - 1, False, 5)) == [
        (2, MILLION - 1),
        (2, MILLION),
        (4, 0),
    ]
    assert places(numbered(parts, MILLION, True, 5)) == [(2, 1), (1, 0)]
    assert places(numbered(parts, 10**9 - 1, False, 5)) == []


def test_a_state_chooses_subtasks_not_their_task() -> None:
    finished = TaskFilter(state=(TaskState.FINISHED,))
    parts = parts_of(JOB, finished, True)
    assert count_of(parts) == MILLION // 2
    assert places(rows_after(parts, Place(2, 4), False, 2)) == [(2, 6), (2, 8)]
    running = TaskFilter(states=(TaskState.RUNNING,))
    assert places(rows_after(parts_of(JOB, running, False), None, False, 9)) == [(2, 0), (3, 0)]


def test_who_goes_on_after_a_task_that_has_subtasks_now_gets_them() -> None:
    parts = parts_of(job_of(sweep(1, 2)), TaskFilter(), True)
    assert places(rows_after(parts, Place(1, 0), False, 9)) == [(1, 1), (1, 2)]
    assert places(rows_after(parts, Place(1, 0), True, 9)) == []


@pytest.mark.parametrize(
    "key", [(), (1,), ("1", 2), (1, -1), (1, MILLION + 1), (1, 10**30), (1, 2, 3), (None, None)]
)
def test_a_place_that_nobody_gave_is_the_beginning(key: tuple[int | str | None, ...]) -> None:
    assert place_in(key) is None
    assert place_in((1, MILLION)) == Place(1, MILLION)
