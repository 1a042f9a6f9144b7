"""Rows of subtasks: the last ended run of each that ran, and nothing of those that never did."""

from domain import commands as c
from domain import events as e
from domain.states import CancelMode, StopCause, TaskState, TaskType
from projections.stamps import stamp
from projections.subtask_view import SubtaskRow
from tests.domain.builders import HANDLE, NODE, SIGTERM, Story, add, cancel, end_job
from tests.domain.test_sweep_story import begin, ends, killed, running, sweep
from tests.projections.folded import folded


def rows(story: Story) -> list[SubtaskRow]:
    """The subtask view after a story."""
    return sorted(folded(story).subtasks.values(), key=lambda row: row.instance)


def test_a_run_that_ended_is_a_row_with_its_beginning_and_its_end() -> None:
    story = running()
    began = story.job.tasks[1].subtasks
    assert began
    story.tell(ends(2, code=3))
    (row,) = rows(story)
    assert row == SubtaskRow(
        job_id=story.job.id,
        task_id=1,
        instance=2,
        attempt=1,
        node=NODE,
        exit_code=3,
        exit_signal=None,
        started_at=stamp(began.live[2].started_at),  # type: ignore[arg-type]
        ended_at=stamp(story.history[-1].time),
        code="task_failure",
        reason=row.reason,
    )
    assert row.reason


def test_those_that_never_ran_have_no_row() -> None:
    story = running(sweep(end=1_000_000))
    story.ask(cancel("r1", CancelMode.FORCED))
    assert rows(story) == []
    story.tell(c.OrderStop(SIGTERM), killed(1, "r1"))
    assert [(row.instance, row.exit_signal) for row in rows(story)] == [(1, 9)]


def test_the_row_is_of_the_last_run() -> None:
    story = running(sweep(retry_count=1), started=(1,))
    story.tell(ends(1, code=1))
    (first,) = rows(story)
    story.tell(begin(1, attempt=2), ends(1, code=0, attempt=2))
    (second,) = rows(story)
    assert (first.attempt, first.exit_code) == (1, 1)
    assert (second.attempt, second.exit_code, second.code) == (2, 0, "")


def test_a_run_that_could_not_be_started_has_no_beginning() -> None:
    story = running(started=())
    story.tell(c.RefuseTask(1, 1, NODE, "no_such_account", "there is no such account", 1))
    (row,) = rows(story)
    assert (row.started_at, row.code) == (None, "no_such_account")


def test_runs_that_end_with_one_fact_have_a_row_each() -> None:
    story = running(started=(1, 2, 3))
    runs = (e.RunRange(1, 1, NODE, "1-3"),)
    story.know(
        e.TaskStopped("c1", StopCause.JOB_CANCEL, runs, e.Exit(signal=15), 5, TaskState.CANCELED)
    )
    assert [(row.instance, row.exit_signal) for row in rows(story)] == [(1, 15), (2, 15), (3, 15)]


def test_a_preparation_has_a_row_for_each_node() -> None:
    prep = e.TaskSpec(1, "prepare", TaskType.NODE_PREP)
    story = Story(add((prep, e.TaskSpec(2, "work")), submit=True))
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob((NODE, "node2")))
    story.tell(c.StartTask(1, 1, "node2", HANDLE, 2), ends(2))
    assert [(row.task_id, row.instance, row.node) for row in rows(story)] == [(1, 2, "node2")]


def test_a_removed_job_takes_its_rows_along() -> None:
    story = running(sweep(end=1), started=(1,))
    story.tell(ends(1))
    assert len(rows(story)) == 1
    story.tell(end_job(), c.RemoveJob())
    assert rows(story) == []


def test_a_job_counts_subtasks_as_tasks() -> None:
    story = running(sweep(end=1_000_000), e.TaskSpec(2, "work"), started=(1, 2, 3))
    story.tell(ends(1), ends(2, code=1))
    (job,) = folded(story).jobs
    assert (job.tasks, job.waiting, job.running) == (1_000_001, 999_998, 1)
    assert (job.finished, job.failed, job.canceled) == (1, 1, 0)
