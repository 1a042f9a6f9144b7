"""What a policy may have been told of a job lately: as it is, and as it was a moment ago.

The service asks the policy about a job as it is, and decides on it as it is a moment later, when
other facts may have come in between.
"""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from domain.job import Job
from domain.policy import JobKnown
from domain.policy_requests import running_since, standing

LATE_MAX: Final = timedelta(minutes=10)
"""So long at most is between a question to the policy and the fact that it led to."""

GLIMPSES_MAX: Final = 32
"""Of a job; of one that changes more often in that time, what it was first is not known."""


class Glimpse(Struct, frozen=True):
    """What could be known from ``version`` on, ``since`` then: all but how long it runs.

    ``began``: when a job that runs was started. ``approved``: the cancels that waited, and how many
    had approved each.
    """

    version: int
    since: datetime
    known: JobKnown
    began: datetime | None
    approved: dict[str, int] = {}


Glimpses = tuple[Glimpse, ...]
"""The oldest first."""


def with_glimpse(lately: Glimpses, before: Job | None, after: Job, at: datetime) -> Glimpses:
    """What could be known lately, after one more fact at this time."""
    if before is not None and lately and looks_alike(before, after):
        return lately
    same = before is not None and lately and before.labels is after.labels
    known = standing(after, labels=lately[-1].known.labels if same else None)
    approved = {key: len(x.approvals) for key, x in after.waiting_cancels.items()}
    new = Glimpse(after.version, at, known, running_since(after), approved)
    return (*still(lately[1 - GLIMPSES_MAX :], at), new)


def still(lately: Glimpses, at: datetime) -> Glimpses:
    """Those that held at some moment of the time that a question may be old."""
    first = 0
    while first + 1 < len(lately) and lately[first + 1].since < at - LATE_MAX:
        first += 1
    return lately[first:]


def looks_alike(before: Job, after: Job) -> bool:
    """Whether a policy is told the same; unsure is no. A fold keeps what it does not change."""
    return (
        before.state is after.state
        and before.nodes is after.nodes
        and before.waiting_cancels is after.waiting_cancels
        and before.name is after.name
        and before.priority is after.priority
        and before.project is after.project
        and before.labels is after.labels
        and before.protection is after.protection
        and before.legal_hold is after.legal_hold
        and before.started_at is after.started_at
    )


def at_version(lately: Glimpses, version: int) -> Glimpses:
    """The one that held at this version, if it is still known."""
    return tuple(x for x in lately if x.version <= version)[-1:]


def forgotten(lately: Glimpses, at: datetime) -> bool:
    """Whether the job may have been something else lately that is not known any more."""
    return len(lately) >= GLIMPSES_MAX and lately[0].since > at - LATE_MAX
