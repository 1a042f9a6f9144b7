"""The file, opened as eventsourcing opens it, with settings for data that can be built again."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from eventsourcing.persistence import PersistenceError
from eventsourcing.sqlite import (
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
)

from adapters.views.ranges import in_ranges
from adapters.views.using import Users
from domain.errors import Corrupt, CountermandError, StoreFull, Unavailable

CACHE_KIB: Final = 8 * 1024
"""Of each connection; there are at most fifteen."""

WAL_BYTES_KEPT: Final = 64 * 1024**2
SETTINGS: Final = (
    "PRAGMA synchronous = NORMAL",  # a crash may lose the last commits, with their positions
    f"PRAGMA cache_size = -{CACHE_KIB}",
    f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)
DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
"""The last: what we ask for is not there, such as a table."""

INTERRUPTED: Final = "interrupted"
"""SQLite's words for SQLITE_INTERRUPT; a table-valued pragma gives SQLITE_ERROR with them."""


class ViewPool(SQLiteConnectionPool):
    """Connections with our settings."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection.cursor()
        for setting in SETTINGS:
            cursor.execute(setting)
        functions = database_of(connection)
        functions.create_function("in_ranges", 2, in_ranges, deterministic=True)
        return connection


def database_of(connection: SQLiteConnection) -> sqlite3.Connection:
    """The connection behind the library's."""
    database: sqlite3.Connection = connection.cursor().sqlite_cursor.connection
    return database


class ViewDatastore(SQLiteDatastore):
    """A file of views, made (0600) if it is not there.

    It is closed when nobody uses it any more: the library would close a connection under a thread
    that reads. Whoever comes later is told ``Unavailable``.
    """

    def __init__(self, path: Path) -> None:
        self._users = Users()
        uri = path.absolute().as_uri()
        super().__init__(uri)
        self.pool.close()
        self.pool = ViewPool(db_name=uri)

    @contextmanager
    def get_connection(self, *, commit: bool) -> Iterator[SQLiteConnection]:
        """As the library's, counted."""
        with (
            self._users.using(),
            super().get_connection(commit=commit) as connection,
            self._users.interruptible(database_of(connection).interrupt),
        ):
            yield connection

    def close(self) -> None:
        """Wait for all who use it, interrupt who takes long, and close. Idempotent."""
        self._users.retire()
        super().close()


@contextmanager
def used(datastore: SQLiteDatastore, *, commit: bool) -> Iterator[SQLiteCursor]:
    """A transaction whose rows are plain tuples, with errors in our words."""
    with our_errors(), datastore.transaction(commit=commit) as cursor:
        cursor.sqlite_cursor.row_factory = None
        yield cursor


@contextmanager
def our_errors() -> Iterator[None]:
    """The library's and SQLite's errors in our words."""
    try:
        yield
    except CountermandError:
        raise
    except msgspec.MsgspecError as error:
        raise Corrupt(f"the file of the views holds what cannot be read: {error}") from error
    except (sqlite3.Error, PersistenceError) as error:
        raise in_our_words(error) from error


def in_our_words(error: Exception) -> CountermandError:
    """What an error of the file means to its users."""
    cause = error if isinstance(error, sqlite3.Error) else error.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return StoreFull(f"the disk of the views is full: {error}")
    if primary in DAMAGE and str(cause) != INTERRUPTED:
        return Corrupt(f"the file of the views is damaged: {error}")
    return Unavailable(f"the views cannot be used: {error}")
