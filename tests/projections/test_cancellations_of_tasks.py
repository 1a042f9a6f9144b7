"""The effect view: cancels of tasks, what outlives a kill, and other ends."""

from datetime import timedelta

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.states import JobState
from tests.domain.builders import (
    Story,
    add,
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
    running_job,
    specs,
)
from tests.projections.effects import (
    FORCED,
    GRACEFUL,
    ORDER,
    Watched,
    kept,
    ordered,
    over,
    requested,
    second,
    taken_over,
)
from tests.projections.folded import Folds

# --- processes that outlive the kill --------------------------------------------------------------


def test_survivors_are_told_until_they_are_gone() -> None:
    story = running_job(1)
    story.ask(cancel("r1", FORCED))
    story.tell(ORDER, killed(1, "r1", survivors=2), end_job())
    row = Watched(story).row
    assert (row.stage, row.open, row.survivors) == ("canceled", 0, 2)
    assert kept(story) == (row,)

    story.ask(requeue())
    assert Watched(story).row == row
    story.tell(c.RecordSurvivorsGone(1, 1))
    assert Watched(story).row == replace(row, survivors=0)
    assert kept(story) == ()


def test_survivors_of_one_run_are_told_of_one_cancel_only() -> None:
    story = running_job(1)
    story.ask(cancel_task(1, "t1", FORCED), cancel("r1"))
    story.tell(ORDER, killed(1, "t1", survivors=3))
    by_task, by_job = Watched(story).rows
    assert (by_task.survivors, by_task.force_stopped, by_task.killed) == (3, 1, 2)
    assert (by_job.survivors, by_job.ended_otherwise, by_job.stage) == (0, 1, "stopped")


def test_survivors_of_a_kill_that_nobody_ordered_are_told_of_the_cancel_that_waited() -> None:
    story = running_job(1)
    story.ask(cancel("r1", GRACEFUL))
    lost = c.RecordRunEnd(1, 1, e.Exit(), lost="the warden died", killed=2, survivors=1)
    story.tell(lost)
    assert story.names()[-1] == "TaskFailed"
    row = Watched(story).row
    assert (row.survivors, row.killed, row.ended_otherwise) == (1, 0, 1)


def test_survivors_of_node_release_are_told_of_the_cancel() -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1"))
    ended = c.RecordRunEnd(2, 1, e.Exit(), timed_out=True, killed=1, survivors=1)
    story.tell(ORDER, heeds(1, "r1"), release(), ended, end_job())
    assert Watched(story).row.survivors == 1
    story.tell(c.RecordSurvivorsGone(2, 1))
    assert Watched(story).row.survivors == 0


# --- a cancel of one task -------------------------------------------------------------------------


def test_a_cancel_of_a_waiting_task() -> None:
    story = queued_job(2)
    story.ask(cancel_task(2, "t1"))
    row = requested(5, request_id="t1", task=2, running=0, waiting=1)
    assert Watched(story).row == row
    story.tell(c.RecordTaskCanceled())
    assert Watched(story).row == over(row, 6)


def test_a_cancel_of_a_running_task() -> None:
    story = running_job(2, started=2)
    story.ask(cancel_task(2, "t1"))
    row = requested(8, request_id="t1", task=2)
    assert Watched(story).row == row
    story.tell(ORDER)
    row = ordered(row, 9)
    assert Watched(story).row == row
    story.tell(heeds(2, "t1"))
    row = replace(
        row,
        stopped=1,
        signalled_at=second(10, -timedelta(milliseconds=40)),
        signal_ms=1960,
        stopped_at=second(10),
        stop_ms=1000,
    )
    assert Watched(story).row == over(row, 10)
    story.tell(ends(1), end_job())
    assert Watched(story).row == over(row, 10)


def test_a_task_that_ends_by_itself_ends_its_cancel() -> None:
    story = running_job(1)
    story.ask(cancel_task(1, "t1"))
    story.tell(ends(1))
    row = Watched(story).row
    assert (row.stage, row.ended_otherwise, row.end_position) == ("canceled", 1, 8)


def test_another_task_s_end_does_not_touch_it() -> None:
    story = running_job(2, started=2)
    story.ask(cancel_task(2, "t1"))
    row = Watched(story).row
    story.tell(ends(1))
    assert Watched(story).row == row


def test_one_request_id_for_several_tasks() -> None:
    """The id's scope is the task: the end of a waiting one is not the end of a running one."""
    story = running_job(3, started=1)
    story.ask(cancel_task(1, "t1"), cancel_task(2, "t1"), cancel_task(3, "t1"))
    story.tell(c.RecordTaskCanceled())
    stages = [(row.task, row.stage) for row in Watched(story).rows]
    assert stages == [(1, "requested"), (2, "canceled"), (3, "canceled")]


def test_one_order_for_several_tasks_of_one_request_id() -> None:
    story = running_job(2, started=2)
    story.ask(cancel_task(1, "t1"), cancel_task(2, "t1"))
    story.tell(ORDER)
    assert story.names().count("TaskStopOrdered") == 1
    assert [row.stage for row in Watched(story).rows] == ["ordered", "ordered"]


def test_a_stronger_cancel_of_the_task_takes_over() -> None:
    story = running_job(1)
    story.ask(cancel_task(1, "t1"))
    story.tell(ORDER)
    story.ask(cancel_task(1, "t2", FORCED))
    first = taken_over(ordered(requested(7, request_id="t1", task=1), 8), 9)
    then = requested(9, FORCED, request_id="t2", task=1)
    assert Watched(story).rows == [first, then]


def test_a_cancel_of_the_job_while_one_of_a_task_is_open() -> None:
    """The task's order stands; the job's cancel waits for the same run."""
    story = running_job(1)
    story.ask(cancel_task(1, "t1"))
    story.tell(ORDER)
    story.ask(cancel("r1"))
    story.tell(ORDER)
    by_task, by_job = Watched(story).rows
    assert (by_task.stage, by_job.stage) == ("ordered", "requested")
    story.tell(heeds(1, "t1"))
    by_task, by_job = Watched(story).rows
    assert (by_task.stage, by_task.stopped) == ("canceled", 1)
    assert (by_job.stage, by_job.stopped, by_job.ended_otherwise) == ("stopped", 0, 1)
    story.tell(end_job())
    assert [row.open for row in Watched(story).rows] == [0, 0]


def test_a_forced_cancel_of_a_task_does_not_take_over_the_job_s() -> None:
    story = running_job(1)
    story.ask(cancel("r1"), cancel_task(1, "t1", FORCED))
    by_job, by_task = Watched(story).rows
    assert (by_job.open, by_task.open, by_job.taken_over_by) == (1, 1, None)


# --- other ends -----------------------------------------------------------------------------------


def test_a_finish_is_no_cancel_and_a_forced_cancel_cuts_it_short() -> None:
    story = running_job(1, release=True)
    story.ask(finish("f1"))
    story.tell(ORDER)
    assert Watched(story).rows == []
    story.ask(cancel("r1", FORCED))
    assert Watched(story).row == requested(9, FORCED, release="pending")
    story.tell(outlasts(1, "f1", survivors=1))
    row = Watched(story).row
    assert (row.ended_otherwise, row.force_stopped, row.survivors) == (1, 0, 1)
    story.tell(c.SkipRelease(), end_job())
    assert Watched(story).row.stage == "canceled"


def test_a_finish_ends_an_open_cancel_of_a_task() -> None:
    story = running_job(1)
    story.ask(cancel_task(1, "t1"), finish("f1"))
    story.tell(ORDER, heeds(1, "t1"), end_job())
    assert story.job.state is JobState.FINISHED
    assert Watched(story).row.stage == "canceled"


def test_a_rejected_job_ends_what_was_open_on_its_tasks() -> None:
    story = Story(add(specs(1), submit=True))
    story.tell(c.StartValidation())
    story.ask(cancel_task(1, "t1"))
    story.tell(c.EndValidation("no_such_account", "no such account"))
    assert story.job.state is JobState.FAILED
    assert Watched(story).row.open == 0


def test_a_task_queued_again_ends_its_cancel_that_was_not_closed_yet() -> None:
    story = running_job(3, started=1)
    story.ask(cancel_task(2, "t1"), cancel_task(3, "t1"), requeue_task(2, "q1"))
    assert [row.open for row in Watched(story).rows] == [0, 1], "and no other of the same id"
    assert Watched(story).rows[0] == over(
        requested(7, request_id="t1", task=2, running=0, waiting=1), 9
    )
    story.tell(c.RecordTaskCanceled())
    assert [row.end_position for row in Watched(story).rows] == [9, 10]
    story.ask(cancel_task(2, "t2"))
    assert [row.stage for row in Watched(story).rows] == ["canceled", "canceled", "requested"]


def test_a_finish_of_a_task_is_no_cancel_and_a_cancel_of_the_job_waits_for_it() -> None:
    story = running_job(1)
    story.ask(finish_task(1, "f1"))
    story.tell(ORDER)
    assert Watched(story).rows == []
    story.ask(cancel("r1"))
    story.tell(heeds(1, "f1"))
    row = Watched(story).row
    assert (row.stage, row.stopped, row.ended_otherwise) == ("stopped", 0, 1)


def test_queued_again_and_canceled_again() -> None:
    story = running_job(1)
    story.ask(cancel("r1"))
    story.tell(ORDER, heeds(1, "r1"), end_job())
    first = Watched(story).row
    story.ask(requeue())
    story.tell(c.StartValidation(), c.EndValidation())
    story.ask(cancel("r2", FORCED))
    assert Watched(story).rows == [
        first,
        requested(14, FORCED, request_id="r2", running=0, waiting=1),
    ]
    story.tell(end_job())
    assert [row.stage for row in Watched(story).rows] == ["canceled", "canceled"]


def test_a_cancel_of_a_task_is_closed_after_the_job_was_configured_again() -> None:
    story = queued_job(2)
    story.ask(cancel_task(2, "t1"), configure())
    assert Watched(story).row.open == 1
    story.tell(c.RecordTaskCanceled())
    assert Watched(story).row.stage == "canceled"


def test_a_run_the_engine_lost_during_a_cancel_ended_otherwise() -> None:
    story = running_job(1)
    story.ask(cancel("r1"))
    story.tell(ORDER, c.RecordRunEnd(1, 1, e.Exit(), lost="the machine restarted"))
    row = Watched(story).row
    assert (row.stage, row.stopped, row.force_stopped, row.ended_otherwise) == ("stopped", 0, 0, 1)
    assert row.signalled_at is None


def test_a_thousand_open_cancels_are_told_apart_by_position() -> None:
    """One step must not compare every cancel with every other one."""
    story = running_job(40, started=40)
    story.ask(*(cancel_task(n, f"t{n}") for n in range(1, 41)))
    folds = Folds().take_all(story.history)
    ended = story.tell(ends(17))
    assert len(ended) == 1
    done = folds.take(story.history[-1])
    assert [x.task for x in done.cancellations] == [17]
