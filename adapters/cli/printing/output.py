"""What is printed. stdout carries data, stderr words; every text is made safe on its way there."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Final, cast

from adapters.cli.printing.colours import colour_of, painted
from adapters.cli.printing.fields import Row, known_of
from adapters.cli.printing.sheets import (
    SEPARATORS,
    Cells,
    Delimited,
    FieldTable,
    ForPeople,
    JsonArray,
    JsonLines,
    Selection,
    Sheet,
    kept,
)
from adapters.cli.printing.stdout import (
    colours_out,
    columns_out,
    dumped,
    flush,
    in_one_line,
    warn,
    write,
)
from adapters.cli.printing.tables import Table, cut, fitted, padded, wanted_widths, wrapped
from adapters.escape import safe

FORMS: Final = ("table", "json", "ndjson", "csv", "tsv")

Shape = type | None
"""What the data may hold: a TypedDict, or None when the data say it themselves."""


class Output:
    """One verb's output in the form that was asked for."""

    def __init__(
        self,
        form: str = "table",
        quiet: bool = False,
        utc: bool = False,
        fields: tuple[str, ...] = (),
    ) -> None:
        self.form = form
        self.quiet = quiet
        self.utc = utc
        self.fields = fields

    @property
    def for_people(self) -> bool:
        """Whether sentences and the usual tables are wanted, not data or some fields of them."""
        return self.form == "table" and not self.fields

    def check(self, shape: Shape) -> None:
        """Refuse fields that this verb's data do not have, before anything is asked for."""
        self._selection(shape)

    def line(self, text: str) -> None:
        """One line of data for people."""
        write(sys.stdout, safe(text))

    def fact(self, name: str, value: str, columns: int = 10, heading: str = "") -> None:
        """A name and what there is to say; in the colour of a cell below ``heading``."""
        room, indent = columns_out(), " " * columns
        shown = f"{name:<{columns}}{safe(value)}"
        lines = [shown] if room is None else wrapped(shown, room, indent)
        colour = colour_of(heading, value.partition(" ")[0]) if colours_out() else ""
        for line in lines:
            write(sys.stdout, line[:columns] + painted(line[columns:], colour))

    def value(self, value: object, shape: Shape = None) -> None:
        """One value: as JSON, indented for ``json``, else as the only row of a list."""
        if self.form != "json":
            self.values([value], shape)
            return
        (only,) = kept(self._selection(shape), [cast(Row, value)])
        write(sys.stdout, dumped(only, 2))

    def values(self, values: Sequence[object], shape: Shape = None) -> None:
        """A list: a JSON array (also of none or one), or a line each."""
        sheet = self.sheet(shape)
        sheet.add(cast(Sequence[Row], values))
        sheet.close()

    def sheet(
        self, shape: Shape, headings: Sequence[str] = (), cells: Cells | None = None
    ) -> Sheet:
        """A list that is printed as it comes. ``headings`` and ``cells``: of the usual table."""
        if self.for_people and cells is not None:
            return ForPeople(headings, cells, self.note)
        selection = self._selection(shape)
        if self.form == "json":
            return JsonArray(selection)
        if self.form == "ndjson":
            return JsonLines(selection)
        if self.form in SEPARATORS:
            return Delimited(selection, SEPARATORS[self.form])
        return FieldTable(selection, self.utc, self.note)

    def listed(
        self, values: Sequence[object], shape: Shape, headings: Sequence[str], cells: Cells
    ) -> None:
        """A whole list at once."""
        sheet = self.sheet(shape, headings, cells)
        sheet.add(cast(Sequence[Row], values))
        sheet.close()

    def sequel(self, shape: Shape) -> "Sequel":
        """Values of a stream."""
        return Sequel(self, shape)

    def note(self, text: str) -> None:
        """Words beside the data; not with --quiet."""
        if not self.quiet:
            warn(text)

    def table(self, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table of what is for people only."""
        Table(headings, self.note).add(list(rows))

    def row(
        self, cells: Sequence[object], widths: Sequence[int], headings: Sequence[str] = ()
    ) -> None:
        """One row of a table that never ends: widths are given, and kept where possible.

        On a terminal it ends where the terminal does.
        """
        texts, room = [safe(str(x)) for x in cells], columns_out()
        if room is not None and headings:
            wanted = wanted_widths(texts, widths, headings)
            widths = fitted(wanted, headings, room, expendable=())
            texts = [cut(x, w) for x, w in zip(texts, widths, strict=True)]
        colours = [colour_of(h, x) for h, x in zip(headings, texts, strict=False)]
        write(sys.stdout, padded(texts, widths, colours if colours_out() else ()))
        flush()

    def _selection(self, shape: Shape) -> Selection:
        selects = self.fields or self.form in SEPARATORS
        return Selection(self.fields, known_of(shape) if shape and selects else None)


class Sequel:
    """Values of a stream, printed as they come: a line each, or the elements of one JSON array."""

    def __init__(self, out: Output, shape: Shape) -> None:
        self._sheet = out.sheet(shape) if out.fields or out.form in SEPARATORS else None
        self._array = out.form == "json"
        self._printed = 0

    def add(self, text: str) -> None:
        """Print one value, given as JSON text, at once; as it came, unless fields are chosen."""
        if self._sheet is not None:
            self._sheet.add([json.loads(text)])
            return
        before = ("[" if not self._printed else ",") + "\n" if self._array else ""
        write(sys.stdout, before + in_one_line(text), end="" if self._array else "\n")
        self._printed += 1
        flush()

    def close(self) -> None:
        """End what was begun."""
        if self._sheet is not None:
            self._sheet.close()
        elif self._array:
            write(sys.stdout, "\n]" if self._printed else "[]")
