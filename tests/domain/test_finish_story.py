"""A finish is a normal cancel with another outcome; a forced cancel cuts it short."""

import pytest

from domain import commands as c
from domain import events as e
from domain.error_message import error_message
from domain.hresult import HResult
from domain.states import CancelMode, JobState, NodeRelease, StopCause, StopStep, TaskState
from tests.domain.builders import (
    ALLOWED,
    GRACE_SECONDS,
    NODE,
    SIGTERM,
    cancel,
    end_job,
    ends,
    finish,
    heeds,
    killed,
    outlasts,
    queued_job,
    release,
    run,
    running_job,
)

FORCED, GRACEFUL, NORMAL = CancelMode.FORCED, CancelMode.GRACEFUL, CancelMode.NORMAL
ORDER = c.OrderStop(SIGTERM)


def test_a_finish_stops_as_a_normal_cancel_but_the_outcome_is_finished() -> None:
    story = running_job(2, release=True)
    (fact,) = story.ask(finish("f1", "enough found"))
    assert fact == e.JobFinishRequested(
        request_id="f1",
        message="enough found",
        from_state=JobState.RUNNING,
        running=e.RunSet(1, (run(1),)),
        waiting=e.TaskSet(1, "2"),
        grace_seconds=GRACE_SECONDS,
        node_release=NodeRelease.RUN,
        decision=ALLOWED,
    )
    assert [story.job.tasks[n].state for n in (1, 2)] == [
        TaskState.FINISHING,
        TaskState.CANCELED,
    ]
    assert story.tell(ORDER) == (
        e.TaskStopOrdered("f1", StopCause.FINISH, StopStep.SIGNAL, SIGTERM, 15_000, (run(1),)),
    )
    (stopped,) = story.tell(outlasts(1, "f1"))
    assert isinstance(stopped, e.TaskForceStopped)
    assert stopped.outcome is TaskState.FINISHED
    story.tell(release(), ends(3))
    assert story.tell(end_job()) == (
        e.JobFinished("enough found", "finished_by_user", "f1", HResult.FINISHED_BY_USER),
    )
    assert error_message(story.job.error_code, story.job.error_params) == (
        "Finished by user. Message: enough found"
    )


def test_a_forced_cancel_cuts_a_finish_short() -> None:
    story = running_job(2, release=True, started=2)
    story.ask(finish("f1"))
    story.tell(ORDER)
    (fact,) = story.ask(cancel("r1", FORCED, "now"))
    assert isinstance(fact, e.JobCancelRequested)
    assert (fact.from_state, fact.escalates) == (JobState.FINISHING, "")
    (order,) = story.tell(ORDER)
    assert isinstance(order, e.TaskStopOrdered)
    assert (order.request_id, order.step) == ("r1", StopStep.KILL)
    (heeded,) = story.tell(heeds(1, "f1"))
    assert isinstance(heeded, e.TaskStopped)
    assert (heeded.cause, heeded.outcome) == (StopCause.FINISH, TaskState.FINISHED)
    story.tell(killed(2, "r1"), c.SkipRelease())
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert (end.stopped, end.force_stopped) == (0, 1)
    assert error_message(story.job.error_code, story.job.error_params) == (
        "Canceled by user. Message: now"
    )


def test_a_forced_cancel_kills_node_release_that_runs() -> None:
    story = running_job(1, release=True)
    story.tell(ends(1, code=2), end_job(), release())
    assert story.job.state is JobState.FINISHING
    story.ask(cancel("r1", FORCED))
    assert story.tell(ORDER) == (
        e.TaskStopOrdered("r1", StopCause.JOB_CANCEL, StopStep.KILL, 9, 0, (run(2),)),
    )
    assert story.tell(killed(2, "r1", survivors=1)) == (
        e.NodeReleaseEnded(NODE, (run(2),), e.Exit(signal=9), False, "forced", 2, 1, "r1"),
    )
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert (end.request_id, end.released, end.force_stopped) == ("r1", False, 1)


def test_a_normal_cancel_leaves_node_release_that_runs_alone() -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1", GRACEFUL))
    story.tell(ends(1), release())
    story.ask(cancel("r2", NORMAL))
    assert story.tell(ORDER) == ()
    assert story.job.release_running


def test_a_queued_job_is_finished_at_once_and_nothing_of_it_runs() -> None:
    story = queued_job(2, release=True)
    (fact,) = story.ask(finish("f1"))
    assert isinstance(fact, e.JobFinishRequested)
    assert fact.node_release is NodeRelease.NONE
    assert story.tell(end_job()) == (
        e.JobFinished("", "finished_by_user", "f1", HResult.FINISHED_BY_USER),
    )
    assert {t.state for t in story.job.tasks.values()} == {TaskState.CANCELED}


@pytest.mark.parametrize("mode", [GRACEFUL, NORMAL])
def test_only_force_cuts_a_finish_short(mode: CancelMode) -> None:
    story = running_job()
    story.ask(finish("f1"))
    (fact,) = story.ask(cancel("r1", mode))
    assert isinstance(fact, e.JobCancelRefused)
    assert fact.explanation == "job 7 is Finishing; only a forced cancel is possible now"
