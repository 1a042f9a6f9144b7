"""Two files of views, compared row for row: the one in use, and the one built from the stream."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from eventsourcing.sqlite import SQLiteCursor, SQLiteDatastore

from adapters.views.schema import KEYS
from application.view_store import Difference

COMPARED: Final = {
    **KEYS,
    "state": ("kind", "id"),
    "tally": ("measure", "labels"),
    "about": ("one",),
    "tracking": ("application_name",),
}


INDEX: Final = "audit_index"


def differences(old: SQLiteDatastore, new: Path) -> Iterator[Difference]:
    """Tables in which a row is missing, other, or too many, with the key of the first of them.

    Nothing is held in memory: rows are looked up by their key, on both sides. Of the index only
    sums are compared: it holds nothing that is not in the rows.
    """
    with old.get_connection(commit=False) as connection:
        cursor = connection.cursor()
        cursor.execute("ATTACH DATABASE ? AS other", (str(new),))
        try:
            yield from found(cursor)
        finally:
            cursor.execute("DETACH DATABASE other")


def found(cursor: SQLiteCursor) -> Iterator[Difference]:
    """The differences of the attached files."""
    for table, key in COMPARED.items():
        lost = unlike(cursor, table, key, "main", "other")
        extra = unlike(cursor, table, key, "other", "main")
        rows = max(lost[0], extra[0])
        if rows:
            yield Difference(table, rows, lost[1] or extra[1])
    if index_sums(cursor, "main") != index_sums(cursor, "other"):
        yield Difference(INDEX, 1, "its words")


def index_sums(cursor: SQLiteCursor, schema: str) -> tuple[int, ...]:
    """How many words the index has, in how many rows, how often, and how long they are."""
    cursor.execute(f"CREATE VIRTUAL TABLE temp.words USING fts5vocab({schema}, {INDEX}, row)")
    try:
        cursor.execute("SELECT count(*), sum(doc), sum(cnt), sum(length(term) * doc) FROM words")
        return tuple(cursor.fetchone())
    finally:
        cursor.execute("DROP TABLE temp.words")


def unlike(
    cursor: SQLiteCursor, table: str, key: tuple[str, ...], here: str, there: str
) -> tuple[int, str]:
    """How many rows of one side the other lacks or has otherwise, and the first one's key."""
    cursor.execute(f"SELECT name FROM pragma_table_info('{table}')")
    columns = [row[0] for row in cursor.fetchall()]
    same_key = " AND ".join(f"a.{k} = b.{k}" for k in key)
    other = " OR ".join(f"a.{c} IS NOT b.{c}" for c in columns)
    shown = " || '/' || ".join(f"a.{k}" for k in key)
    cursor.execute(
        f"SELECT count(*), min({shown}) FROM {here}.{table} a LEFT JOIN {there}.{table} b "
        f"ON {same_key} WHERE {other}"
    )
    count, first = cursor.fetchone()
    return int(count), str(first if first is not None else "")
