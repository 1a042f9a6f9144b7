"""Writing the views: rows, folds and position in one commit, through the tracking recorder."""

import threading
from functools import partial
from pathlib import Path
from typing import Self

from adapters.views.compare import SqliteComparison
from adapters.views.datastore import ViewDatastore, used
from adapters.views.rows import put
from adapters.views.schema import statements
from adapters.views.sqlite import SQLITE
from adapters.views.stored import StoredViews
from adapters.views.tracking import ViewRecorder
from application.view_store import Changes
from domain.errors import Corrupt


class SqliteViewStore(StoredViews):
    """``ViewStore`` in a file. ``log_id``: the log that its events are from."""

    def __init__(self, path: Path, log_id: str, *, made: bool = False) -> None:
        """Open the file, or make it (0600); with ``made`` it must be whole already.

        Raises ``OSError``, ``Unavailable`` or ``Corrupt``.
        """
        path.touch(mode=0o600, exist_ok=True)
        self.path = path
        self.datastore = ViewDatastore(path)
        super().__init__(path.name, partial(used, self.datastore, commit=False), SQLITE)
        self._lock = threading.Lock()
        self._recorder = ViewRecorder(self.datastore, log_id)
        try:
            if not self._has_tables():
                if made:
                    raise Corrupt(f"{path.name} holds no views")
                self._recorder.make()
        except BaseException:
            self.close()
            raise

    @property
    def complete(self) -> bool:
        """Whether every table and index is as it is made."""
        with self._reading() as cursor:
            cursor.execute("SELECT sql FROM sqlite_schema")
            there = {row[0] for row in cursor.fetchall()}
        return set(statements()) <= there

    def comparison(self, other: Self) -> SqliteComparison:
        return SqliteComparison(self.datastore, other.path)

    def may_write(self) -> bool:
        return True  # the data directory is locked: nobody else is there

    def check_writing(self) -> None:
        """Nobody can take that away."""

    def commit(self, changes: Changes) -> None:
        with self._lock, used(self.datastore, commit=True) as cursor:
            self._recorder.track(cursor, changes.position)
            put(cursor, SQLITE, changes)

    def close(self) -> None:
        self.datastore.close()

    def _has_tables(self) -> bool:
        with self._reading() as cursor:
            cursor.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'about'")
            return bool(cursor.fetchone()[0])
