"""Tables for people: columns side by side, as wide as needed, and never wider than the terminal.

Piped, nothing is shortened and nothing is coloured. On a terminal the last column gives way first,
then the widest; times and numbers never do; what has no room at all is left off from the right.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Final

from adapters.cli.printing.colours import HEADING, colour_of, painted
from adapters.cli.printing.stdout import colours_out, columns_out, unicode_out, write
from adapters.escape import safe

GAP: Final = "  "
LAST_MIN: Final = 20
CELL_MIN: Final = 10
RIGID: Final = frozenset(
    (
        *("EVENT", "EVENTS", "JOB", "TASK", "VERSION", "POSITION", "ROWS", "TIME", "SINCE", "DUE"),
        *("ABOUT", "STATE", "KIND", "OUTCOME", "MODE", "STAGE", "TROUBLE", "TYPE"),
    )
)
"""Headings of columns that mean something else when they are cut, or nothing."""

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
        for row in cells:
            self._print(row, [colour_of(h, x) for h, x in zip(self._headings, row, strict=True)])

    def _begin(self, cells: Sequence[Sequence[str]]) -> None:
        room = columns_out()
        self._cuts, self._colours = room is not None, colours_out()
        widths = [max(map(width, column)) for column in zip(self._headings, *cells, strict=True)]
        self._widths = widths if room is None else fitted(widths, self._headings, room)
        if len(self._widths) < len(widths):
            left_off = ", ".join(self._headings[len(self._widths) :])
            self._note(f"no room for {left_off}{LEFT_OFF}")
        self._print(self._headings, [HEADING] * len(self._headings))

    def _print(self, row: Sequence[str], colours: Sequence[str]) -> None:
        widths = self._widths or ()
        shown = [cut(x, w) for x, w in zip(row, widths, strict=False)] if self._cuts else row
        write(sys.stdout, padded(shown, widths, colours if self._colours else ()))


def fitted(widths: Sequence[int], headings: Sequence[str], room: int) -> list[int]:
    """Widths that fit ``room`` columns of the terminal, fewer of them if it must be."""
    kept = list(widths)
    while kept:
        floors = [floor(w, h) for w, h in zip(kept, headings, strict=False)]
        floors[-1] = min(kept[-1], LAST_MIN)
        over = sum(kept) + len(GAP) * (len(kept) - 1) - room
        over = shrink(kept, [len(kept) - 1], floors, over)
        others = [n for n in range(len(kept) - 1) if kept[n] > floors[n]]
        over = shrink(kept, others, floors, over)
        over = shrink(kept, [len(kept) - 1], [min(w, CELL_MIN) for w in kept], over)
        if over <= 0 or len(kept) == 1:
            return [min(w, room) for w in kept]
        kept = list(widths)[: len(kept) - 1]
    return kept


def wanted_widths(
    cells: Sequence[str], widths: Sequence[int], headings: Sequence[str]
) -> list[int]:
    """The widths of a table that never ends, for one row: what must not be cut takes what it needs,
    and the last cell what is left."""
    *before, _ = zip(cells, widths, headings, strict=True)
    return [*(max(w, width(x)) if h in RIGID else w for x, w, h in before), NO_END]


def floor(columns: int, heading: str) -> int:
    """How narrow a column may become."""
    return columns if heading in RIGID else min(columns, max(CELL_MIN, len(heading)))


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
    told = colours or [""] * len(cells)
    filled = (
        painted(cell, colour) + " " * (columns - width(cell))
        for cell, columns, colour in zip(cells, widths, told, strict=False)
    )
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
