"""Tables for people: columns side by side, as wide as needed, and never wider than the terminal.

Piped, nothing is shortened and nothing is coloured. On a terminal what is much wider than the rest
gives way first, whoever wrote it, then the last column down to a share of its own, then the others;
times and numbers hardly ever do. What can be spared is left out before the last column is too
narrow to read, and what has no room at all is left off from the right.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Final

from adapters.cli.printing.colours import HEADING, colour_of, painted
from adapters.cli.printing.stdout import colours_out, columns_out, unicode_out, write
from adapters.escape import safe

GAP: Final = "  "
LAST_MIN: Final = 24
LAST_SHARE: Final = 0.3
"""What the last column may insist on: so many columns, and no more than this part of the room."""

LAST_LEFT: Final = 10
"""What it is left where all that can be spared is gone; with less it is left off."""

CELL_MIN: Final = 8
CELL_SHARE: Final = 0.2
"""Wider than this part of the room is too wide for any column but the last, if room is short."""

RIGID: Final = {
    "EVENT": 10,
    "EVENTS": 10,
    "JOB": 8,
    "TASK": 6,
    "VERSION": 8,
    "POSITION": 10,
    "ROWS": 10,
    "TIME": 20,
    "SINCE": 20,
    "DUE": 20,
    "ABOUT": 14,
    "STATE": 22,
    "KIND": 16,
    "OUTCOME": 12,
    "MODE": 8,
    "STAGE": 12,
    "TROUBLE": 14,
    "TYPE": 21,
}
"""Columns that mean something else when they are cut, or nothing, with what is enough for all that
the service itself puts there; more than that is text of other people, and is cut like any."""

EXPENDABLE: Final = ("VERSION", "KIND", "STAGE", "TASKS", "SINCE", "TYPE")
"""What can be spared, first what is missed least."""

NO_END: Final = 10_000
"""As wide as the last column of a table that never ends may want to be."""

LEFT_OFF: Final = "; a wider terminal, a pipe or -o json shows all"


class Table:
    """A table printed batch by batch; the first batch decides how wide its columns are.

    ``note``: told of columns that have no room.
    """

    def __init__(self, headings: Sequence[str], note: Callable[[str], None]) -> None:
        self._headings = headings
        self._note = note
        self._widths: Sequence[int] | None = None
        self._cuts = False
        self._colours = False

    def add(self, rows: Sequence[Sequence[object]]) -> None:
        """Print rows; a cell that is wider than its column is shortened on a terminal only."""
        cells = [[safe("" if x is None else str(x)) for x in row] for row in rows]
        if self._widths is None:
            self._begin(cells)
        write(
            sys.stdout, "".join(f"{self._line(row, self._colours_of(row))}\n" for row in cells), ""
        )

    def _begin(self, cells: Sequence[Sequence[str]]) -> None:
        room = columns_out()
        self._cuts, self._colours = room is not None, colours_out()
        widths = [max(map(width, column)) for column in zip(self._headings, *cells, strict=True)]
        self._widths = widths if room is None else fitted(widths, self._headings, room)
        left_off = [h for h, w in zip(self._headings, self._widths, strict=True) if not w]
        if left_off:
            self._note(f"no room for {', '.join(left_off)}{LEFT_OFF}")
        colours = [HEADING] * len(self._headings) if self._colours else ()
        write(sys.stdout, self._line(self._headings, colours))

    def _colours_of(self, row: Sequence[str]) -> Sequence[str]:
        if not self._colours:
            return ()
        return [colour_of(h, x) for h, x in zip(self._headings, row, strict=True)]

    def _line(self, row: Sequence[str], colours: Sequence[str]) -> str:
        widths = self._widths or ()
        if not self._cuts:
            return padded(row, widths, colours)
        told = colours or [""] * len(row)
        cells = [(cut(x, n), n, c) for x, n, c in zip(row, widths, told, strict=True) if n]
        return padded(*zip(*cells, strict=True))


def fitted(
    widths: Sequence[int],
    headings: Sequence[str],
    room: int,
    expendable: Sequence[str] = EXPENDABLE,
) -> list[int]:
    """Widths that fit ``room`` columns of the terminal; 0 for a column that is left out."""
    last_min = min(LAST_MIN, int(room * LAST_SHARE))
    spared = [headings.index(x) for x in expendable if x in headings[:-1]]
    kept = list(range(len(widths)))
    for gone in (None, *spared):
        kept = [n for n in kept if n != gone]
        found = squeezed(widths, headings, kept, room, last_min)
        if found is not None:
            return found
    while len(kept) > 1:
        for least in range(max(last_min, LAST_LEFT), LAST_LEFT - 1, -1):
            found = squeezed(widths, headings, kept, room, least)
            if found is not None:
                return found
        kept.pop()
    return [min(w, room) if n in kept else 0 for n, w in enumerate(widths)]


def squeezed(
    widths: Sequence[int],
    headings: Sequence[str],
    kept: Sequence[int],
    room: int,
    last_min: int,
) -> list[int] | None:
    """Widths of which only ``kept`` are not 0, and that fit; None when they cannot."""
    found = [w if n in kept else 0 for n, w in enumerate(widths)]
    *others, last = kept
    over = sum(found) + len(GAP) * (len(kept) - 1) - room
    floors = [floor(w, h) for w, h in zip(widths, headings, strict=True)]
    fair = [max(low, int(room * CELL_SHARE)) for low in floors]
    fair[last] = min(widths[last], int(room * LAST_SHARE))
    floors[last] = min(widths[last], last_min)
    for which, least in ((others, fair), ([last], fair), (others, floors), ([last], floors)):
        over = shrink(found, which, least, over)
    return found if over <= 0 else None


def wanted_widths(
    cells: Sequence[str], widths: Sequence[int], headings: Sequence[str]
) -> list[int]:
    """The widths of a table that never ends, for one row: what must not be cut takes what it needs,
    and the last cell what is left."""
    *before, _ = zip(cells, widths, headings, strict=True)
    return [*(wanted(x, w, h) for x, w, h in before), NO_END]


def wanted(cell: str, columns: int, heading: str) -> int:
    """The width of one of its cells."""
    return max(columns, min(width(cell), RIGID.get(heading, 0)))


def floor(columns: int, heading: str) -> int:
    """How narrow a column may become."""
    return min(columns, RIGID.get(heading, max(CELL_MIN, len(heading))))


def shrink(widths: list[int], which: Sequence[int], floors: Sequence[int], over: int) -> int:
    """Take columns from the widest of ``which`` until nothing is ``over``; what still is."""
    while over > 0:
        able = [n for n in which if widths[n] > floors[n]]
        if not able:
            break
        widths[max(able, key=lambda n: widths[n])] -= 1
        over -= 1
    return over


def padded(cells: Sequence[str], widths: Sequence[int], colours: Sequence[str] = ()) -> str:
    """Cells side by side, each in its colour, without blanks at the end."""
    told = [painted(x, c) for x, c in zip(cells, colours, strict=False)] if colours else cells
    filled = [
        text + " " * (columns - width(cell))
        for text, cell, columns in zip(told, cells, widths, strict=False)
    ]
    return GAP.join(filled).rstrip()


def cut(text: str, columns: int) -> str:
    """The text in so many columns; where something is left out, it says so."""
    if width(text) <= columns:
        return text
    left, kept = columns - 1, []
    for c in text:
        left -= width(c)
        if left < 0:
            break
        kept.append(c)
    return "".join(kept) + ("\u2026" if unicode_out() else "~") if columns > 0 else ""


def wrapped(text: str, columns: int, indent: str) -> list[str]:
    """The text in lines of so many columns, broken between words where that is possible."""
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and width(longer) > columns:
            lines.append(line)
            longer = indent + word
        line = longer
    return [*lines, line]


def width(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    import unicodedata

    marks = sum(1 for c in text if unicodedata.combining(c))
    wide = sum(1 for c in text if unicodedata.east_asian_width(c) in "WF")
    return len(text) + wide - marks
