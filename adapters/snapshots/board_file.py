"""Where the board's state lies: one file, checked, and bound to one version of the program.

It is not synced: what a crash tears fails its checksum. Anybody may delete it, at any time.
"""

from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.snapshots.files import NEW, put, read_own
from adapters.snapshots.packing import WRONG, as_bytes, of_bytes, sealed, unsealed
from application.board import BoardState
from application.snapshots import Unfit
from domain.job import Job

MARK: Final = b"countermand board 1\n"
FILE_BYTES_MAX: Final = 128 * 1024 * 1024
"""A board with more on it is read off the stream: its jobs are most of what there is."""


class Packed(Struct, frozen=True):
    """What the bytes hold. ``fold``: the digest of the program that the state was made by."""

    fold: str
    state: BoardState


class BoardFile:
    """``BoardStore`` in a file (0600) in a directory (0700) that is made when it is written."""

    def __init__(self, path: Path, fold: str, *, bytes_max: int = FILE_BYTES_MAX) -> None:
        self._path = path
        self._fold = fold
        self._bytes_max = bytes_max

    def read(self) -> BoardState | None:
        try:
            raw = read_own(self._path, self._bytes_max)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise Unfit(f"its file cannot be read: {error.strerror or error}") from error
        return unpack(raw, self._fold)

    def write(self, state: BoardState) -> None:
        raw = pack(state, self._fold)
        if len(raw) > self._bytes_max:
            raise Unfit(f"it has {len(raw)} bytes; allowed are {self._bytes_max}")
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._tidy()
            put(self._path, raw)
        except OSError as error:
            raise Unfit(f"its file cannot be written: {error.strerror or error}") from error

    def drop(self) -> None:
        try:
            self._path.unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise Unfit(f"its file cannot be removed: {error.strerror or error}") from error

    def _tidy(self) -> None:
        """Nothing stays of what a crash left half-written; nobody else writes here."""
        for left in self._path.parent.glob(f"*{NEW}"):
            with suppress(OSError):
                left.unlink(missing_ok=True)


def pack(state: BoardState, fold: str) -> bytes:
    """The bytes. Raises ``Unfit`` for what would not be read as it is now."""
    try:
        body = msgspec.msgpack.encode(Packed(fold, state), enc_hook=as_bytes)
        jobs = msgspec.msgpack.encode(state.jobs, enc_hook=as_bytes)
        found = msgspec.msgpack.decode(jobs, type=tuple[Job, ...], dec_hook=of_bytes)
    except WRONG as error:
        raise Unfit(f"it cannot be packed: {error}") from error
    if found != state.jobs:  # the rest are numbers, times and texts
        raise Unfit("it would not be read as it was written")
    return sealed(MARK, body)


def unpack(raw: bytes, fold: str) -> BoardState:
    """The state. Raises ``Unfit`` for anything but one of this program."""
    try:
        found = msgspec.msgpack.decode(unsealed(MARK, raw), type=Packed, dec_hook=of_bytes)
    except WRONG as error:
        raise Unfit(f"it cannot be read: {error}") from error
    if found.fold != fold:
        raise Unfit("it was written by another version of the program")
    return found.state
