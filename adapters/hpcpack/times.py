"""Times as HPC Pack's REST writes them: month first, twelve hours, UTC, no zone."""

from datetime import UTC, datetime
from typing import Final

from adapters.web.requests import Malformed

FORMAT: Final = "M/d/yyyy h:mm:ss tt"
"""What ``info/dateTimeFormat`` answers, in .NET's words."""

READ: Final = ("%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y")
SHOWN: Final = 60


def hpc_time(moment: datetime) -> str:
    """A time as it goes out; parts of a second are cut off."""
    utc = moment.astimezone(UTC)
    hour = utc.hour % 12 or 12
    half = "AM" if utc.hour < 12 else "PM"
    return f"{utc.month}/{utc.day}/{utc.year} {hour}:{utc:%M:%S} {half}"


def maybe_time(moment: datetime | None) -> str | None:
    """A time as it goes out, if there is one."""
    return None if moment is None else hpc_time(moment)


def stamped(stamp: str | None) -> str | None:
    """A time that the views keep as RFC 3339 text."""
    return None if stamp is None else hpc_time(datetime.fromisoformat(stamp))


def read_time(text: str, name: str) -> datetime:
    """A time in UTC, in one of the forms that clients write."""
    for form in READ:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        found = datetime.fromisoformat(text.strip())
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed(
            f"{name} cannot be {text[:SHOWN]!r}: it is a time in UTC such as 11/23/2026 07:00:00"
        ) from None
