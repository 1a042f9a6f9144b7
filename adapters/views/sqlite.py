"""What SQLite says in its own words: whole rows, JSON, and an index of words (FTS5)."""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import astuple

from adapters.views.cursor import Cursor, Row
from adapters.views.dialect import Dialect
from adapters.views.facets import facets_of
from adapters.views.schema import width
from adapters.views.words import plain, search
from application.views import TRAIL_COLUMNS
from projections.audit_trail import AuditRow

INDEX_ROW: Final = (
    "INSERT INTO audit_index (rowid, message, explanation, facets) VALUES (?, ?, ?, ?)"
)
PAIRS: Final = ", ".join(f"'{column}', a.{column}" for column in TRAIL_COLUMNS)
VALUES: Final = ", ".join(f"a.{column}" for column in TRAIL_COLUMNS)
OBJECT: Final = f"a.position, CAST(json_object({PAIRS}) AS BLOB)"
ARRAY: Final = f"a.position, CAST(json_array({VALUES}) AS BLOB)"
"""A row as its place and a line of JSON: SQLite makes it faster than Python takes its values."""


class Fts5Index:
    """``TrailIndex`` in a table of its own."""

    condition = "audit_index MATCH ?"
    stretches_max = 64

    def source(self, indexed: bool) -> tuple[str, str]:
        if not indexed:
            return "audit a", "a.position"
        joined = "audit_index CROSS JOIN audit a ON a.position = audit_index.rowid"
        return joined, "audit_index.rowid"

    def search(self, text: str, columns: str) -> str:
        return search(text, columns)

    def value(self, facet: str) -> str:
        return facet

    def values(self, part: str) -> str:
        return f"{{facets}} : ({part})"

    def all_of(self, parts: Sequence[str]) -> str:
        return parts[0] if len(parts) == 1 else " AND ".join(map(bracketed, parts))

    def any_of(self, parts: Sequence[str]) -> str:
        return bracketed(" OR ".join(parts))

    def put(self, cursor: Cursor, rows: Sequence[AuditRow]) -> None:
        cursor.executemany(insert("audit"), map(astuple, rows))
        cursor.executemany(
            INDEX_ROW,
            ((r.position, plain(r.message), plain(r.explanation), facets_of(r)) for r in rows),
        )


def bracketed(part: str) -> str:
    """A part that others can stand beside."""
    return f"({part})"


def insert(table: str) -> str:
    """Insert or replace a whole row."""
    return f"INSERT OR REPLACE INTO {table} VALUES ({', '.join('?' * width(table))})"


def line(row: Row, named: bool) -> bytes:
    """The line that the database made."""
    made: bytes = row[1]
    return made


SQLITE: Final = Dialect(
    insert=insert,
    lose_nodes=(
        "DELETE FROM job_node WHERE job_id = ? AND node NOT IN (SELECT value FROM json_each(?))"
    ),
    gain_nodes=(
        "INSERT OR IGNORE INTO job_node (job_id, node) SELECT ?, value FROM json_each(?)"
    ),  # a job's nodes seldom change: then nothing is written
    found_in="instr",
    node="node",
    unequal="IS NOT",
    index=Fts5Index(),
    lines=lambda named: OBJECT if named else ARRAY,
    line=line,
)
