"""The mark in a file: two slots, written in turn, each with a checksum, each synced.

A slot that was torn by a crash leaves the other one, which is older by one writing. Each is a line
of JSON, to be read by people too.
"""

import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.durable_file import write_durably
from application.ports import Mark
from domain.errors import Misconfigured, StoreFull, Unavailable

SLOT_BYTES: Final = 512
"""A sector: what a disk writes in one piece."""

SLOTS: Final = 2


class Slot(Struct, frozen=True):
    """What a slot holds. ``check``: SHA-256 (hex) of the others."""

    log_id: str
    position: int
    sha256: str
    check: str

    @property
    def whole(self) -> bool:
        """Whether it is what was written."""
        return self.check == check_of(Mark(self.log_id, self.position, self.sha256))


def check_of(mark: Mark) -> str:
    """The checksum of a slot."""
    text = f"{mark.log_id}\n{mark.position}\n{mark.sha256}"
    return hashlib.sha256(text.encode()).hexdigest()


class FileMark:
    """``MarkFile`` at a path; its directory is made when it is written. Safe from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._turn = 0
        self._lock = threading.Lock()

    def read(self) -> Mark | None:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Misconfigured(f"the mark {self.path} cannot be read: {error.strerror}") from error
        found = {n: slot for n, part in enumerate(parts_of(raw)) if (slot := slot_of(part))}
        if not found:
            raise Misconfigured(
                f"the mark {self.path} is damaged: restore it, or move it away to have it made "
                "anew from the stream, which then has one witness less"
            )
        place = max(found, key=lambda n: found[n].position)
        self._turn = (place + 1) % SLOTS
        newest = found[place]
        return Mark(newest.log_id, newest.position, newest.sha256)

    def write(self, mark: Mark) -> None:
        with self._lock:
            try:
                self._put(self._turn, mark)
            except OSError as error:
                words = f"the mark {self.path} cannot be written: {error.strerror}"
                if error.errno == errno.ENOSPC:
                    raise StoreFull(words) from error
                raise Unavailable(words) from error
            self._turn = (self._turn + 1) % SLOTS

    def begin(self, mark: Mark) -> None:
        """A new file with this mark alone, in place of the one there was, whole or not at all."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self.path, line_of(mark) * SLOTS)
        except OSError as error:
            raise Unavailable(f"the mark {self.path} cannot be made: {error.strerror}") from error

    def _put(self, slot: int, mark: Mark) -> None:
        handle = os.open(self.path, os.O_WRONLY)
        try:
            os.pwrite(handle, line_of(mark), slot * SLOT_BYTES)
            os.fdatasync(handle)
        finally:
            os.close(handle)


def line_of(mark: Mark) -> bytes:
    """A slot's bytes."""
    slot = Slot(mark.log_id, mark.position, mark.sha256, check_of(mark))
    return msgspec.json.encode(slot).ljust(SLOT_BYTES - 1) + b"\n"


def parts_of(raw: bytes) -> list[bytes]:
    """The slots' bytes."""
    return [raw[n * SLOT_BYTES : (n + 1) * SLOT_BYTES] for n in range(SLOTS)]


def slot_of(raw: bytes) -> Slot | None:
    """A slot, if it is whole."""
    try:
        slot = msgspec.json.decode(raw, type=Slot)
    except msgspec.MsgspecError:
        return None
    return slot if slot.whole else None
