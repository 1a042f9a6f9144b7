"""Times and durations as people write and read them; RFC 3339 in UTC towards the server."""

import os
import re
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.cli.stdout import on_terminal

DATE_FIRST: Final = re.compile(r"[0-9]{4}-", re.ASCII)
"""How a date begins; a time of today may have a minus too, in its zone."""

UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SECONDS_MAX: Final = 366 * 86400.0


def seconds(text: str) -> float:
    """``500ms``, ``30s``, ``5m``, ``2h``, ``1d`` or plain seconds. ValueError for anything else."""
    unit = next((unit for unit in UNITS if text.endswith(unit)), "")
    number = text.removesuffix(unit)
    if not number.replace(".", "", 1).isdecimal() or not number.isascii():
        raise ValueError(text)
    found = float(number) * UNITS.get(unit, 1.0)
    if found > SECONDS_MAX:
        raise ValueError(text)
    return found


def moment(text: str, utc: bool, now: datetime | None = None) -> str:
    """RFC 3339 in UTC of a date and time, a time of today, or ``-5m`` (ago). ValueError otherwise.

    What names no zone is local time, or UTC when ``utc``.
    """
    now = now or datetime.now(UTC)
    if text.startswith("-"):
        return rfc3339(now - timedelta(seconds=seconds(text[1:])))
    here = now if utc else now.astimezone()
    day = "" if DATE_FIRST.match(text) else f"{here:%Y-%m-%d}T"
    found = datetime.fromisoformat(day + text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC) if utc else found.astimezone()
    return rfc3339(found)


def rfc3339(at: datetime) -> str:
    """UTC with six digits and Z."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def shown(text: str | None, utc: bool, clock_only: bool = False) -> str:
    """A server's time for people: local, or UTC with Z; ``clock_only`` leaves out today's date."""
    if not text:
        return ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    zone = UTC if utc else None
    at = at.astimezone(zone)
    today = datetime.now(UTC).astimezone(zone).date()
    form = "%H:%M:%S" if clock_only and at.date() == today else "%Y-%m-%d %H:%M:%S"
    return at.strftime(form) + ("Z" if utc else "")


def brief(text: str | None, utc: bool) -> str:
    """As ``shown`` where nobody looks; on a terminal only as much as today's reader needs.

    Today's times are times, this year's have no year, and of older ones the day is enough.
    """
    if not text or not on_terminal(sys.stdout):
        return shown(text, utc)
    try:
        at = datetime.fromisoformat(text).astimezone(UTC if utc else None)
    except ValueError:
        return text
    now = datetime.now(UTC).astimezone(UTC if utc else None)
    if at.year != now.year:
        return f"{at:%Y-%m-%d}"
    zone = "Z" if utc else ""
    return (f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%m-%d %H:%M}") + zone


def request_id() -> str:
    """A new UUID version 7: ordered by time, and nobody else's."""
    random = os.urandom(10).hex()
    stamp = f"{time.time_ns() // 1_000_000:012x}"
    variant = "89ab"[int(random[3], 16) & 3]
    return f"{stamp[:8]}-{stamp[8:]}-7{random[:3]}-{variant}{random[4:7]}-{random[7:19]}"
