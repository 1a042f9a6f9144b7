"""Folds put away for a while, in a file that is gone when it is closed.

It is no snapshot: nobody else ever reads it, and nothing of it outlives the process.
"""

import os
import sqlite3
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from adapters.snapshots.packing import as_bytes, of_bytes
from application.checking import Known
from domain.events import Aggregate

ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=as_bytes)
DECODER: Final = msgspec.msgpack.Decoder(Known, dec_hook=of_bytes)
CACHE_KIB: Final = 16 * 1024
COMMIT_PUTS: Final = 5000


class SqliteShelf:
    """``Shelf`` in a file of the temporary directory, which nobody else finds."""

    def __init__(self) -> None:
        handle, path = tempfile.mkstemp(prefix="countermand-shelf-")
        os.close(handle)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._database.execute(
            "CREATE TABLE known (kind TEXT, id TEXT, raw BLOB, PRIMARY KEY (kind, id))"
            " WITHOUT ROWID"
        )
        self._database.execute(
            "CREATE TABLE first (key BLOB PRIMARY KEY, position INTEGER) WITHOUT ROWID"
        )
        Path(path).unlink()
        self._database.execute("BEGIN")
        self._puts = 0

    def get(self, aggregate: Aggregate) -> Known | None:
        query = "SELECT raw FROM known WHERE kind = ? AND id = ?"
        row = self._database.execute(query, (aggregate.kind, aggregate.id)).fetchone()
        return None if row is None else DECODER.decode(row[0])

    def put(self, aggregate: Aggregate, known: Known) -> None:
        raw = ENCODER.encode(known)
        values = (aggregate.kind, aggregate.id, raw)
        self._database.execute("INSERT OR REPLACE INTO known VALUES (?, ?, ?)", values)
        self._one_more()

    def first_with(self, key: bytes, position: int) -> int:
        # Ids rise, so that new ones go to the end of the tree: its other pages stay on the disk.
        insert = "INSERT INTO first VALUES (?, ?) ON CONFLICT DO NOTHING"
        if self._database.execute(insert, (key, position)).rowcount:
            self._one_more()
            return position
        query = "SELECT position FROM first WHERE key = ?"
        return int(self._database.execute(query, (key,)).fetchone()[0])

    def _one_more(self) -> None:
        """What was put away goes to the file from time to time."""
        self._puts += 1
        if self._puts % COMMIT_PUTS == 0:
            self._database.execute("COMMIT")
            self._database.execute("BEGIN")

    def close(self) -> None:
        """The file is gone."""
        self._database.close()
