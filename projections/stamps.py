"""Times as rows hold them: RFC 3339 text in UTC that sorts as the moments do."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

ZERO: Final = "+00:00"
REMEMBERED: Final = 1024
"""Rows that follow from one event have its time several times."""


def stamp(moment: datetime) -> str:
    """UTC, always six digits of fraction, and Z."""
    return stamp_of_utc(moment if moment.tzinfo is UTC else moment.astimezone(UTC))


@lru_cache(REMEMBERED)
def stamp_of_utc(utc: datetime) -> str:
    """As ``stamp``. Only in UTC are two equal times always the same moment."""
    return utc.isoformat(timespec="microseconds")[: -len(ZERO)] + "Z"


def maybe_stamp(moment: datetime | None) -> str | None:
    """As ``stamp``, for a moment that may not have come yet."""
    return None if moment is None else stamp(moment)


def stamp_of(moment: str) -> str | None:
    """A time that somebody gave as text, in the form of all others; None for ""."""
    return stamp(datetime.fromisoformat(moment)) if moment else None


def whole_ms(span: timedelta) -> int:
    """Milliseconds, rounded, never negative: a clock that was set back gives 0."""
    return max(0, round(span.total_seconds() * 1000))


def ms_between(earlier: datetime | None, later: datetime | None) -> int | None:
    """Milliseconds from one moment to another; None while either has not come."""
    if earlier is None or later is None:
        return None
    return whole_ms(later - earlier)
