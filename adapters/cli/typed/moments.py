"""Times and durations as people write them; RFC 3339 in UTC towards the server."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

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
