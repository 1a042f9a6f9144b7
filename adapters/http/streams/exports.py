"""The audit trail as a file: every row that a filter finds, as CSV or one JSON object a line.

A row is one line in both, and nothing in it acts on a terminal. JSON lines hold every text exactly.
CSV is for spreadsheets and people: a character that would act on a terminal or break the line
stands there as an escape (``\\n``, ``\\x1b``), and a text that a spreadsheet would take for a
formula begins with an apostrophe. Every cell that is no number is in quotes.

Rows come as JSON: objects for JSON lines, arrays for CSV. Nearly always a whole page of arrays
becomes CSV by replacing a few bytes; where anything in it needs care, it is made cell by cell.
"""

import asyncio
import csv
import io
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from adapters.escape import FORMULA, plain, safe_cell, safe_json
from adapters.web.closing import ended
from application.views import TRAIL_COLUMNS

Cell = str | int | None
ROWS: Final = msgspec.json.Decoder(list[tuple[Cell, ...]])


PIECES_AT_ONCE: Final = 2
"""However many exports there are: threads and the processor are for everybody."""


class ExportForm(StrEnum):
    """As what."""

    CSV = "csv"
    NDJSON = "ndjson"


MEDIA_TYPES: Final = {
    ExportForm.CSV: "text/csv; header=present",
    ExportForm.NDJSON: "application/x-ndjson",
}


def head(form: ExportForm) -> bytes:
    """What comes before the rows."""
    return csv_lines([TRAIL_COLUMNS]) if form is ExportForm.CSV else b""


# --- JSON lines -----------------------------------------------------------------------------------


def ndjson_page(rows: Sequence[bytes]) -> bytes:
    """Objects, a line each."""
    return safe_json(b"\n".join([*rows, b""]).decode()).encode()


# --- CSV ------------------------------------------------------------------------------------------

VISIBLE_ASCII: Final = bytes(range(0x20, 0x7F))
NULL: Final = b'",null,"'
"""A missing number: only numbers are ever missing, and each stands between two texts. After a comma
or a backslash it may be the end of a text instead (``,null,`` and the like)."""

FORMULA_BEGINS: Final = re.compile(b',"[%b]' % re.escape(bytes(x.encode()[0] for x in FORMULA)))
"""The first byte of what begins a formula, at the beginning of a text in JSON; the first value is a
number."""


def csv_page(rows: Sequence[bytes]) -> bytes:
    """Arrays as lines of CSV."""
    text = b"\n".join([row[1:-1] for row in rows])
    if b"," + NULL in text or FORMULA_BEGINS.search(text) or not all_visible(text):
        return csv_with_care(rows)
    if b"\\" in text and escapes_more_than_quotes(text):
        return csv_with_care(rows)
    return text.replace(NULL, b'","","').replace(b'\\"', b'""') + b"\n"


def csv_with_care(rows: Sequence[bytes]) -> bytes:
    """The same cell by cell."""
    cells = ROWS.decode(b"[%b]" % b",".join(rows))
    return csv_lines([[harmless(cell) for cell in row] for row in cells])


def escapes_more_than_quotes(text: bytes) -> bool:
    """Whether JSON holds an escape that is not only a quote's, or one that may hide a ``NULL``."""
    return text.count(b"\\") != text.count(b'\\"') or b"\\" + NULL in text


def all_visible(text: bytes) -> bool:
    """Whether nothing hides in the lines; control characters have escapes, and are not there."""
    if not text.translate(None, VISIBLE_ASCII).strip(b"\n"):
        return True
    return plain(text.decode().replace("\n", ""))


def csv_lines(rows: Sequence[Sequence[Cell]]) -> bytes:
    """RFC 4180, but with a plain line feed at the end of a line."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return text.getvalue().encode()


def harmless(cell: Cell) -> Cell:
    """A cell that stays on its line, hides nothing and computes nothing."""
    return safe_cell(cell) if isinstance(cell, str) else cell


PAGES: Final[dict[ExportForm, Callable[[Sequence[bytes]], bytes]]] = {
    ExportForm.CSV: csv_page,
    ExportForm.NDJSON: ndjson_page,
}


# --- the whole file -------------------------------------------------------------------------------


async def pieces(
    form: ExportForm, pages: Iterator[Sequence[bytes]], turn: asyncio.Semaphore
) -> AsyncGenerator[bytes, None]:
    """The file, piece by piece, each made in a thread while the one before is sent.

    ``turn``: shared by all exports; a piece is made when it is its turn.
    """

    def piece() -> bytes | None:
        rows = next(pages, None)
        return None if rows is None else PAGES[form](rows)

    async def made() -> bytes | None:
        async with turn:
            return await asyncio.to_thread(piece)

    coming = asyncio.create_task(made())
    try:
        if head(form):
            yield head(form)
        while (text := await coming) is not None:
            coming = asyncio.create_task(made())
            yield text
    finally:
        await ended(coming)
