"""What is counted, and in which series."""

import pytest

from domain import commands as c
from domain import events as e
from domain.states import CancelMode
from projections.tally import BUCKETS_MS, HISTOGRAMS, LABELS, Measure, bucket
from tests.domain.builders import (
    ALLOWED,
    DENIED,
    SIGTERM,
    Story,
    add,
    cancel,
    cancel_task,
    configure,
    end_job,
    finish,
    heeds,
    killed,
    queued_job,
    release,
    requeue,
    running_job,
    submit,
)
from tests.projections.folded import Folds, apart, as_job, folded

ORDER = c.OrderStop(SIGTERM)


@pytest.mark.parametrize(
    ("ms", "bound"),
    [
        *((0, "1"), (1, "1"), (2, "2"), (3, "5"), (5, "5"), (6, "10"), (1000, "1000")),
        *((1001, "2000"), (60_000, "60000"), (60_001, "inf"), (10**9, "inf")),
    ],
)
def test_a_bucket_holds_its_upper_bound(ms: int, bound: str) -> None:
    assert bucket(ms) == bound


def test_buckets_rise() -> None:
    assert list(BUCKETS_MS) == sorted(set(BUCKETS_MS))


def test_every_measure_says_its_labels() -> None:
    assert LABELS.keys() == set(Measure)
    assert set(HISTOGRAMS) < set(Measure)


def test_requests_by_outcome_and_refusals_by_rule() -> None:
    story = running_job(2, release=True)
    story.ask(
        cancel("r1", decision=DENIED),
        cancel("r2", CancelMode.GRACEFUL),
        cancel("r3", CancelMode.GRACEFUL, actor="bob"),
        cancel("r4"),
        cancel_task(9, "t1"),
        cancel_task(1, "t2", CancelMode.GRACEFUL),
        requeue("q1"),
    )
    other = queued_job(1)
    other.ask(finish("f1"))
    other.tell(end_job())
    again = queued_job(1)
    again.ask(cancel("r1"))
    again.tell(end_job())
    again.ask(configure("c1"))
    refused = e.CancelRefused(
        "r1", "99", None, CancelMode.NORMAL, "", 0, "", "", "unknown_job", 1, "job-exists", "no"
    )
    folds = Folds()
    for number, one in enumerate((story, other, again), 1):
        folds.take_all(as_job(one.history, number))
    folds.take(apart(1, e.ClusterParameterSet("TTLCompletedJobs", "1", "5", "p", ALLOWED)))
    folds.take(apart(1, refused))
    assert folds.counted(Measure.REQUESTS) == {
        ("cancel", "refused"): 1,
        ("cancel", "accepted"): 2,
        ("cancel", "repeated"): 1,
        ("cancel", "escalated"): 1,
        ("cancel", "unknown"): 1,
        ("cancel_task", "unknown"): 1,
        ("cancel_task", "refused"): 1,
        ("requeue", "refused"): 1,
        ("finish", "accepted"): 1,
        ("configure", "accepted"): 1,
        ("set_parameter", "accepted"): 1,
        ("add_job", "accepted"): 3,
    }
    assert folds.counted(Measure.REFUSALS) == {
        ("cancel", "no-rule-allows"): 1,
        ("cancel", "job-exists"): 1,
        ("cancel_task", "task-exists"): 1,
        ("cancel_task", "task-cancel-modes"): 1,
        ("requeue", "requeue-states"): 1,
    }


def test_a_job_that_is_made_and_submitted_was_asked_for_once() -> None:
    at_once, later = Story(add(submit=True)), Story(add())
    later.ask(submit("s1"))
    folds = Folds().take_all(
        x for n, s in enumerate((at_once, later), 1) for x in as_job(s.history, n)
    )
    assert folds.counted(Measure.REQUESTS) == {
        ("add_job", "accepted"): 2,
        ("submit", "accepted"): 1,
    }


def test_a_release_that_was_skipped_released_nothing() -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1", CancelMode.FORCED))
    story.tell(ORDER, killed(1, "r1"), c.SkipRelease(), end_job())
    stages = {stage for _, stage in folded(story).counted(Measure.CANCEL_STAGES)}
    assert stages == {"requested", "ordered", "stopped", "canceled"}


def test_stages_and_times_of_a_cancel() -> None:
    story = running_job(1, release=True)
    story.ask(cancel("r1"))
    story.tell(ORDER, heeds(1, "r1", after_ms=40), release(), c.RecordRunEnd(2, 1, e.Exit(0)))
    story.tell(end_job())
    folds = folded(story)
    assert folds.counted(Measure.CANCEL_STAGES) == {
        ("normal", "requested"): 1,
        ("normal", "ordered"): 1,
        ("normal", "stopped"): 1,
        ("normal", "released"): 1,
        ("normal", "canceled"): 1,
    }
    assert folds.counted(Measure.ORDER_MS) == {("normal", "1000"): 1, ("normal", "sum"): 1000}
    assert folds.counted(Measure.SIGNAL_MS) == {("normal", "2000"): 1, ("normal", "sum"): 1960}
    assert folds.counted(Measure.END_MS) == {("normal", "5000"): 1, ("normal", "sum"): 5000}
    assert folds.counted(Measure.SURVIVORS) == {}


def test_a_cancel_that_was_taken_over_has_no_end_of_its_own() -> None:
    story = running_job(1)
    story.ask(cancel("r1"), cancel("r2", CancelMode.FORCED))
    story.tell(ORDER, killed(1, "r2", survivors=2), end_job())
    folds = folded(story)
    assert folds.count(Measure.CANCEL_STAGES, "normal", "taken_over") == 1
    assert folds.count(Measure.CANCEL_STAGES, "normal", "canceled") == 0
    assert folds.count(Measure.CANCEL_STAGES, "forced", "canceled") == 1
    assert {mode for mode, _ in folds.counted(Measure.END_MS)} == {"forced"}
    assert folds.counted(Measure.SURVIVORS) == {("forced",): 2}


def test_survivors_are_counted_once_and_their_end_takes_nothing_away() -> None:
    story = running_job(1)
    story.ask(cancel_task(1, "t1", CancelMode.FORCED), cancel("r1"))
    story.tell(ORDER, killed(1, "t1", survivors=3), c.RecordSurvivorsGone(1, 1), end_job())
    assert folded(story).counted(Measure.SURVIVORS) == {("forced",): 3}
