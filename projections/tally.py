"""What is counted of the stream: requests, refusals, stages of cancels, and how long they took.

Counted from the events and kept with the views, so a count is the same after a restart and after a
rebuild: it is the number of events there are.
"""

from bisect import bisect_left
from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct

from domain import events as e
from domain.other_answers import AGREE, kind_in_shadow
from domain.outcome import outcome_of
from domain.remaking_policy import answers_in
from projections.audit_trail import Kind, Said
from projections.cancellations import Cancellation, Stage
from projections.stamps import ms_between


class Measure(StrEnum):
    """What is counted, and by what: the labels of each in ``LABELS``."""

    REQUESTS = "requests"
    REFUSALS = "refusals"
    SHADOW = "shadow"
    CANCEL_STAGES = "cancel_stages"
    SURVIVORS = "survivors"
    ORDER_MS = "order_ms"
    SIGNAL_MS = "signal_ms"
    END_MS = "end_ms"


LABELS: Final = {
    Measure.REQUESTS: ("operation", "outcome"),
    Measure.REFUSALS: ("operation", "rule"),
    Measure.SHADOW: ("kind",),
    Measure.CANCEL_STAGES: ("mode", "stage"),
    Measure.SURVIVORS: ("mode",),
    Measure.ORDER_MS: ("mode",),
    Measure.SIGNAL_MS: ("mode",),
    Measure.END_MS: ("mode",),
}
HISTOGRAMS: Final = (Measure.ORDER_MS, Measure.SIGNAL_MS, Measure.END_MS)
BUCKETS_MS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000)
"""Upper bounds in milliseconds, each included; what took longer is in the last bucket, "inf"."""

SUM: Final = "sum"
ASKED: Final = frozenset(
    {
        Kind.REQUEST,
        Kind.EMERGENCY_STOP,
        Kind.REPEAT,
        Kind.REFUSAL,
        Kind.REQUEUE,
        Kind.MARK,
        Kind.PARAMETER_CHANGE,
        Kind.POLICY_CHANGE,
    }
)
REACHED: Final = (Stage.ORDERED, Stage.STOPPED, Stage.RELEASED, Stage.CANCELED, Stage.TAKEN_OVER)


class CountKey(Struct, frozen=True):
    """A series. Of a histogram the last label is a bucket's bound, "inf", or "sum" (of ms)."""

    measure: Measure
    labels: tuple[str, ...]


Counted = tuple[CountKey, int]


def of_row(said: Said) -> Iterator[Counted]:
    """What a row of the trail adds."""
    if said.kind in ASKED:
        yield CountKey(Measure.REQUESTS, (said.operation, said.outcome)), 1
    if said.kind is Kind.REFUSAL:
        yield CountKey(Measure.REFUSALS, (said.operation, said.rule)), 1


def of_shadow(fact: e.Event) -> Iterator[Counted]:
    """What was said in shadow to what a fact records, by how it differs."""
    for decision in answers_in(fact):
        if decision.shadow is not None:
            kind = kind_in_shadow(decision, decision.shadow) or AGREE
            yield CountKey(Measure.SHADOW, (str(kind),)), 1


def of_making(made_by: str, fact: e.Event) -> Iterator[Counted]:
    """What a job's making adds: it has no row in the trail, and is asked for all the same.

    ``made_by``: the request that made the job just before. A job that it submits, too, was asked
    for once.
    """
    match fact:
        case e.JobAdded():
            yield CountKey(Measure.REQUESTS, ("add_job", outcome_of(fact))), 1
        case e.JobSubmitted() if not made_by or fact.key != made_by:
            yield CountKey(Measure.REQUESTS, ("submit", outcome_of(fact))), 1
        case _:
            pass


def of_step(before: Cancellation | None, after: Cancellation) -> Iterator[Counted]:
    """What one step of a cancel adds."""
    mode = str(after.mode)
    if before is None:
        yield CountKey(Measure.CANCEL_STAGES, (mode, Stage.REQUESTED)), 1
    for stage in REACHED:
        if reached(after, stage) and not (before and reached(before, stage)):
            yield CountKey(Measure.CANCEL_STAGES, (mode, stage)), 1
    new = after.survivors - (before.survivors if before else 0)
    if new > 0:
        yield CountKey(Measure.SURVIVORS, (mode,)), new
    for measure in HISTOGRAMS:
        ms = duration_ms(after, measure)
        if ms is not None and (before is None or duration_ms(before, measure) is None):
            yield CountKey(measure, (mode, bucket(ms))), 1
            yield CountKey(measure, (mode, SUM)), ms


def reached(of: Cancellation, stage: Stage) -> bool:
    """Whether the cancel has passed this stage."""
    match stage:
        case Stage.REQUESTED:
            return True
        case Stage.ORDERED:
            return of.ordered_at is not None
        case Stage.STOPPED:
            return of.running > 0 and of.ended_runs >= of.running
        case Stage.RELEASED:
            return of.released_at is not None
        case Stage.CANCELED:
            return of.ended_at is not None and not of.taken_over_by
        case Stage.TAKEN_OVER:
            return of.taken_over_by > 0


def duration_ms(of: Cancellation, measure: Measure) -> int | None:
    """From the request to the order, the first signal, or the end; None until then."""
    match measure:
        case Measure.ORDER_MS:
            return ms_between(of.requested_at, of.ordered_at)
        case Measure.SIGNAL_MS:
            return ms_between(of.requested_at, of.signalled_at)
        case _:
            return None if of.taken_over_by else ms_between(of.requested_at, of.ended_at)


def bucket(ms: int) -> str:
    """The upper bound of the bucket that holds ``ms``."""
    place = bisect_left(BUCKETS_MS, ms)
    return str(BUCKETS_MS[place]) if place < len(BUCKETS_MS) else "inf"
