"""Exports: a row is a line, cells are exact where they are harmless, and harmless always."""

import asyncio
import csv
import io
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.escape import FORMULA, safe_cell
from adapters.http.streams.exports import (
    PIECES_AT_ONCE,
    ExportForm,
    csv_page,
    head,
    ndjson_page,
    pieces,
)
from application.views import TRAIL_COLUMNS
from projections.audit_trail import AuditRow

NUMBERS = ("position", "job_id", "request_position")
MISSING = ("job_id", "request_position")
NASTY = st.sampled_from(
    [",null,", '"', "\\", '\\"', '",null,"', "=1", "\n", "\x1b", "null", "[", "]"]
)
TEXT = st.one_of(st.text(), st.lists(NASTY, max_size=4).map("".join), st.text("abc ,", max_size=9))


@dataclass
class Line:
    """A row as SQLite writes it: JSON in one line, with as few escapes as there must be."""

    cells: list[str | int | None]

    @property
    def raw(self) -> bytes:
        return msgspec.json.encode(self.cells)

    @property
    def named(self) -> dict[str, str | int | None]:
        return dict(zip(TRAIL_COLUMNS, self.cells, strict=True))


@st.composite
def lines(draw: st.DrawFn) -> Line:
    cells: list[str | int | None] = []
    for column in TRAIL_COLUMNS:
        if column not in NUMBERS:
            cells.append(draw(TEXT))
        elif column in MISSING:
            cells.append(draw(st.none() | st.integers(1, 9)))
        else:
            cells.append(draw(st.integers(1, 2**40)))
    return Line(cells)


def line(**cells: str | int | None) -> Line:
    plain = {name: 7 if name in NUMBERS else "x" for name in TRAIL_COLUMNS}
    return Line(list((plain | cells).values()))


@given(st.lists(lines(), min_size=1, max_size=3))
@example([line(outcome=",null,"), line(job_id=None)])
@example([line(outcome='x",null,', tasks="y", job_id=None)])
@example([line(outcome="\\"), line(outcome='"', tasks='",null,"')])
@example([line(tasks='",null,"')])
@example([line(outcome='x",null,"y', tasks=",null,")])
@example([line(message="Gr\u00fc\u00dfe, \u6f22\u5b57")])
def test_csv_says_what_the_rows_say(rows: list[Line]) -> None:
    text = csv_page([row.raw for row in rows]).decode()
    assert text.count("\n") == len(rows), "a row is a line"
    found = list(csv.reader(io.StringIO(text), strict=True))
    assert found == [[shown(cell) for cell in row.cells] for row in rows]


def shown(cell: str | int | None) -> str:
    return "" if cell is None else safe_cell(cell) if isinstance(cell, str) else str(cell)


@given(st.lists(lines(), min_size=1, max_size=3))
def test_json_lines_say_it_exactly(rows: list[Line]) -> None:
    text = ndjson_page([msgspec.json.encode(row.named) for row in rows]).decode()
    assert [json.loads(x) for x in text.splitlines()] == [row.named for row in rows]
    assert all(c.isprintable() or c.isspace() for c in text)


@given(st.lists(lines(), min_size=1, max_size=3))
def test_nothing_acts(rows: list[Line]) -> None:
    text = csv_page([row.raw for row in rows]).decode()
    assert all(c.isprintable() or c.isspace() for c in text)
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(FORMULA)]


@pytest.mark.parametrize(
    "text",
    [
        "disk full",
        'he said "no", twice',
        "a, b; c",
        "Gr\u00fc\u00dfe \u6f22\u5b57",
        "1 - 2 = -1",
        "",
    ],
)
def test_what_is_usual_stands_there_as_it_is(text: str) -> None:
    quoted = text.replace('"', '""')
    assert f',"{quoted}",' in csv_page([line(message=text, job_id=None).raw]).decode()


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "\u202e", "=1", "@x", "\uff1dx", "\u3164"])
def test_what_could_act_does_not(text: str) -> None:
    assert f',"{text}",' not in csv_page([line(message=text).raw]).decode()


def test_only_numbers_between_texts_are_ever_missing() -> None:
    """What ``exports.NULL`` rests on."""
    kinds = {f.name: f.type for f in msgspec.structs.fields(AuditRow) if f.name in TRAIL_COLUMNS}
    missing = [n for n, name in enumerate(TRAIL_COLUMNS) if kinds[name] == (int | None)]
    assert [TRAIL_COLUMNS[n] for n in missing] == list(MISSING)
    around = [TRAIL_COLUMNS[n + side] for n in missing for side in (-1, 1)]
    assert {kinds[name] for name in around} == {str}
    assert kinds[TRAIL_COLUMNS[0]] is int


def test_only_csv_has_a_head() -> None:
    assert next(csv.reader([head(ExportForm.CSV).decode()])) == list(TRAIL_COLUMNS)
    assert head(ExportForm.NDJSON) == b""


async def test_of_many_exports_only_a_few_make_a_piece_at_once() -> None:
    here, most, meet = set[int](), list[int](), threading.Barrier(PIECES_AT_ONCE)

    def page(number: int) -> Iterator[Sequence[bytes]]:
        here.add(number)
        meet.wait(10)  # those who may work at once do
        most.append(len(here))
        here.discard(number)
        yield [b"{}"]

    async def export(number: int) -> bytes:
        return b"".join([x async for x in pieces(ExportForm.NDJSON, page(number), turn)])

    turn = asyncio.Semaphore(PIECES_AT_ONCE)
    files = await asyncio.gather(*map(export, range(3 * PIECES_AT_ONCE)))
    assert files == [b"{}\n"] * len(files)
    assert max(most) <= PIECES_AT_ONCE
