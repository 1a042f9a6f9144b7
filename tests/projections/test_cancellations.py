"""The effect view: how far each accepted cancel has come, step by step.

In these stories every fact comes one second after the one before, so the position of a fact is also
the second it was written in.
"""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.states import CancelMode, JobState
from projections.cancellations import ALLOWANCE, CancellationRow, cancellation_row
from projections.folding import JobFold
from projections.stamps import stamp
from tests.domain.builders import (
    ALLOWED,
    GRACE_SECONDS,
    SIGTERM,
    Story,
    add,
    at,
    cancel,
    cancel_task,
    configure,
    end_job,
    ends,
    finish,
    heeds,
    killed,
    outlasts,
    queued_job,
    release,
    requeue,
    running_job,
    specs,
)
from tests.projections.folded import Folds, apart, folded

NORMAL, FORCED, GRACEFUL = CancelMode.NORMAL, CancelMode.FORCED, CancelMode.GRACEFUL
RELEASE_SECONDS = 10
ORDER = c.OrderStop(SIGTERM)


def requested(
    position: int,
    mode: CancelMode = NORMAL,
    *,
    request_id: str = "r1",
    actor: str = "alice",
    task: int | None = None,
    running: int = 1,
    waiting: int = 0,
    release: str = "none",
) -> CancellationRow:
    """A cancel that was accepted in this second, and nothing else has happened."""
    grace = 0 if mode is FORCED or not running else GRACE_SECONDS
    waits = RELEASE_SECONDS if release == "pending" and mode is not FORCED else 0
    due = None if mode is GRACEFUL and running else second(position + grace + waits, ALLOWANCE)
    return CancellationRow(
        position=position,
        job_id=7,
        task=task,
        owner="alice",
        request_id=request_id,
        mode=mode.value,
        message="",
        reason_code="",
        actor=actor,
        on_behalf_of="",
        requested_at=second(position),
        due_at=due,
        stage="requested",
        open=1,
        late=0,
        running=running,
        waiting=waiting,
        stopped=0,
        force_stopped=0,
        ended_otherwise=0,
        killed=0,
        survivors=0,
        release=release,
        ordered_at=None,
        signalled_at=None,
        stopped_at=None,
        released_at=None,
        ended_at=None,
        end_position=None,
        taken_over_by=None,
        order_ms=None,
        signal_ms=None,
        stop_ms=None,
        release_ms=None,
        total_ms=None,
    )


def second(n: int, more: timedelta = timedelta(0)) -> str:
    """The time of the n-th second."""
    return stamp(at(n) + more)


def ordered(row: CancellationRow, n: int) -> CancellationRow:
    """Its order was written in this second."""
    ms = 1000 * (n - row.position)
    return replace(row, stage="ordered", ordered_at=second(n), order_ms=ms)


def over(row: CancellationRow, n: int, late: int = 0) -> CancellationRow:
    """It was carried out to its end in this second."""
    ms = 1000 * (n - row.position)
    return replace(
        row,
        stage="canceled",
        open=0,
        late=late,
        ended_at=second(n),
        end_position=n,
        total_ms=ms,
    )


def taken_over(row: CancellationRow, n: int) -> CancellationRow:
    """A stronger one went on from this second."""
    return replace(over(row, n), stage="taken_over", taken_over_by=n)


class Watched:
    """A story, and the effect view after each part of it."""

    def __init__(self, story: Story) -> None:
        self.story = story

    @property
    def now(self) -> int:
        """The second, and the position, of the last fact."""
        return len(self.story.history)

    @property
    def rows(self) -> list[CancellationRow]:
        return folded(self.story).effects

    @property
    def row(self) -> CancellationRow:
        (row,) = self.rows
        return row


# --- a cancel of a job ----------------------------------------------------------------------------


def test_a_normal_cancel_whose_task_heeds_the_signal() -> None:
    story = running_job(2)
    w = Watched(story)
    assert w.rows == []

    story.ask(cancel("r1"))
    row = requested(7, waiting=1)
    assert w.row == row

    story.tell(ORDER)
    row = ordered(row, 8)
    assert w.row == row

    story.tell(heeds(1, "r1", after_ms=40))
    row = replace(
        row,
        stage="stopped",
        stopped=1,
        signalled_at=second(9, -timedelta(milliseconds=40)),
        signal_ms=1960,
        stopped_at=second(9),
        stop_ms=1000,
    )
    assert w.row == row

    story.tell(end_job())
    assert w.row == over(row, 10)


def test_a_grace_period_that_runs_out() -> None:
    story = running_job(1)
    story.ask(cancel("r1"))
    story.tell(ORDER, outlasts(1, "r1"))
    row = replace(
        ordered(requested(7), 8),
        stage="stopped",
        force_stopped=1,
        killed=3,
        signalled_at=second(7),  # 15.02 s before its end would be before the request
        signal_ms=0,
        stopped_at=second(9),
        stop_ms=1000,
    )
    assert Watched(story).row == row


def test_a_forced_cancel_skips_node_release() -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1", FORCED))
    row = requested(7, FORCED, release="pending")
    assert Watched(story).row == row

    story.tell(ORDER, killed(1, "r1"))
    row = replace(
        ordered(row, 8),
        stage="stopped",
        force_stopped=1,
        killed=2,
        signalled_at=second(9, -timedelta(milliseconds=8)),
        signal_ms=1992,
        stopped_at=second(9),
        stop_ms=1000,
    )
    assert Watched(story).row == row

    story.tell(c.SkipRelease())
    row = replace(row, stage="released", release="skipped", released_at=second(10))
    assert Watched(story).row == row

    story.tell(end_job())
    assert Watched(story).row == over(row, 11)


def test_a_graceful_cancel_waits_without_a_time_and_counts_what_ends_by_itself() -> None:
    story = running_job(2, started=2)
    story.ask(cancel("r1", GRACEFUL))
    assert Watched(story).row == requested(8, GRACEFUL, running=2)

    story.tell(ends(1))
    row = replace(
        requested(8, GRACEFUL, running=2), ended_otherwise=1, stopped_at=second(9), stop_ms=1000
    )
    assert Watched(story).row == row

    story.tell(ends(2, code=3))
    row = replace(row, stage="stopped", ended_otherwise=2, stopped_at=second(10), stop_ms=2000)
    assert Watched(story).row == row

    story.tell(end_job())
    assert Watched(story).row == over(row, 11)


def test_a_cancel_before_anything_ran_is_due_soon() -> None:
    story = queued_job(2)
    story.ask(cancel("r1", GRACEFUL))
    row = requested(5, GRACEFUL, running=0, waiting=2)
    assert row.due_at == second(5, ALLOWANCE)
    assert Watched(story).row == row
    story.tell(end_job())
    assert Watched(story).row == over(row, 6)


def test_a_cancel_that_ends_after_it_was_due_was_late() -> None:
    story = queued_job(1)
    story.ask(cancel("r1"))
    history = list(story.history)
    story.tell(end_job())
    for seconds, late in ((5 + 10, 0), (5 + 10, 0), (5 + 11, 1)):
        event = replace(story.history[-1].event, time=at(seconds))
        last = replace(story.history[-1], event=event)
        (row,) = Folds().take_all([*history, last]).effects
        assert (row.late, row.stage) == (late, "canceled")


@pytest.mark.parametrize(
    ("end", "became", "stage"),
    [
        (c.RecordRunEnd(2, 1, e.Exit(code=0)), "ran", "released"),
        (c.RecordRunEnd(2, 1, e.Exit(code=1)), "failed", "released"),
        (c.RecordRunEnd(2, 1, e.Exit(signal=9), timed_out=True), "timed_out", "released"),
        (c.RecordRunEnd(2, 1, e.Exit(), lost="the machine restarted"), "failed", "released"),
    ],
)
def test_what_became_of_node_release(end: c.RecordRunEnd, became: str, stage: str) -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1"))
    assert Watched(story).row == requested(7, release="pending")
    story.tell(ORDER, heeds(1, "r1"), release())
    running = Watched(story).row
    assert (running.release, running.stage, running.release_ms) == ("running", "stopped", None)
    story.tell(end)
    assert Watched(story).row == replace(
        running, release=became, stage=stage, released_at=second(11), release_ms=1000
    )


def test_node_release_that_cannot_start_has_failed() -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1"))
    story.tell(ORDER, heeds(1, "r1"), c.RefuseTask(2, 1, "n1", "no", "no such account"))
    row = Watched(story).row
    assert (row.release, row.released_at, row.release_ms) == ("failed", second(10), None)


def test_node_release_is_cut_short_by_force() -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1"))
    story.tell(ORDER, heeds(1, "r1"), release())
    story.ask(cancel("r2", FORCED, actor="bob"))
    first, second_one = Watched(story).rows
    assert (first.release, first.taken_over_by, first.open) == ("running", 11, 0)
    assert (second_one.release, second_one.running) == ("running", 0)

    story.tell(ORDER, killed(2, "r2"))
    row = Watched(story).rows[1]
    assert (row.release, row.released_at, row.release_ms) == ("cut_short", second(13), 3000)
    story.tell(end_job())
    assert Watched(story).rows[0] == first
    assert Watched(story).rows[1] == over(row, 14)


def test_the_time_of_node_release_is_the_one_in_force_at_the_request() -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1"))
    folds = Folds()
    folds.take(apart(1, e.ClusterParameterSet("NodeReleaseTaskTimeout", "60", "10", "p", ALLOWED)))
    folds.take_all(story.history)
    folds.take(apart(2, e.ClusterParameterSet("NodeReleaseTaskTimeout", "600", "60", "q", ALLOWED)))
    (row,) = folds.effects
    assert row.due_at == second(7 + GRACE_SECONDS + 60, ALLOWANCE)


# --- repeats, refusals, escalations ---------------------------------------------------------------


def test_repeats_and_refusals_have_no_row_and_change_none() -> None:
    story = running_job(1)
    story.ask(cancel("r1"))
    row = Watched(story).row
    story.ask(cancel("r2", actor="bob"), cancel("r3", GRACEFUL), cancel("r4", message="x" * 400))
    assert story.names()[-3:] == ["JobCancelRepeated", "JobCancelRepeated", "JobCancelRefused"]
    assert Watched(story).row == row


def test_an_escalation_takes_over() -> None:
    story = running_job(1)
    story.ask(cancel("r1"))
    story.tell(ORDER)
    story.ask(cancel("r2", FORCED, actor="bob"))
    first = taken_over(ordered(requested(7), 8), 9)
    then = requested(9, FORCED, request_id="r2", actor="bob")
    assert Watched(story).rows == [first, then]

    story.tell(ORDER, killed(1, "r2"), end_job())
    told = Watched(story).rows
    assert told[0] == first
    assert (told[1].stage, told[1].force_stopped, told[1].ended_otherwise) == ("canceled", 1, 0)


def test_a_signal_that_was_on_its_way_counts_for_the_cancel_that_sent_it() -> None:
    story = running_job(1)
    story.ask(cancel("r1"))
    story.tell(ORDER)
    story.ask(cancel("r2", FORCED, actor="bob"))
    story.tell(heeds(1, "r1", after_ms=40))
    first, then = Watched(story).rows
    assert first == replace(
        taken_over(ordered(requested(7), 8), 9),
        stopped=1,
        signalled_at=second(10, -timedelta(milliseconds=40)),
        signal_ms=2960,
        stopped_at=second(10),
        stop_ms=2000,
    )
    assert (then.stage, then.stopped, then.ended_otherwise) == ("stopped", 0, 1)
    story.tell(end_job())
    assert Watched(story).rows[0] == first
    assert kept(story) == (), "what was taken over is not held for ever"


def test_the_same_request_id_of_two_people_is_two_cancels() -> None:
    story = running_job(1)
    story.ask(cancel("r1", GRACEFUL))
    story.ask(cancel("r1", FORCED, actor="bob"))
    story.tell(ORDER, killed(1, "r1", survivors=2), end_job())
    first, then = Watched(story).rows
    assert (first.force_stopped, first.survivors, first.killed) == (0, 0, 0)
    assert (then.force_stopped, then.survivors, then.killed) == (1, 2, 2)


# --- processes that outlive the kill --------------------------------------------------------------


def kept(story: Story) -> tuple[CancellationRow, ...]:
    """What later facts may still change."""
    state = folded(story).states[e.job_aggregate(7)]
    assert isinstance(state, JobFold)
    return tuple(map(cancellation_row, state.cancellations))


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
