"""Which file holds the views: a new one is built beside the old one, then a pointer is switched.

``DIR/views.json`` names the file in use. A file of another version, of another log, or one that is
damaged counts as none; the views are built anew from the stream then.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.views.store import SqliteViewStore
from domain.errors import CountermandError, Unavailable
from projections.version import VIEWS_VERSION

POINTER: Final = "views.json"
SUFFIX: Final = ".sqlite"
BESIDE: Final = ("-wal", "-shm")


class Pointer(Struct, frozen=True):
    """The file in use."""

    file: str


class SqliteViewFiles:
    """``ViewFiles`` in a directory of their own. ``log_id``: the log that the events are from."""

    def __init__(self, directory: Path, log_id: str) -> None:
        """Make the directory (0700) if it is not there. Raises ``Unavailable``."""
        self._directory = directory
        self._log_id = log_id
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"{directory} cannot be made: {error.strerror}") from error

    def current(self) -> SqliteViewStore | None:
        name = self._pointed_at()
        if name is None or not (self._directory / name).is_file():
            return None
        try:
            return self._usable(self.open(name))
        except CountermandError:
            return None

    def begin(self) -> str:
        numbers = [int(n) for n in map(number_of, self._names()) if n.isdigit()]
        return f"views-v{VIEWS_VERSION}-{max(numbers, default=0) + 1}{SUFFIX}"

    def open(self, name: str) -> SqliteViewStore:
        try:
            return SqliteViewStore(self._directory / name, self._log_id)
        except OSError as error:
            raise Unavailable(f"{name} cannot be opened: {error.strerror}") from error

    def path(self, name: str) -> Path:
        """Where the file of this name is."""
        return self._directory / name

    def switch(self, name: str) -> None:
        new = self._directory / f"{POINTER}.new"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(msgspec.json.encode(Pointer(name)))
            file.flush()
            os.fsync(file.fileno())
        new.rename(self._directory / POINTER)
        for other in set(self._names()) - {name}:
            self.discard(other)

    def discard(self, name: str) -> None:
        for end in ("", *BESIDE):
            (self._directory / f"{name}{end}").unlink(missing_ok=True)

    def _usable(self, store: SqliteViewStore) -> SqliteViewStore | None:
        """The store, when it is of this version and of this log."""
        if store.version == VIEWS_VERSION and store.log_id == self._log_id:
            return store
        store.close()
        return None

    def _pointed_at(self) -> str | None:
        try:
            return msgspec.json.decode((self._directory / POINTER).read_bytes(), type=Pointer).file
        except (OSError, msgspec.MsgspecError):
            return None

    def _names(self) -> Iterator[str]:
        return (path.name for path in self._directory.glob(f"views-v*{SUFFIX}"))


def number_of(name: str) -> str:
    """The last part of ``views-v1-7.sqlite``."""
    return name.removesuffix(SUFFIX).rpartition("-")[2]
