"""Two files of views, compared row for row: the one in use, and the one built from the stream."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from eventsourcing.sqlite import SQLiteCursor

from adapters.views.datastore import ViewDatastore, database_of, our_errors
from adapters.views.differing import COMPARED, difference
from adapters.views.rows import position_of
from adapters.views.sqlite import SQLITE
from application.view_store import Difference
from domain.errors import Corrupt, Unavailable

INDEX: Final = "audit_index"
CLOSED: Final = "the comparison was closed"


class SqliteComparison:
    """``Comparison`` of two files, read in one transaction that sees both as they were.

    Nothing is held in memory: rows are looked up by their key, on both sides. Of the index only
    sums are compared: it holds nothing that is not in the rows.
    """

    def __init__(self, old: ViewDatastore, new: Path, *, stand: bool = True) -> None:
        """Begin with both as they are now. Raises ``Unavailable`` or ``Corrupt``.

        ``stand``: without it the new one still goes on, until ``see_new``.
        """
        self._busy = threading.Lock()
        self._used = ExitStack()
        self._open, self._given_up = True, False
        with our_errors():
            connection = self._used.enter_context(old.get_connection(commit=False))
            self._cursor, self._database = connection.cursor(), database_of(connection)
            try:
                self._begin(new)
                if stand:
                    self.see_new()
            except BaseException:
                self.close()
                raise

    def at_one_position(self) -> bool:
        with self._asked():
            return position_of(self._cursor) == position_of(self._cursor, "other.tracking")

    def differences(self) -> tuple[Difference, ...]:
        with self._asked():
            return tuple(self._found())

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """One question at a time. One that ``close`` cut short has found no damage.

        A statement that SQLite runs inside another (for a virtual table) does not hand on that it
        was interrupted as such.
        """
        with self._busy:
            if not self._open:
                raise Unavailable(CLOSED)
            try:
                with our_errors():
                    yield
            except Corrupt as error:
                if self._given_up:
                    raise Unavailable(CLOSED) from error
                raise

    def close(self) -> None:
        self._given_up = True
        self._database.interrupt()
        with self._busy:
            if self._open:
                self._open = False
                with suppress(sqlite3.Error):
                    self._database.rollback()
                    self._database.execute("DETACH DATABASE other")
                self._used.close()

    def _begin(self, new: Path) -> None:
        """A transaction sees a file as it was when it first read of it."""
        self._cursor.execute("ATTACH DATABASE ? AS other", (str(new),))
        self._cursor.execute("BEGIN")
        self._see("main")

    def see_new(self) -> None:
        """The new one stands as it is now."""
        self._see("other")

    @property
    def position(self) -> int:
        """What the old one is true for."""
        with our_errors():
            return position_of(self._cursor)

    def _see(self, schema: str) -> None:
        self._cursor.execute(f"SELECT version FROM {schema}.about")
        self._cursor.fetchall()

    def _found(self) -> Iterator[Difference]:
        """Tables in which a row is missing, other, or too many, with the key of the first."""
        for table in COMPARED:
            columns = columns_of(self._cursor, table)
            found = difference(self._cursor, table, columns, ("main", "other"), SQLITE.unequal)
            if found is not None:
                yield found
        if index_sums(self._cursor, "main") != index_sums(self._cursor, "other"):
            yield Difference(INDEX, 1, "its words")


def columns_of(cursor: SQLiteCursor, table: str) -> list[str]:
    """All of them, the key too."""
    cursor.execute(f"SELECT name FROM pragma_table_info('{table}')")
    return [row[0] for row in cursor.fetchall()]


def index_sums(cursor: SQLiteCursor, schema: str) -> tuple[int, ...]:
    """How many words the index has, in how many rows, how often, and how long they are."""
    cursor.execute(f"CREATE VIRTUAL TABLE temp.words USING fts5vocab({schema}, {INDEX}, row)")
    try:
        cursor.execute("SELECT count(*), sum(doc), sum(cnt), sum(length(term) * doc) FROM words")
        return tuple(cursor.fetchone())
    finally:
        cursor.execute("DROP TABLE temp.words")
