"""Freeze windows: times by name that a site's settings list, so that rules can ask about them.

A window alone refuses nothing: it is the policy that says what must not be done in it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

from msgspec import Struct

WINDOWS_MAX: Final = 64
WRONG_SHOWN_MAX: Final = 5
SHOWN: Final = 80
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
NAME_WORDS: Final = "1 to 64 letters, digits, dots, _ and -, the first a letter or a digit"
HOUR: Final = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?", re.ASCII)
DAY: Final = timedelta(days=1)


class Weekday(StrEnum):
    """A day of the week, in UTC."""

    MONDAY = "Monday"
    TUESDAY = "Tuesday"
    WEDNESDAY = "Wednesday"
    THURSDAY = "Thursday"
    FRIDAY = "Friday"
    SATURDAY = "Saturday"
    SUNDAY = "Sunday"


WEEK: Final = tuple(Weekday)


class FreezeWindow(Struct, frozen=True, forbid_unknown_fields=True, rename={"begin": "from"}):
    """A time by name, once or again and again. ``begin`` is part of it, ``to`` is not.

    Once: both are moments with an offset, such as ``2026-12-20T00:00:00Z``. Again and again: both
    are times of the day in UTC, such as ``22:00``, and it begins on each of ``weekdays`` (without
    them every day); where ``to`` is not later than ``begin`` it ends on the next day.
    """

    name: str
    begin: str
    to: str
    weekdays: tuple[Weekday, ...] = ()


class Once(Struct, frozen=True):
    """From ``begin`` until just before ``end``, in UTC."""

    begin: datetime
    end: datetime

    def holds(self, at: datetime) -> bool:
        """Whether it is in force."""
        return self.begin <= at < self.end


class Again(Struct, frozen=True):
    """``begin`` after midnight UTC of each of these days it begins; ``lasts`` at most 24 hours."""

    begin: timedelta
    lasts: timedelta
    weekdays: frozenset[Weekday]

    def holds(self, at: datetime) -> bool:
        """Whether it is in force: since today, or since yesterday."""
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        return any(self._since(day, at) for day in (midnight, midnight - DAY))

    def _since(self, day: datetime, at: datetime) -> bool:
        begin = day + self.begin
        return WEEK[day.weekday()] in self.weekdays and begin <= at < begin + self.lasts


def in_force(windows: Iterable[FreezeWindow], at: datetime) -> tuple[str, ...]:
    """The names of those that are in force then, sorted."""
    then = at.astimezone(UTC)
    return tuple(sorted({x.name for x in windows if meaning(x).holds(then)}))


@cache
def meaning(window: FreezeWindow) -> Once | Again:
    """What a window says. Raises ``ValueError``, with a sentence, for one that means nothing."""
    if HOUR.fullmatch(window.begin) and HOUR.fullmatch(window.to):
        begin, end = after_midnight(window.begin), after_midnight(window.to)
        lasts = end - begin if end > begin else end - begin + DAY
        return Again(begin, lasts, frozenset(window.weekdays or WEEK))
    if window.weekdays:
        raise ValueError('with weekdays, from and to are times of the day in UTC such as "22:00"')
    found = Once(moment(window.begin), moment(window.to))
    if found.begin >= found.end:
        raise ValueError(f"it ends ({window.to}) before it begins ({window.begin})")
    return found


def after_midnight(text: str) -> timedelta:
    """A time of the day. Raises ``ValueError``."""
    try:
        found = time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is no time of the day; there are 00:00 to 23:59") from None
    return timedelta(hours=found.hour, minutes=found.minute, seconds=found.second)


def moment(text: str) -> datetime:
    """A moment, in UTC. Raises ``ValueError``."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValueError(
            f"{text[:SHOWN]!r} is no time for it; from and to are both moments with an offset such "
            'as "2026-12-20T00:00:00Z", or both times of the day in UTC such as "22:00"'
        )
    return found.astimezone(UTC)


def wrong_windows(windows: Sequence[FreezeWindow]) -> list[str]:
    """What is wrong with a site's windows, in sentences; of many the first few."""
    if len(windows) > WINDOWS_MAX:
        return [f"freeze_windows has {len(windows)} entries; at most {WINDOWS_MAX} are allowed"]
    found = list(wrong(windows))
    more = len(found) - WRONG_SHOWN_MAX
    last = [f"freeze_windows: {more} more are wrong"] if more > 0 else []
    return [*found[:WRONG_SHOWN_MAX], *last]


def wrong(windows: Iterable[FreezeWindow]) -> Iterator[str]:
    """Windows without a name that can be one, or without a meaning."""
    for window in windows:
        where = f"freeze_windows: {window.name[:SHOWN]!r}"
        if not NAME.fullmatch(window.name):
            yield f"{where} is no name; {NAME_WORDS}"
            continue
        try:
            meaning(window)
        except ValueError as error:
            yield f"{where}: {error}"
