"""The heart: how a cancel goes, told in whole facts. Rows of the job model's table on cancel."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.error_message import error_message
from domain.next_steps import Step, next_steps
from domain.states import (
    CancelMode,
    ForceReason,
    JobState,
    NodeRelease,
    StopCause,
    StopStep,
    TaskState,
)
from tests.domain.builders import (
    ALLOWED,
    GRACE_SECONDS,
    HANDLE,
    NODE,
    SIGTERM,
    Story,
    add,
    at,
    cancel,
    cancel_task,
    end_job,
    ends,
    heeds,
    killed,
    outlasts,
    queued_job,
    release,
    run,
    running_job,
    specs,
    start,
)

GRACEFUL, NORMAL, FORCED = CancelMode.GRACEFUL, CancelMode.NORMAL, CancelMode.FORCED
ORDER = c.OrderStop(SIGTERM)


def states(story: Story) -> list[TaskState]:
    return [t.state for t in story.job.tasks.values()]


def normal_request(**changes: object) -> e.JobCancelRequested:
    """A normal cancel of the running job of three tasks and node release, two of them running."""
    fact = e.JobCancelRequested(
        request_id="r1",
        mode=NORMAL,
        message="node n1 goes down",
        reason_code="maintenance",
        from_state=JobState.RUNNING,
        running=e.RunSet(2, (run(1), run(2))),
        waiting=e.TaskSet(1, "3"),
        grace_seconds=GRACE_SECONDS,
        node_release=NodeRelease.RUN,
        escalates="",
        decision=ALLOWED,
    )
    return replace(fact, **changes)


def under_way(mode: CancelMode = NORMAL) -> Story:
    story = running_job(3, release=True, started=2)
    story.ask(cancel("r1", mode, "node n1 goes down", reason_code="maintenance"))
    return story


def test_a_normal_cancel_from_request_to_end() -> None:
    story = under_way()
    begun = len(story.history)
    assert story.facts[-1] == normal_request()
    assert states(story) == [
        TaskState.CANCELING,
        TaskState.CANCELING,
        TaskState.CANCELED,
        TaskState.QUEUED,
    ]
    assert next_steps(story.job) == (Step.ORDER_STOP,)

    assert story.tell(ORDER) == (
        e.TaskStopOrdered(
            "r1", StopCause.JOB_CANCEL, StopStep.SIGNAL, SIGTERM, 15_000, (run(1), run(2))
        ),
    )
    assert next_steps(story.job) == (Step.PERFORM_STOP,)
    assert story.tell(heeds(1, "r1")) == (
        e.TaskStopped(
            "r1",
            StopCause.JOB_CANCEL,
            (run(1),),
            e.Exit(signal=SIGTERM),
            40,
            TaskState.FAILED,
        ),
    )
    assert story.tell(outlasts(2, "r1")) == (
        e.TaskForceStopped(
            "r1",
            StopCause.JOB_CANCEL,
            ForceReason.GRACE_EXPIRED,
            (run(2),),
            e.Exit(signal=9),
            after_ms=15_020,
            killed=3,
            survivors=0,
            outcome=TaskState.FAILED,
        ),
    )
    assert next_steps(story.job) == (Step.START_RELEASE,)
    assert story.tell(release()) == (e.NodeReleaseStarted(NODE, (run(4),), HANDLE),)
    assert next_steps(story.job) == ()
    assert story.tell(ends(4)) == (e.NodeReleaseEnded(NODE, (run(4),), e.Exit(code=0), False),)
    assert next_steps(story.job) == (Step.END,)
    lasted = end_job()
    requested_at = at(begun)
    assert story.tell(lasted) == (
        e.JobCanceled(
            "r1",
            lasted_ms=(lasted.at - requested_at) // timedelta(milliseconds=1),
            stopped=1,
            force_stopped=1,
            released=True,
            request_version=begun,
        ),
    )
    assert story.job.state is JobState.CANCELED
    assert next_steps(story.job) == ()
    assert states(story) == [
        TaskState.FAILED,
        TaskState.FAILED,
        TaskState.CANCELED,
        TaskState.FINISHED,
    ]


def test_a_forced_cancel_kills_at_once_and_skips_node_release() -> None:
    story = under_way(FORCED)
    assert story.facts[-1] == normal_request(
        mode=FORCED, grace_seconds=0, node_release=NodeRelease.SKIP
    )
    assert story.tell(ORDER) == (
        e.TaskStopOrdered("r1", StopCause.JOB_CANCEL, StopStep.KILL, 9, 0, (run(1), run(2))),
    )
    (fact, *_) = story.tell(killed(1, "r1"))
    assert isinstance(fact, e.TaskForceStopped)
    assert (fact.why, fact.cause, fact.outcome) == (
        ForceReason.FORCED,
        StopCause.JOB_CANCEL,
        TaskState.FAILED,
    )
    story.tell(killed(2, "r1"))
    assert next_steps(story.job) == (Step.SKIP_RELEASE,)
    assert story.tell(c.SkipRelease()) == (e.NodeReleaseSkipped(NODE, "forced"),)
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert (end.stopped, end.force_stopped, end.released) == (0, 2, False)
    assert states(story)[3] is TaskState.CANCELED


def test_a_graceful_cancel_lets_running_tasks_end_and_starts_nothing_new() -> None:
    story = under_way(GRACEFUL)
    assert story.facts[-1] == normal_request(mode=GRACEFUL)
    assert states(story)[:3] == [TaskState.RUNNING, TaskState.RUNNING, TaskState.CANCELED]
    assert next_steps(story.job) == ()
    assert story.tell(ORDER, start(3)) == ()
    assert story.tell(ends(1)) == (e.TaskFinished((run(1),), e.Exit(code=0)),)
    story.tell(ends(2, code=1))
    assert states(story)[:2] == [TaskState.FINISHED, TaskState.FAILED]
    story.tell(release(), ends(4))
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert (end.stopped, end.force_stopped, end.released) == (0, 0, True)


@pytest.mark.parametrize("mode", CancelMode)
def test_where_nothing_runs_the_end_comes_at_once(mode: CancelMode) -> None:
    story = queued_job(2, release=True)
    (fact,) = story.ask(cancel("r1", mode))
    assert isinstance(fact, e.JobCancelRequested)
    assert (fact.running, fact.waiting) == (e.RunSet(0), e.TaskSet(2, "1-2"))
    assert fact.node_release is NodeRelease.NONE
    assert next_steps(story.job) == (Step.END,)
    story.tell(end_job())
    assert story.job.state is JobState.CANCELED
    assert set(states(story)) == {TaskState.CANCELED}
    assert not any(t.explicitly_canceled for t in story.job.tasks.values())


def test_a_job_without_node_release_says_none() -> None:
    story = running_job(1)
    (fact,) = story.ask(cancel("r1", FORCED))
    assert isinstance(fact, e.JobCancelRequested)
    assert fact.node_release is NodeRelease.NONE


# --- escalation, repeats --------------------------------------------------------------------------


def test_graceful_then_normal_then_forced_is_one_cancel_with_one_end() -> None:
    story = under_way(GRACEFUL)
    first_at = story.job.changed_at
    (second,) = story.ask(cancel("r2", NORMAL, "now", actor="bob"))
    assert isinstance(second, e.JobCancelRequested)
    assert (second.escalates, second.from_state) == ("r1", JobState.CANCELING)
    assert second.running == e.RunSet(2, (run(1), run(2)))
    assert states(story)[:2] == [TaskState.CANCELING] * 2
    story.tell(ORDER)
    (third,) = story.ask(cancel("r3", FORCED, "at once"))
    assert isinstance(third, e.JobCancelRequested)
    assert (third.escalates, third.node_release) == ("r2", NodeRelease.SKIP)
    assert story.tell(ORDER) == (
        e.TaskStopOrdered("r3", StopCause.JOB_CANCEL, StopStep.KILL, 9, 0, (run(1), run(2))),
    )
    story.tell(killed(1, "r3"), killed(2, "r3"), c.SkipRelease())
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert (end.request_id, end.force_stopped) == ("r3", 2)
    assert end.lasted_ms == (at(60) - first_at) // timedelta(milliseconds=1)
    assert story.names().count("JobCanceled") == 1
    assert error_message(story.job.error_code, story.job.error_params) == (
        "Canceled by user. Message: at once"
    )


def test_a_run_that_heeds_the_signal_before_the_kill_arrives_names_the_first_request() -> None:
    story = under_way()
    story.tell(ORDER)
    story.ask(cancel("r2", FORCED))
    story.tell(ORDER)
    (fact,) = story.tell(heeds(1, "r1"))
    assert isinstance(fact, e.TaskStopped)
    assert (fact.request_id, fact.cause) == ("r1", StopCause.JOB_CANCEL)


def test_each_order_keeps_its_cause_when_a_job_cancel_overtakes_a_task_cancel() -> None:
    story = running_job(2, started=2)
    story.ask(cancel_task(1, "t1"))
    assert story.tell(ORDER) == (
        e.TaskStopOrdered("t1", StopCause.TASK_CANCEL, StopStep.SIGNAL, SIGTERM, 15_000, (run(1),)),
    )
    story.ask(cancel_task(1, "t2", FORCED))
    story.tell(ORDER)
    (fact,) = story.tell(heeds(1, "t1"))
    assert isinstance(fact, e.TaskStopped)
    assert (fact.request_id, fact.cause) == ("t1", StopCause.TASK_CANCEL)


def test_runs_that_a_task_cancel_ended_do_not_count_as_the_jobs() -> None:
    story = running_job(2, started=2)
    story.ask(cancel_task(1, "t1"))
    story.tell(ORDER)
    story.ask(cancel("r1"))
    assert story.tell(ORDER) == (
        e.TaskStopOrdered("r1", StopCause.JOB_CANCEL, StopStep.SIGNAL, SIGTERM, 15_000, (run(2),)),
    )
    story.tell(heeds(1, "t1"), heeds(2, "r1"))
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert end.stopped == 1


@pytest.mark.parametrize("mode", [GRACEFUL, NORMAL])
def test_a_repeat_changes_nothing_and_names_the_cancel_under_way(mode: CancelMode) -> None:
    story = under_way()
    before = story.job
    assert story.ask(cancel("r2", mode, "me too", actor="bob", reason_code="other")) == (
        e.JobCancelRepeated("r2", mode, "me too", "other", "r1", ALLOWED, before.version),
    )
    assert story.job.cancel == before.cancel
    assert story.job.error_params == "node n1 goes down"


def test_on_a_canceled_job_people_read_who_did_it_and_when() -> None:
    story = queued_job()
    story.ask(cancel("r1", actor="bob"))
    story.tell(end_job())
    (fact,) = story.ask(cancel("r2"))
    assert isinstance(fact, e.JobCancelRefused)
    assert fact.explanation == "job 7 is already canceled by bob at 2026-03-01 08:00:05 UTC"
    assert fact.rule == "cancel-from-Canceled"


# --- node release ---------------------------------------------------------------------------------


def test_node_release_that_times_out_has_failed_and_the_job_still_ends() -> None:
    story = under_way()
    story.tell(ends(1), ends(2), release())
    late = c.RecordRunEnd(4, 1, e.Exit(signal=9), timed_out=True, killed=2, survivors=0)
    assert story.tell(late) == (
        e.NodeReleaseEnded(NODE, (run(4),), e.Exit(signal=9), True, "", 2, 0),
    )
    assert states(story)[3] is TaskState.FAILED
    assert next_steps(story.job) == (Step.END,)


def test_node_release_that_times_out_has_failed_even_if_it_came_to_exit_code_0() -> None:
    story = under_way()
    story.tell(ends(1), ends(2), release())
    story.tell(c.RecordRunEnd(4, 1, e.Exit(code=0), timed_out=True, killed=1))
    assert states(story)[3] is TaskState.FAILED


def test_node_release_that_cannot_start_has_not_run() -> None:
    story = under_way()
    story.tell(ends(1), ends(2))
    refused = c.RefuseTask(4, 1, NODE, "no_directory", "no such directory")
    assert story.tell(refused) == (
        e.NodeReleaseEnded(NODE, (run(4),), e.Exit(), False, "no such directory"),
    )
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert not end.released


def test_node_release_never_starts_before_the_work_has_ended() -> None:
    story = running_job(2, release=True, started=2)
    assert story.tell(start(3), release()) == ()


def test_a_job_without_tasks_is_canceled_too() -> None:
    story = Story(add(specs(0)))
    story.ask(cancel("r1"))
    story.tell(end_job())
    assert story.job.state is JobState.CANCELED
