"""The audit trail as a file: every row that a filter finds, as CSV or one JSON object a line.

A row is one line in both. JSON lines hold every text exactly. CSV is for spreadsheets and people: a
character that would act on a terminal or break the line stands there as an escape (``\\n``,
``\\x1b``), and a text that a spreadsheet would take for a formula begins with an apostrophe.
"""

import csv
import io
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from adapters.http.audit_list import AuditLine
from application.views import TRAIL_COLUMNS, TrailCells

FORMULA: Final = ("=", "+", "-", "@")
FORMULA_BEGINS: Final = tuple(f",{quote}{sign}" for sign in FORMULA for quote in ("", '"'))
"""How the sign of a formula looks at the beginning of a cell; the first cell is a number."""

ENCODER: Final = msgspec.json.Encoder()
Cell = str | int | None


class ExportForm(StrEnum):
    """As what."""

    CSV = "csv"
    NDJSON = "ndjson"


MEDIA_TYPES: Final = {
    ExportForm.CSV: "text/csv; charset=utf-8; header=present",
    ExportForm.NDJSON: "application/x-ndjson",
}


def head(form: ExportForm) -> bytes:
    """What comes before the rows."""
    return csv_lines([TRAIL_COLUMNS]).encode() if form is ExportForm.CSV else b""


def csv_page(rows: Sequence[TrailCells]) -> bytes:
    """Rows as lines of CSV."""
    text = csv_lines(rows)
    if needs_care(text, len(rows)):
        text = csv_lines([[harmless(cell) for cell in row] for row in rows])
    return text.encode()


def needs_care(text: str, lines: int) -> bool:
    """Whether anything in the lines could act; looked at as a whole, for that is seldom so."""
    one_line = text.replace("\n", "")
    return (
        len(text) - len(one_line) != lines
        or not one_line.isascii()
        or not one_line.isprintable()
        or any(begins in text for begins in FORMULA_BEGINS)
    )


def ndjson_page(rows: Sequence[TrailCells]) -> bytes:
    """Rows as JSON objects, a line each."""
    return ENCODER.encode_lines([AuditLine(*row) for row in rows])  # type: ignore[arg-type]


PAGES: Final[dict[ExportForm, Callable[[Sequence[TrailCells]], bytes]]] = {
    ExportForm.CSV: csv_page,
    ExportForm.NDJSON: ndjson_page,
}


def csv_lines(rows: Sequence[Sequence[Cell]]) -> str:
    """RFC 4180, but with a plain line feed at the end of a line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def harmless(cell: Cell) -> Cell:
    """A cell that stays on its line, hides nothing and computes nothing."""
    if not isinstance(cell, str):
        return cell
    if not cell.isprintable():
        cell = "".join(c if c.isprintable() else repr(c)[1:-1] for c in cell)
    return f"'{cell}" if cell.startswith(FORMULA) else cell
