"""The data directory's disk: how much is free, and a reserve that is given up when none is.

The reserve is a file that occupies space. When the disk fills up it is removed, so that what is
under way can still be written down; it comes back when there is room again.
"""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from application.ports import Reporter
from application.room import Disk

ROOM_TO_COME_BACK: Final = 4
SEEN_SECONDS: Final = 0.02


class DiskReserve:
    """``DIR/reserve`` of ``reserve_bytes``, on the disk of the data directory."""

    def __init__(self, directory: Path, reserve_bytes: int, reporter: Reporter) -> None:
        self._file = directory / "reserve"
        self._directory = directory
        self._bytes = reserve_bytes
        self._reporter = reporter
        self._held = False
        self._seen: tuple[float, Disk] | None = None
        self._why_not = ""
        self._take()

    def look(self) -> Disk:
        """Bytes free now; gives the reserve up, or takes it back, as the disk demands."""
        free = free_bytes(self._directory)
        if self._held and free < self._bytes // 2:
            self._give_up(free)
            free = free_bytes(self._directory)
        elif not self._held and free >= self._bytes * ROOM_TO_COME_BACK:
            self._take()
            free = free_bytes(self._directory)
        if self._held:
            return Disk(free, self._bytes, self._bytes)
        needed = self._bytes * ROOM_TO_COME_BACK
        return Disk(free, needed, 0, self._why_not if free >= needed else "")

    def seen(self) -> Disk:
        """As ``look``, at most ``SEEN_SECONDS`` ago: each command asks, and each look at the disk
        lets another thread go first."""
        now = time.monotonic()
        if self._seen is None or now - self._seen[0] > SEEN_SECONDS:
            self._seen = (now, self.look())
        return self._seen[1]

    def _give_up(self, free: int) -> None:
        self._file.unlink(missing_ok=True)
        self._held = False
        self._reporter("disk_reserve_given_up", free_bytes=free)

    def _take(self) -> None:
        if not self._bytes:
            return
        try:
            handle = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(handle, 0, self._bytes)
            finally:
                os.close(handle)
            self._held, self._why_not = True, ""
        except OSError as error:
            with suppress(OSError):
                self._file.unlink()
            self._not_taken(error.strerror or str(error))

    def _not_taken(self, why: str) -> None:
        """Told once: it is tried again and again."""
        if why != self._why_not:
            self._why_not = why
            self._reporter("disk_reserve_not_taken", reason=why)


def free_bytes(directory: Path) -> int:
    """Bytes that the service may still write on the disk of ``directory``."""
    return free_and_size_bytes(directory)[0]


def free_and_size_bytes(directory: Path) -> tuple[int, int]:
    """As ``free_bytes``, and all bytes that the disk has. Raises ``OSError``."""
    found = os.statvfs(directory)
    blocks = found.f_bfree if os.geteuid() == 0 else found.f_bavail
    return blocks * found.f_frsize, found.f_blocks * found.f_frsize
