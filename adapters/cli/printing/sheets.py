"""Lists in each form, printed as they come: a table, one JSON array, JSON lines, CSV, TSV."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from adapters.cli.printing.fields import Known, Row, chosen, found_in, trimmed, value_at
from adapters.cli.printing.moments import shown
from adapters.cli.printing.stdout import dumped, flush, write
from adapters.cli.printing.tables import Table
from adapters.escape import safe_cell

SEPARATORS: Final = {"csv": ",", "tsv": "\t"}
TIMES: Final = ("at", "time")

Cells = Callable[[Any], Sequence[object]]


class Sheet(Protocol):
    """Something that rows are added to, and that says nothing more once it is closed."""

    def add(self, rows: Sequence[Row]) -> None:
        """Print rows."""
        ...

    def close(self) -> None:
        """Print what ends it, also when there was no row."""
        ...


class ForPeople:
    """A table with the columns that people want."""

    def __init__(self, headings: Sequence[str], cells: Cells, note: Callable[[str], None]) -> None:
        self._table = Table(headings, note)
        self._cells = cells
        self._begun = False

    def add(self, rows: Sequence[Row]) -> None:
        """Print rows."""
        self._begun = True
        self._table.add([self._cells(row) for row in rows])

    def close(self) -> None:
        """Print the headings, when there was no row."""
        if not self._begun:
            self.add(())


class Selection:
    """Which fields are printed: those that were asked for, of those there are.

    Without ``known`` the first rows say what there is.
    """

    def __init__(self, asked: Sequence[str], known: Known | None) -> None:
        self._asked = asked
        self._paths = None if known is None else chosen(asked, known)

    @property
    def is_all(self) -> bool:
        """Whether nothing was chosen."""
        return not self._asked

    def paths(self, rows: Sequence[Row]) -> Sequence[str]:
        """The fields to print."""
        if self._paths is None:
            self._paths = chosen(self._asked, found_in(rows))
        return self._paths


class FieldTable:
    """A table of the fields that were asked for."""

    def __init__(self, selection: Selection, utc: bool, note: Callable[[str], None]) -> None:
        self._selection = selection
        self._utc = utc
        self._note = note
        self._table: Table | None = None

    def add(self, rows: Sequence[Row]) -> None:
        """Print rows."""
        paths = self._selection.paths(rows)
        if self._table is None:
            self._table = Table([path.upper() for path in paths], self._note)
        cells = [[words(path, value_at(row, path), self._utc) for path in paths] for row in rows]
        self._table.add(cells)
        flush()

    def close(self) -> None:
        """Print the headings, when there was no row."""
        if self._table is None:
            self.add(())


class JsonArray:
    """One array, indented, its elements printed as they come."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._printed = 0

    def add(self, rows: Sequence[Row]) -> None:
        """Print elements."""
        for row in kept(self._selection, rows):
            before = ",\n  " if self._printed else "[\n  "
            write(sys.stdout, before + dumped(row, 2).replace("\n", "\n  "), end="")
            self._printed += 1

    def close(self) -> None:
        """End the array."""
        write(sys.stdout, "\n]" if self._printed else "[]")


class JsonMember:
    """An object with a list that is printed as it comes; the members after it come last."""

    def __init__(self, before: Row, name: str) -> None:
        self._before = before
        self._name = name
        self._printed = 0
        self.after: Row = {}

    def add(self, rows: Sequence[Row]) -> None:
        """Print elements of the list."""
        for row in rows:
            before = ",\n    " if self._printed else f"{self._head()}[\n    "
            write(sys.stdout, before + dumped(row, 2).replace("\n", "\n    "), end="")
            self._printed += 1

    def close(self) -> None:
        """End the list and the object, with ``after``."""
        write(sys.stdout, "\n  ]" if self._printed else f"{self._head()}[]", end="")
        for name, value in self.after.items():
            write(sys.stdout, f",\n  {self._member(name, value)}", end="")
        write(sys.stdout, "\n}")

    def _head(self) -> str:
        members = [f"{self._member(name, value)},\n  " for name, value in self._before.items()]
        return "{\n  " + "".join(members) + f"{dumped(self._name, None)}: "

    def _member(self, name: str, value: Any) -> str:
        return f"{dumped(name, None)}: " + dumped(value, 2).replace("\n", "\n  ")


class JsonLines:
    """An object a line."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection

    def add(self, rows: Sequence[Row]) -> None:
        """Print objects."""
        for row in kept(self._selection, rows):
            write(sys.stdout, dumped(row, None))
        flush()

    def close(self) -> None:
        """Nothing ends it."""


class Delimited:
    """CSV (RFC 4180, with plain line feeds) or TSV (nothing quoted): a row is always one line."""

    def __init__(self, selection: Selection, separator: str) -> None:
        self._selection = selection
        self._separator = separator
        self._begun = False

    def add(self, rows: Sequence[Row]) -> None:
        """Print lines, with the names of the fields before the first."""
        paths = self._selection.paths(rows)
        lines = [] if self._begun else [list(paths)]
        self._begun = True
        lines += [[cell(value_at(row, path)) for path in paths] for row in rows]
        write(sys.stdout, delimited(lines, self._separator), end="")
        flush()

    def close(self) -> None:
        """Print the names, when there was no row."""
        if not self._begun:
            self.add(())


def kept(selection: Selection, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows with the fields that were asked for; as they came when all are."""
    if selection.is_all:
        return rows
    paths = selection.paths(rows)
    return [trimmed(row, paths) for row in rows]


def delimited(lines: Sequence[Sequence[str]], separator: str) -> str:
    """Cells as lines."""
    if separator == "\t":
        return "".join("\t".join(line) + "\n" for line in lines)
    import csv
    import io

    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue()


def cell(value: Any) -> str:
    """A value as a cell: text that stays on its line, hides nothing and computes nothing."""
    text = plain(value)
    return text if isinstance(value, int | float) else safe_cell(text)


def words(path: str, value: Any, utc: bool) -> str:
    """The value of a field for people: times are theirs."""
    if isinstance(value, str) and path.rpartition(".")[2].rpartition("_")[2] in TIMES:
        return shown(value, utc)
    return plain(value)


def plain(value: Any) -> str:
    """A value in words: nothing for null, a list with blanks between, JSON for what is nested."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return dumped(value, None)
    if isinstance(value, list | tuple):
        nested = any(isinstance(x, Mapping | list | tuple) for x in value)
        return dumped(value, None) if nested else " ".join(map(plain, value))
    return str(value)
