"""Times for people to read: local or UTC, as long as they need to be."""

import sys
from datetime import UTC, datetime

from adapters.cli.printing.stdout import on_terminal


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
    is_today = clock_only and at.date() == datetime.now(UTC).astimezone(zone).date()
    form = "%H:%M:%S" if is_today else "%Y-%m-%d %H:%M:%S"
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
