"""Writing the views: rows, folds and position in one commit, through the tracking recorder."""

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Self

from adapters.views.compare import SqliteComparison
from adapters.views.datastore import ViewDatastore, used
from adapters.views.reader import SqlViewReader
from adapters.views.rows import about, around_of, counts_of, position_of, put, states_of
from adapters.views.schema import statements
from adapters.views.sqlite import SQLITE
from adapters.views.tracking import ViewRecorder
from application.view_store import Changes
from domain.errors import Corrupt
from domain.events import Aggregate
from projections.folding import Around, Fold
from projections.tally import CountKey


class SqliteViewStore:
    """``ViewStore`` in a file. ``log_id``: the log that its events are from."""

    def __init__(self, path: Path, log_id: str, *, made: bool = False) -> None:
        """Open the file, or make it (0600); with ``made`` it must be whole already.

        Raises ``OSError``, ``Unavailable`` or ``Corrupt``.
        """
        path.touch(mode=0o600, exist_ok=True)
        self.path = path
        self.datastore = ViewDatastore(path)
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
    def name(self) -> str:
        return self.path.name

    @property
    def version(self) -> int:
        """Which columns and folds its contents are made by."""
        return self._about()[0]

    @property
    def log_id(self) -> str:
        """Which log the events are from."""
        return self._about()[1]

    @property
    def complete(self) -> bool:
        """Whether every table and index is as it is made."""
        with used(self.datastore, commit=False) as cursor:
            cursor.execute("SELECT sql FROM sqlite_schema")
            there = {row[0] for row in cursor.fetchall()}
        return set(statements()) <= there

    def position(self) -> int:
        with used(self.datastore, commit=False) as cursor:
            return position_of(cursor)

    def around(self) -> Around:
        with used(self.datastore, commit=False) as cursor:
            return around_of(cursor)

    def states(self, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Fold]:
        with used(self.datastore, commit=False) as cursor:
            return states_of(cursor, aggregates)

    def counts(self) -> dict[CountKey, int]:
        with used(self.datastore, commit=False) as cursor:
            return counts_of(cursor)

    def reader(self) -> SqlViewReader:
        return SqlViewReader(partial(used, self.datastore, commit=False), SQLITE)

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
        with used(self.datastore, commit=False) as cursor:
            cursor.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'about'")
            return bool(cursor.fetchone()[0])

    def _about(self) -> tuple[int, str]:
        with used(self.datastore, commit=False) as cursor:
            found = about(cursor)
        if found is None:
            raise Corrupt(f"{self.path.name} does not say which views it holds")
        return found
