"""The views in use in PostgreSQL, compared with a file of SQLite's: nothing is written there.

Both have the same tables with the same values (``schema``). What finds words in the trail
(``audit.words``) is made of the rows alone, and is not compared.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import psycopg

from adapters.views.cursor import Row
from adapters.views.differing import COMPARED
from adapters.views.merging import differing
from adapters.views.postgres.compare import COLUMNS
from adapters.views.postgres.cursor import PostgresCursor, read
from adapters.views.postgres.errors import our_errors
from adapters.views.postgres.files import HOME, checked
from adapters.views.postgres.server import READS, PostgresServer
from adapters.views.postgres.session import number_of
from adapters.views.postgres.store import in_use
from adapters.views.rows import position_of
from adapters.views.schema import TABLES, all_columns
from application.view_store import Difference
from domain.errors import Unavailable
from projections.version import VIEWS_VERSION

ROWS_AT_ONCE: Final = 1000


class PostgresAgainst:
    """One look at the schema in use, as it was when the look began. Use it in one thread a time."""

    def __init__(self, server: PostgresServer, log_id: str) -> None:
        """Begin. ``schema``: "" where there are no views of this log. Raises ``Unavailable``."""
        with our_errors():
            self._connection = server.connect(READS)
            try:
                self.schema = self._in_use(log_id)
                if self.schema:
                    self._begin()
            except BaseException:
                self._connection.close()
                raise

    @property
    def position(self) -> int:
        """What the views are true for."""
        with our_errors():
            cursor = PostgresCursor(self._connection.cursor())
            return position_of(cursor, f"{self.schema}.tracking")

    def differences(self, new: Path) -> tuple[Difference, ...]:
        """Tables that are other than in the file."""
        with our_errors(), closing(sqlite3.connect(new.absolute().as_uri(), uri=True)) as file:
            return tuple(filter(None, (self._table(file, name) for name in COMPARED)))

    def close(self) -> None:
        """Let go of it. Idempotent."""
        with suppress(psycopg.Error):
            self._connection.close()

    def _in_use(self, log_id: str) -> str:
        cursor = self._connection.cursor()
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{HOME}.builds",))
        found = cursor.fetchone()
        if found is None or not found[0]:
            return ""
        query = f"SELECT name FROM {HOME}.builds WHERE log_id = %s AND version = %s AND in_use"
        cursor.execute(query.encode(), (log_id, VIEWS_VERSION))
        row = cursor.fetchone()
        return "" if row is None else checked(row[0])

    def _begin(self) -> None:
        """As whoever reads: nobody drops the schema, and all of it is seen as it is now."""
        cursor = self._connection.cursor()
        cursor.execute("SELECT pg_try_advisory_lock_shared(%s)", (number_of(in_use(self.schema)),))
        free = cursor.fetchone()
        if free is None or not free[0]:
            raise Unavailable(f"the views {self.schema} are being removed: others took their place")
        cursor.execute("BEGIN")
        cursor.execute(f"SELECT FROM {self.schema}.about".encode())

    def _table(self, file: sqlite3.Connection, table: str) -> Difference | None:
        keys = COMPARED[table]
        known = all_columns(table) if table in TABLES or table not in COLUMNS else COLUMNS[table]
        columns = ", ".join((*keys, *(x for x in known if x not in keys)))
        theirs = f"SELECT {columns} FROM {self.schema}.{table} ORDER BY {', '.join(keys)}"
        # Node names are compared without case where they are kept, but not here.
        ours = f"SELECT {columns} FROM {table} ORDER BY "
        ours += ", ".join(f"{key} COLLATE BINARY" for key in keys)
        return differing(table, len(keys), self._rows(theirs), iter(file.execute(ours)))

    def _rows(self, query: str) -> Iterator[Row]:
        """The rows of a query, some at a time."""
        with self._connection.cursor("countermand_look") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            cursor.execute(query.encode())
            for row in cursor:
                yield read(row)
