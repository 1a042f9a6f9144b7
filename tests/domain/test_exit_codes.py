"""Which exit codes are success, and what it does to a task."""

from typing import Any

import pytest

from domain import commands as c
from domain import events as e
from domain.exit_codes import counts_as_success, spans
from domain.states import TaskState
from tests.domain.builders import Story, add, change, start, submit


@pytest.mark.parametrize(
    ("valid", "good", "bad"),
    [
        ("", [0], [1, 255, None]),
        ("0", [0], [1]),
        ("3", [3], [0, 1]),
        ("0,10..20", [0, 10, 15, 20], [9, 21]),
        (" 1 , 2 .. 4 ", [1, 2, 4], [0, 5]),
        ("0..max", [0, 255], [-1]),
        ("MIN..-1", [-1, -300], [0]),
        ("min..max", [0, 137], [None]),
    ],
)
def test_codes(valid: str, good: list[int], bad: list[int | None]) -> None:
    assert all(counts_as_success(code, valid) for code in good)
    assert not any(counts_as_success(code, valid) for code in bad)


@pytest.mark.parametrize(
    "valid", ["x", "1..", "..2", "2..1", "1,,2", "1 2", "99999999999", "\u0661"]
)
def test_what_is_no_list_of_codes(valid: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        spans(valid)


def running(task: e.TaskSpec, **options: Any) -> Story:
    story = Story(add((task, e.TaskSpec(2, "other")), **options))
    story.ask(submit())
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob(("n1",)), start(1))
    return story


def state_after(story: Story, exit_: e.Exit) -> TaskState:
    story.tell(c.RecordRunEnd(1, 1, exit_))
    return story.job.tasks[1].state


def test_a_task_has_its_own_codes_or_those_of_its_job() -> None:
    plain, own = e.TaskSpec(1, "x"), e.TaskSpec(1, "x", valid_exit_codes="4")
    assert state_after(running(plain, valid_exit_codes="3"), e.Exit(3)) is TaskState.FINISHED
    assert state_after(running(plain, valid_exit_codes="3"), e.Exit(0)) is TaskState.FAILED
    assert state_after(running(own, valid_exit_codes="3"), e.Exit(3)) is TaskState.FAILED
    assert state_after(running(own, valid_exit_codes="3"), e.Exit(4)) is TaskState.FINISHED
    assert state_after(running(own), e.Exit(signal=9)) is TaskState.FAILED


def test_codes_that_change_while_it_runs_count_for_its_end() -> None:
    story = running(e.TaskSpec(1, "x"))
    story.ask(change(valid_exit_codes="7"))
    assert state_after(story, e.Exit(7)) is TaskState.FINISHED


def test_a_failed_task_runs_again_as_often_as_its_job_says() -> None:
    story = running(e.TaskSpec(1, "x"), task_retry_count=1)
    assert state_after(story, e.Exit(1)) is TaskState.QUEUED
    own = running(e.TaskSpec(1, "x", retry_count=0), task_retry_count=1)
    assert state_after(own, e.Exit(1)) is TaskState.FAILED
