"""A cursor that takes the queries and values that SQLite takes too."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow

from adapters.views.cursor import Row

NUL: Final = "\x00"
ESCAPE: Final = "\x01"
NO_TEXT: Final = "\x01\x03"
"""What no text is stored as, or has in it."""

QUERIES_KEPT: Final = 1024


class PostgresCursor:
    """``Cursor`` on PostgreSQL's. Its text cannot hold NUL, so that is written with an escape that
    keeps the order of texts. A value of a condition that is bytes equals no text."""

    def __init__(self, cursor: psycopg.Cursor[TupleRow]) -> None:
        self.raw = cursor

    def execute(self, query: str, values: Sequence[object] = (), /) -> object:
        return self.raw.execute(marked(query), [compared(value) for value in values])

    def executemany(self, query: str, rows: Iterable[Sequence[object]], /) -> object:
        made = [[stored(value) for value in row] for row in rows]
        if made:
            self.raw.executemany(marked(query), made)
        return None

    def fetchone(self) -> Any:
        row = self.raw.fetchone()
        return None if row is None else read(row)

    def fetchall(self) -> Any:
        return [read(row) for row in self.raw.fetchall()]


@lru_cache(QUERIES_KEPT)
def marked(query: str) -> bytes:
    """The query with psycopg's marks for values."""
    return query.replace("%", "%%").replace("?", "%s").encode()


def compared(value: object) -> object:
    """A value of a condition."""
    return NO_TEXT if isinstance(value, bytes) else stored(value)


def stored(value: object) -> object:
    """A value as a column holds it."""
    if isinstance(value, str) and (NUL in value or ESCAPE in value):
        return value.replace(ESCAPE, "\x01\x02").replace(NUL, "\x01\x01")
    return value


def read(row: TupleRow) -> Row:
    """A row as it was stored."""
    if any(isinstance(value, str) and ESCAPE in value for value in row):
        return tuple(unescaped(value) if isinstance(value, str) else value for value in row)
    return row


def unescaped(text: str) -> str:
    """A text as it was."""
    return text.replace("\x01\x01", NUL).replace("\x01\x02", ESCAPE)
