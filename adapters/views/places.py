"""Places of the trail in which rows of a time can be: ranges of positions, found by halving.

The order is the stream's, and the clock may have been set back. Within a stretch in which it was
not, ``time_high`` rises with the place, and no row's time lags behind it by more than ``LAG_MAX``.
"""

from itertools import pairwise

from msgspec import Struct

from adapters.views.clauses import WHOLE_MAX, moment, whole
from adapters.views.cursor import Cursor
from application.views import AuditFilter
from projections.audit_trail import LAG_MAX


class Places(Struct, frozen=True):
    """Places from one to another, both included; none when the last is before the first."""

    first: int
    last: int

    @property
    def some(self) -> bool:
        """Whether there are any."""
        return self.first <= self.last

    def within(self, other: "Places") -> "Places":
        """The places that both have."""
        return Places(max(self.first, other.first), min(self.last, other.last))


def ranges(cursor: Cursor, which: AuditFilter, stretches_max: int) -> list[Places]:
    """Where all rows lie that the filter's places and times leave, in order, without overlap.

    Where the clock was set back more often than ``stretches_max``, all of the trail is looked
    through.
    """
    highest = WHOLE_MAX if which.position_max is None else whole(which.position_max)
    asked = Places(whole(which.position_min), highest)
    if not asked.some:
        return []
    if which.since is None and which.until is None:
        return [asked]
    within = [both for x in stretches(cursor) if (both := x.within(asked)).some]
    if len(within) > stretches_max:
        return [asked]
    found = [in_stretch(cursor, which, places) for places in within]
    return joined([places for places in found if places.some])


def stretches(cursor: Cursor) -> list[Places]:
    """The stretches of the trail, from the first place to the last there can be; none at first."""
    cursor.execute("SELECT first FROM stretch ORDER BY first")
    firsts = [row[0] for row in cursor.fetchall()]
    return [Places(x, y - 1) for x, y in pairwise((*firsts, WHOLE_MAX + 1))]


def in_stretch(cursor: Cursor, which: AuditFilter, places: Places) -> Places:
    """Where rows of these times lie within a part of a stretch."""
    first, last = places.first, places.last
    if which.since:
        first = first_place(cursor, ">=", moment(which.since), places)
    if which.until:
        last = first_place(cursor, ">", moment(which.until, LAG_MAX), places) - 1
    return Places(first, last).within(places)


def first_place(cursor: Cursor, compares: str, wanted: str, places: Places) -> int:
    """The first of the places whose ``time_high`` compares so with a moment; if none, one beyond
    all there are."""
    cursor.execute("SELECT coalesce(max(position), 0) FROM audit")
    low, high = places.first, min(places.last, cursor.fetchone()[0]) + 1
    while low < high:
        middle = (low + high) // 2
        row = row_from(cursor, Places(middle, places.last))
        if row is None or (row[1] > wanted if compares == ">" else row[1] >= wanted):
            high = middle
        else:
            low = row[0] + 1
    return low


def row_from(cursor: Cursor, places: Places) -> tuple[int, str] | None:
    """Place and ``time_high`` of the first row in these places."""
    cursor.execute(
        "SELECT position, time_high FROM audit WHERE position BETWEEN ? AND ?"
        " ORDER BY position LIMIT 1",
        (places.first, places.last),
    )
    row = cursor.fetchone()
    return None if row is None else (row[0], row[1])


def joined(found: list[Places]) -> list[Places]:
    """The same places in as few ranges as there can be."""
    made: list[Places] = []
    for places in found:
        if made and made[-1].last + 1 == places.first:
            made[-1] = Places(made[-1].first, places.last)
        else:
            made.append(places)
    return made
