"""The file, opened as eventsourcing opens it, with settings for data that can be built again."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from eventsourcing.persistence import PersistenceError
from eventsourcing.sqlite import (
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
)

from domain.errors import Corrupt, CountermandError, StoreFull, Unavailable

CACHE_KIB: Final = 32 * 1024
SETTINGS: Final = (
    "PRAGMA synchronous = NORMAL",  # a crash may lose the last commits, with their positions
    f"PRAGMA cache_size = -{CACHE_KIB}",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA trusted_schema = OFF",
)
DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


def in_ranges(number: int, ranges: str) -> bool:
    """Whether a number is within ranges such as "1-3,7"; within "" is none. For queries."""
    for span in filter(None, ranges.split(",")):
        first, _, last = span.partition("-")
        if int(first) <= number <= int(last or first):
            return True
    return False


class ViewPool(SQLiteConnectionPool):
    """Connections with our settings."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection.cursor()
        for setting in SETTINGS:
            cursor.execute(setting)
        database = cursor.sqlite_cursor.connection
        database.create_function("in_ranges", 2, in_ranges, deterministic=True)
        return connection


class ViewDatastore(SQLiteDatastore):
    """A file of views, made (0600) if it is not there."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600, exist_ok=True)
        uri = path.absolute().as_uri()
        super().__init__(uri)
        self.pool.close()
        self.pool = ViewPool(db_name=uri)


@contextmanager
def used(datastore: SQLiteDatastore, *, commit: bool) -> Iterator[SQLiteCursor]:
    """A transaction, with the library's and SQLite's errors in our words."""
    try:
        with datastore.transaction(commit=commit) as cursor:
            yield cursor
    except CountermandError:
        raise
    except (sqlite3.Error, PersistenceError) as error:
        raise in_our_words(error) from error


def in_our_words(error: Exception) -> CountermandError:
    """What an error of the file means to its users."""
    cause = error if isinstance(error, sqlite3.Error) else error.__cause__
    code = getattr(cause, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return StoreFull(f"the disk of the views is full: {error}")
    if primary in DAMAGE:
        return Corrupt(f"the file of the views is damaged: {error}")
    return Unavailable(f"the views cannot be used: {error}")
