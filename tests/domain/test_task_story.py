"""Finish and requeue of one task: what they do to it, to its job, and to what else is asked."""

import pytest

from domain import commands as c
from domain import events as e
from domain.job import TaskFinish
from domain.states import CancelMode, ForceReason, JobState, StopCause, StopStep, TaskState
from tests.domain.builders import (
    ALLOWED,
    GRACE_SECONDS,
    SIGTERM,
    add,
    at,
    cancel,
    cancel_task,
    configure,
    end_job,
    ends,
    finish,
    finish_task,
    heeds,
    killed,
    outlasts,
    queued_job,
    release,
    requeue,
    requeue_task,
    run,
    running_job,
    specs,
    start,
    submit,
)
from tests.domain.builders import Story as Told

FORCED, GRACEFUL, NORMAL = CancelMode.FORCED, CancelMode.GRACEFUL, CancelMode.NORMAL
ORDER = c.OrderStop(SIGTERM)


# --- finish ---------------------------------------------------------------------------------------


def test_a_finish_stops_a_running_task_as_a_normal_cancel_but_the_outcome_is_finished() -> None:
    story = running_job(2, started=2)
    assert story.ask(finish_task(1, "f1", "enough found")) == (
        e.TaskFinishRequested(
            request_id="f1",
            task=1,
            message="enough found",
            from_state=TaskState.RUNNING,
            running=e.RunSet(1, (run(1),)),
            waiting=e.TaskSet(0),
            grace_seconds=GRACE_SECONDS,
            decision=ALLOWED,
        ),
    )
    assert [t.state for t in story.job.work] == [TaskState.FINISHING, TaskState.RUNNING]
    assert story.tell(ORDER) == (
        e.TaskStopOrdered("f1", StopCause.FINISH, StopStep.SIGNAL, SIGTERM, 15_000, (run(1),)),
    )
    (stopped,) = story.tell(heeds(1, "f1"))
    assert isinstance(stopped, e.TaskStopped)
    assert (stopped.cause, stopped.outcome) == (StopCause.FINISH, TaskState.FINISHED)
    task = story.job.tasks[1]
    assert task.state is TaskState.FINISHED
    assert task.finish == TaskFinish(
        "f1", "enough found", "alice", "", at(story.job.version - 2), GRACE_SECONDS, 8
    )
    story.tell(ends(2), end_job())
    assert story.job.state is JobState.FINISHED


def test_a_task_that_ignores_the_signal_of_a_finish_is_killed_and_still_finished() -> None:
    story = running_job(1)
    story.ask(finish_task(1))
    story.tell(ORDER)
    (stopped,) = story.tell(outlasts(1, "f1"))
    assert isinstance(stopped, e.TaskForceStopped)
    assert (stopped.why, stopped.outcome) == (ForceReason.GRACE_EXPIRED, TaskState.FINISHED)
    (end,) = story.tell(end_job())
    assert end == e.JobFinished()


def test_a_run_that_ends_by_itself_before_the_signal_keeps_its_own_outcome() -> None:
    story = running_job(2, started=2)
    story.ask(finish_task(1))
    assert story.tell(ends(1, code=3)) != ()
    assert story.job.tasks[1].state is TaskState.FAILED
    story.ask(requeue_task(1))
    story.tell(start(1, 2))
    assert story.tell(ORDER) == (), "the finish of an earlier run stops no later one"


def test_a_waiting_task_is_finished_at_once_and_never_runs() -> None:
    story = running_job(2, release=True)
    (fact,) = story.ask(finish_task(2, "f1", "done by hand"))
    assert isinstance(fact, e.TaskFinishRequested)
    assert (fact.running, fact.waiting) == (e.RunSet(0), e.TaskSet(1, "2"))
    task = story.job.tasks[2]
    assert (task.state, task.attempt, task.ended_at) == (TaskState.FINISHED, 0, at(7))
    assert task.finish is not None
    assert task.finish.message == "done by hand"
    assert story.tell(start(2)) == ()
    assert story.tell(ORDER) == ()
    story.tell(ends(1), end_job(), release(), ends(3), end_job())
    assert story.job.state is JobState.FINISHED


def test_a_job_whose_last_waiting_task_is_finished_ends() -> None:
    story = queued_job(1, release=True)
    story.ask(finish_task(1))
    assert story.tell(end_job()) == (e.JobFinished(),)


def test_what_was_finished_in_configuring_is_left_out_of_the_run() -> None:
    story = Told(add(specs(2)))
    story.ask(finish_task(1), submit())
    story.tell(c.StartValidation(), c.EndValidation(), c.StartJob(("n1",)))
    assert [t.state for t in story.job.work] == [TaskState.FINISHED, TaskState.QUEUED]


def test_a_finished_task_never_runs_again() -> None:
    story = running_job(2, started=2)
    story.ask(finish_task(1))
    story.tell(ORDER, heeds(1, "f1"), ends(2, code=1))
    (refused,) = story.ask(requeue_task(1))
    assert isinstance(refused, e.JobCommandRefused)
    story.tell(end_job())
    (fact,) = story.ask(requeue("q2"))
    assert isinstance(fact, e.JobRequeued)
    assert (fact.queued, fact.kept) == (e.TaskSet(1, "2"), e.TaskSet(1, "1"))
    finish_of_1 = story.job.tasks[1].finish
    assert finish_of_1 is not None
    assert story.job.tasks[1].state is TaskState.FINISHED


def test_a_second_finish_says_whose_the_first_is() -> None:
    story = running_job(1)
    story.ask(finish_task(1))
    (fact,) = story.ask(finish_task(1, "f2", actor="bob"))
    assert isinstance(fact, e.JobCommandRefused)
    assert fact.explanation == (
        "task 1 of job 7 is Finishing, as asked by alice at 2026-03-01 08:00:07 UTC; a task is "
        "finished while it waits or runs"
    )


def test_a_normal_cancel_of_the_job_leaves_a_finish_of_a_task_as_it_is() -> None:
    story = running_job(2, started=2)
    story.ask(finish_task(1))
    story.ask(cancel("r1", NORMAL))
    orders = story.tell(ORDER)
    assert [(x.request_id, x.cause) for x in orders if isinstance(x, e.TaskStopOrdered)] == [
        ("f1", StopCause.FINISH),
        ("r1", StopCause.JOB_CANCEL),
    ]
    story.tell(heeds(1, "f1"), heeds(2, "r1"))
    assert [t.state for t in story.job.work] == [TaskState.FINISHED, TaskState.FAILED]
    (end,) = story.tell(end_job())
    assert isinstance(end, e.JobCanceled)
    assert end.stopped == 1


def test_a_forced_cancel_of_the_job_overtakes_a_finish_of_a_task() -> None:
    story = running_job(1)
    story.ask(finish_task(1))
    story.tell(ORDER)
    story.ask(cancel("r1", FORCED))
    (order,) = story.tell(ORDER)
    assert isinstance(order, e.TaskStopOrdered)
    assert (order.request_id, order.step) == ("r1", StopStep.KILL)
    story.tell(killed(1, "r1"))
    assert story.job.tasks[1].state is TaskState.FAILED


def test_a_graceful_cancel_of_the_job_does_not_hold_up_a_finish() -> None:
    story = running_job(2, started=2)
    story.ask(cancel("r1", GRACEFUL))
    (fact,) = story.ask(finish_task(1))
    assert isinstance(fact, e.TaskFinishRequested)
    (order,) = story.tell(ORDER)
    assert isinstance(order, e.TaskStopOrdered)
    assert order.runs == (run(1),)


def test_a_finish_of_the_job_after_one_of_a_task_keeps_the_first_order() -> None:
    story = running_job(2, started=2)
    story.ask(finish_task(1, "f1"))
    story.ask(finish("f2"))
    orders = [x for x in story.tell(ORDER) if isinstance(x, e.TaskStopOrdered)]
    assert [(x.request_id, x.runs) for x in orders] == [("f1", (run(1),)), ("f2", (run(2),))]


@pytest.mark.parametrize("mode", [NORMAL, FORCED])
def test_a_task_that_is_being_finished_is_not_canceled_by_itself(mode: CancelMode) -> None:
    story = running_job(1)
    story.ask(finish_task(1))
    (fact,) = story.ask(cancel_task(1, "t1", mode))
    assert isinstance(fact, e.TaskCancelRefused)
    assert fact.hresult == 0x80040209


# --- requeue --------------------------------------------------------------------------------------


def test_a_failed_task_runs_again_in_the_same_round() -> None:
    story = running_job(2, started=2)
    story.tell(ends(1, code=1))
    assert story.ask(requeue_task(1)) == (
        e.TaskRequeued("q1", 1, TaskState.FAILED, attempt=2, decision=ALLOWED),
    )
    assert story.job.requeue_count == 0
    story.tell(start(1, 2), ends(1, attempt=2), ends(2), end_job())
    assert [(t.state, t.attempt) for t in story.job.work] == [
        (TaskState.FINISHED, 2),
        (TaskState.FINISHED, 1),
    ]
    assert story.job.state is JobState.FINISHED


def test_a_requeue_says_why_and_a_message_that_is_too_long_is_refused_and_kept_in_part() -> None:
    story = running_job(2, started=2)
    story.tell(ends(1, code=1))
    (refused,) = story.ask(requeue_task(1, "q0", "x" * 321))
    assert isinstance(refused, e.JobCommandRefused)
    assert (refused.code, refused.rule) == ("message_too_long", "message-limit")
    assert (refused.hresult, refused.message_units) == (0x800402D3, 321)
    assert refused.message == "x" * 320
    (refused,) = story.ask(requeue_task(1, "q2", "a\x1b[2J"))
    assert isinstance(refused, e.JobCommandRefused)
    assert refused.code == "message_bad_character"
    assert story.job.tasks[1].state is TaskState.FAILED
    (fact,) = story.ask(requeue_task(1, "q1", "x" * 320))
    assert isinstance(fact, e.TaskRequeued)
    assert fact.message == "x" * 320


def test_a_task_stopped_by_its_own_cancel_runs_again_and_is_not_stopped_again() -> None:
    story = running_job(2, started=2)
    story.ask(cancel_task(1))
    story.tell(ORDER, outlasts(1, "t1", survivors=1))
    story.ask(requeue_task(1))
    assert story.job.tasks[1].survivors == 1, "what it left behind is not forgotten"
    story.tell(start(1, 2))
    assert story.tell(ORDER) == ()
    assert story.tell(c.RecordSurvivorsGone(1, 1)) == (e.TaskSurvivorsGone((run(1),)),)


def test_an_explicit_cancel_is_forgotten() -> None:
    story = running_job(2)
    story.ask(cancel_task(2))
    story.tell(c.RecordTaskCanceled())
    (fact,) = story.ask(requeue_task(2))
    assert isinstance(fact, e.TaskRequeued)
    assert (fact.from_state, fact.undoes, fact.undoes_version) == (TaskState.CANCELED, "t1", 7)
    story.ask(cancel("r1"))
    story.tell(ORDER, heeds(1, "r1"), end_job())
    (again,) = story.ask(requeue("q2"))
    assert isinstance(again, e.JobRequeued)
    assert again.queued == e.TaskSet(2, "1-2"), "only the job's cancel had turned it Canceled"


def test_a_requeue_before_the_cancel_was_closed_closes_it() -> None:
    story = running_job(2)
    story.ask(cancel_task(2))
    (fact,) = story.ask(requeue_task(2))
    assert isinstance(fact, e.TaskRequeued)
    assert fact.undoes == "t1"
    assert story.tell(c.RecordTaskCanceled()) == ()
    story.tell(start(2))
    assert story.job.tasks[2].state is TaskState.RUNNING


def test_a_task_that_waits_is_queued_already_and_nothing_changes() -> None:
    story = queued_job(2)
    before = story.job.tasks
    (fact,) = story.ask(requeue_task(1))
    assert isinstance(fact, e.TaskRequeued)
    assert (fact.from_state, fact.attempt) == (TaskState.QUEUED, 1)
    assert story.job.tasks == before


def test_of_a_requeue_and_the_end_of_the_job_the_first_event_decides() -> None:
    story = running_job(1, release=True)
    story.tell(ends(1, code=1))
    late = running_job(1, release=True)
    late.tell(ends(1, code=1), end_job())
    (fact,) = story.ask(requeue_task(1))
    assert isinstance(fact, e.TaskRequeued)
    assert story.tell(end_job()) == ()
    (refused,) = late.ask(requeue_task(1))
    assert isinstance(refused, e.JobCommandRefused)
    assert (refused.hresult, refused.state) == (0x8004024C, JobState.FINISHING)
    assert refused.explanation == (
        "job 7 is Finishing; a task is queued again while its job is Queued or Running"
    )


def test_a_task_canceled_while_its_job_is_configured_waits_for_the_submit() -> None:
    story = queued_job(2)
    story.ask(cancel_task(1), configure())
    (refused,) = story.ask(requeue_task(1))
    assert isinstance(refused, e.JobCommandRefused)
    story.ask(submit())
    story.tell(c.StartValidation(), c.EndValidation())
    (fact,) = story.ask(requeue_task(1, "q2"))
    assert isinstance(fact, e.TaskRequeued)
    assert {t.state for t in story.job.work} == {TaskState.QUEUED}
