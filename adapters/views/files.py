"""Which file holds the views: a new one is built beside the old one, then a pointer is switched.

``DIR/views.json`` names the file in use. A file of another version, of another log, or one that is
damaged counts as none; the views are built anew from the stream then.
"""

import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.durable_file import write_durably
from adapters.views.store import SqliteViewStore
from domain.errors import CountermandError, Unavailable
from projections.version import VIEWS_VERSION

POINTER: Final = "views.json"
PREFIX: Final = "views-v"
SUFFIX: Final = ".sqlite"
BESIDE: Final = ("-wal", "-shm")
NAME_BYTES: Final = 6


class Pointer(Struct, frozen=True):
    """The file in use."""

    file: str


class SqliteViewFiles:
    """``ViewFiles`` in a directory of their own (0700), which is made when views are begun.

    ``log_id``: the log that the events are from.
    """

    def __init__(self, directory: Path, log_id: str) -> None:
        self._directory = directory
        self._log_id = log_id

    def current(self) -> SqliteViewStore | None:
        name = self._pointed_at()
        try:
            if name is None or not self._has_something(name):
                return None
            return self._usable(SqliteViewStore(self._directory / name, self._log_id, made=True))
        except (CountermandError, OSError):
            return None

    def in_use(self) -> str | None:
        return self._pointed_at()

    def begin(self) -> str:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"{self._directory} cannot be made: {error.strerror}") from error
        self._keep_only(self._pointed_at())
        # by chance: the process of a killed service may still have the last one open
        return f"{PREFIX}{VIEWS_VERSION}-{secrets.token_hex(NAME_BYTES)}{SUFFIX}"

    def open(self, name: str) -> SqliteViewStore:
        try:
            return SqliteViewStore(self._directory / name, self._log_id)
        except OSError as error:
            raise Unavailable(f"{name} cannot be opened: {error.strerror}") from error

    def path(self, name: str) -> Path:
        """Where the file of this name is."""
        return self._directory / name

    def switch(self, name: str, still_read: str | None = None) -> None:
        try:
            self._point_at(name)
        except OSError as error:
            raise Unavailable(f"{name} cannot be put in use: {error.strerror}") from error
        self._keep_only(name, still_read)

    def tidy(self) -> None:
        self._keep_only(self._pointed_at())

    def close(self) -> None:
        """Nothing is held open."""

    def discard(self, name: str) -> None:
        if name == self._pointed_at():
            return
        for end in (*BESIDE, ""):
            with suppress(OSError):
                (self._directory / f"{name}{end}").unlink()

    def _point_at(self, name: str) -> None:
        """Durably: another name or this one, whole."""
        write_durably(self._directory / POINTER, msgspec.json.encode(Pointer(name)))

    def _keep_only(self, *names: str | None) -> None:
        """Whatever belongs to other views goes, also what is left of a file that went halfway.

        What cannot be removed does no harm.
        """
        kept = {f"{name}{end}" for name in names if name is not None for end in ("", *BESIDE)}
        for path in self._directory.glob(f"{PREFIX}*"):
            if path.name not in kept:
                with suppress(OSError):
                    path.unlink()

    def _has_something(self, name: str) -> bool:
        path = self._directory / name
        return path.name == name and path.is_file() and path.stat().st_size > 0

    def _usable(self, store: SqliteViewStore) -> SqliteViewStore | None:
        """The store, when it is of this version and of this log, and whole."""
        try:
            made = (store.version, store.log_id)
            if made == (VIEWS_VERSION, self._log_id) and store.complete:
                return store
        except CountermandError:
            store.close()
            raise
        store.close()
        return None

    def _pointed_at(self) -> str | None:
        try:
            return msgspec.json.decode((self._directory / POINTER).read_bytes(), type=Pointer).file
        except (OSError, msgspec.MsgspecError):
            return None
