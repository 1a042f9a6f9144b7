"""What is printed. stdout carries data, stderr words; every text goes through ``escape`` here."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

from adapters.escape import safe, safe_json

FORMS: Final = ("table", "json", "ndjson")
GAP: Final = "  "


class Output:
    """One verb's output in the form that was asked for."""

    def __init__(self, form: str = "table", quiet: bool = False, utc: bool = False) -> None:
        self.form = form
        self.quiet = quiet
        self.utc = utc

    @property
    def for_people(self) -> bool:
        """Whether tables and lines are wanted, not JSON."""
        return self.form == "table"

    def line(self, text: str) -> None:
        """One line of data for people."""
        write(sys.stdout, safe(text))

    def value(self, value: object) -> None:
        """One value as JSON: indented for ``json``, one line for ``ndjson``."""
        write(sys.stdout, dumped(value, 2 if self.form == "json" else None))

    def values(self, values: Sequence[object]) -> None:
        """Several values: a JSON array (also of none or one), or one line each."""
        if self.form == "json":
            self.value(values)
        else:
            for value in values:
                self.value(value)

    def note(self, text: str) -> None:
        """Words beside the data; not with --quiet."""
        if not self.quiet:
            warn(text)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Columns as wide as their longest cell; the last one is never cut."""
        cells = [[safe("" if x is None else str(x)) for x in row] for row in rows]
        widths = [max(map(width, column)) for column in zip(headers, *cells, strict=True)]
        write(sys.stdout, heading(padded(headers, widths)))
        for row in cells:
            write(sys.stdout, padded(row, widths))

    def row(self, cells: Sequence[object], widths: Sequence[int]) -> None:
        """One row of a table that never ends: widths are given, and kept where possible."""
        write(sys.stdout, padded([safe(str(x)) for x in cells], widths))
        flush()


class Sequel:
    """Values of a stream, printed as they come: a line each, or the elements of one JSON array."""

    def __init__(self, form: str) -> None:
        self._array = form == "json"
        self._printed = 0

    def add(self, text: str) -> None:
        """Print one value, given as JSON text, at once."""
        before = ("[" if not self._printed else ",") + "\n" if self._array else ""
        write(sys.stdout, before + in_one_line(text), end="" if self._array else "\n")
        self._printed += 1
        flush()

    def close(self) -> None:
        """End the array."""
        if self._array:
            write(sys.stdout, "\n]" if self._printed else "[]")


def warn(text: str) -> None:
    """Words on stderr, line by line."""
    write(sys.stderr, safe(text))


class Unwritten(Exception):
    """The output is not taken. ``reader_left``: a pipe without a reader; else the disk is full."""

    def __init__(self, e: OSError) -> None:
        super().__init__(f"the output could not be written: {e.strerror}")
        self.reader_left = isinstance(e, BrokenPipeError)


def write(stream: TextIO | None, text: str, end: str = "\n") -> None:
    """Print what is already safe, or raise ``Unwritten``; a closed stream takes nothing."""
    try:
        if stream is not None:
            stream.write(text + end)
    except OSError as e:
        raise Unwritten(e) from e


def flush() -> None:
    """Everything printed is handed on, or ``Unwritten``."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as e:
        raise Unwritten(e) from e


def dumped(value: object, indent: int | None) -> str:
    """JSON without any character that acts on a terminal, ASCII only where the terminal is."""
    separators = None if indent else (",", ":")
    text = json.dumps(value, ensure_ascii=not unicode_out(), indent=indent, separators=separators)
    return safe_json(text)


def in_one_line(text: str) -> str:
    """JSON text as it came, unless it would break the line or the encoding of stdout."""
    if "\n" in text or "\r" in text or not unicode_out():
        return dumped(json.loads(text), None)
    return safe_json(text)


def unicode_out() -> bool:
    """Whether stdout takes every character."""
    return sys.stdout is not None and sys.stdout.encoding.lower().replace("-", "") == "utf8"


def heading(text: str) -> str:
    """Bold on a terminal that wants it."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") in (None, "dumb")
    return text if plain or not sys.stdout.isatty() else f"\x1b[1m{text}\x1b[0m"


def padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Cells side by side, without blanks at the end."""
    filled = (
        cell + " " * (columns - width(cell)) for cell, columns in zip(cells, widths, strict=True)
    )
    return GAP.join(filled).rstrip()


def width(text: str) -> int:
    """Columns on a terminal: wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    import unicodedata

    marks = sum(1 for c in text if unicodedata.combining(c))
    wide = sum(1 for c in text if unicodedata.east_asian_width(c) in "WF")
    return len(text) + wide - marks
