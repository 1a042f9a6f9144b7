"""The effect view: how far each accepted cancel of a job has come, step by step."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from projections.cancellations import ALLOWANCE
from tests.domain.builders import (
    ALLOWED,
    GRACE_SECONDS,
    at,
    cancel,
    end_job,
    ends,
    heeds,
    killed,
    outlasts,
    queued_job,
    release,
    running_job,
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
from tests.projections.folded import Folds, apart

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
    row = replace(row, release="skipped")
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
