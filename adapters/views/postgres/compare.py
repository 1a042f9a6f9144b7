"""Two schemas of views, compared row for row: the one in use, and the one built from the stream."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import psycopg

from adapters.views.cursor import Cursor
from adapters.views.differing import COMPARED, difference
from adapters.views.postgres.cursor import PostgresCursor
from adapters.views.postgres.dialect import POSTGRES
from adapters.views.postgres.errors import our_errors
from adapters.views.postgres.schema import columns_in
from adapters.views.postgres.server import READS, PostgresServer
from adapters.views.rows import position_of
from adapters.views.schema import TABLES
from application.view_store import Difference
from domain.errors import Unavailable

COLUMNS: Final = {
    "about": ("version", "log_id", "release_seconds", "high"),
    "stretch": ("first",),
    "job_node": ("job_id", "node"),
    "tracking": ("application_name", "notification_id"),
}
"""Of the tables whose rows are not written as a whole."""


class PostgresComparison:
    """``Comparison`` of two schemas, read in one transaction that sees both as they were."""

    def __init__(self, server: PostgresServer, old: str, new: str) -> None:
        """Begin with both as they are now. Raises ``Unavailable`` or ``Corrupt``."""
        self._old, self._new = old, new
        self._busy = threading.Lock()
        self._open = True
        with our_errors():
            self._connection = server.connect(READS)
            try:
                self._connection.execute("BEGIN")
                self._connection.execute(f"SELECT FROM {old}.about".encode())
            except BaseException:
                self._connection.close()
                raise

    def at_one_position(self) -> bool:
        with self._busy, our_errors():
            cursor = self._cursor()
            old = position_of(cursor, f"{self._old}.tracking")
            return old == position_of(cursor, f"{self._new}.tracking")

    def differences(self) -> tuple[Difference, ...]:
        with self._busy, our_errors():
            return tuple(self._found(self._cursor()))

    def _cursor(self) -> PostgresCursor:
        self._check_open()
        return PostgresCursor(self._connection.cursor())

    def _check_open(self) -> None:
        if not self._open:
            raise Unavailable("the comparison was closed")

    def close(self) -> None:
        self._open = False
        while not self._busy.acquire(timeout=0.05):
            with suppress(psycopg.Error):
                self._connection.cancel_safe()
        try:
            self._connection.close()
        finally:
            self._busy.release()

    def _found(self, cursor: Cursor) -> Iterator[Difference]:
        """Tables in which a row is missing, other, or too many, with the key of the first."""
        sides = (self._old, self._new)
        for table in COMPARED:
            found = difference(cursor, table, columns_of(table), sides, POSTGRES.unequal)
            if found is not None:
                yield found
            self._check_open()


def columns_of(table: str) -> tuple[str, ...]:
    """All that are compared, the key's first one among them."""
    known = columns_in(table) if table in TABLES or table not in COLUMNS else COLUMNS[table]
    return (*known, COMPARED[table][0])
