"""Runs that fail, are lost, cannot be started or cannot be killed: the job always ends."""

import pytest

from domain import commands as c
from domain import events as e
from domain.hresult import HResult
from domain.states import CancelMode, JobState, TaskState
from tests.domain.builders import (
    NODE,
    SIGTERM,
    Story,
    cancel,
    end_job,
    ends,
    given,
    killed,
    run,
    running_job,
)

FORCED = CancelMode.FORCED
ORDER = c.OrderStop(SIGTERM)


def under_way() -> Story:
    story = running_job(3, release=True, started=2)
    story.ask(cancel("r1"))
    return story


def test_a_lost_run_fails_and_says_why() -> None:
    story = under_way()
    story.tell(ORDER)
    lost = c.RecordRunEnd(1, 1, e.Exit(), lost="the machine restarted")
    assert story.tell(lost) == (
        e.TaskFailed((run(1),), e.Exit(), "run_lost", "the machine restarted"),
    )
    assert story.tell(lost) == ()
    assert story.job.tasks[1].reason == "the machine restarted"


def test_a_job_that_cannot_be_killed_still_ends_and_later_its_survivors_are_gone() -> None:
    story = running_job(1)
    story.ask(cancel("r1", FORCED))
    story.tell(ORDER, killed(1, "r1", survivors=2))
    assert story.job.tasks[1].survivors == 2
    story.tell(end_job())
    assert story.job.state is JobState.CANCELED
    gone = c.RecordSurvivorsGone(1, 1)
    assert story.tell(gone) == (e.TaskSurvivorsGone((run(1),)),)
    assert story.job.tasks[1].survivors == 0
    assert story.tell(gone) == ()


def test_a_run_that_ends_by_itself_under_an_order_was_not_stopped() -> None:
    story = under_way()
    story.tell(ORDER)
    assert story.tell(ends(1)) == (e.TaskFinished((run(1),), e.Exit(code=0)),)
    assert story.job.tasks[1].state is TaskState.FINISHED


@pytest.mark.parametrize(
    ("exit_", "reason"),
    [
        (e.Exit(code=3), "ended by itself with exit code 3"),
        (e.Exit(signal=11), "ended by itself with signal 11"),
    ],
)
def test_a_run_that_fails_by_itself(exit_: e.Exit, reason: str) -> None:
    facts = given(running_job(1).job).when(c.RecordRunEnd(1, 1, exit_))
    assert facts == (e.TaskFailed((run(1),), exit_, "task_failure", reason),)


def test_a_task_the_engine_can_never_start_has_failed_its_attempt() -> None:
    story = running_job(1, started=0)
    story.tell(c.RefuseTask(1, 1, NODE, "no_account", "no such account"))
    assert (story.job.tasks[1].state, story.job.tasks[1].attempt) == (TaskState.FAILED, 1)
    assert story.tell(end_job()) == (
        e.JobFailed("1 of 1 tasks failed, 0 canceled", "task_failure", HResult.TASK_FAILURE),
    )
