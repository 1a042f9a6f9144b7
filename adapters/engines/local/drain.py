"""A run's output, kept in bounds: the first and the last 64 KiB, and how much there was.

Standard library only: part of the warden.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

KEPT_BYTES: Final = 64 * 1024
"""Kept of the beginning, and again of the end."""

READ_BYTES: Final = 64 * 1024
LAST_READS_MAX: Final = 64
"""At the end of a run at most this often more is read: somebody may hold the pipe open."""


class Drain:
    """Reads a pipe so that its writers never wait. Memory and disk stay below three times 64 KiB.

    ``output.head`` is written as it comes, ``output.tail`` (what came after the head) when asked.
    """

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.total = 0
        self.open = True
        self._tail = bytearray()
        self._head = os.open("output.head", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def read(self) -> bool:
        """Take what is there, at most ``READ_BYTES``; False when there was nothing."""
        try:
            data = os.read(self.fd, READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self.open = False
            return False
        self._keep(data)
        return True

    def finish(self) -> None:
        """Take what is there by now, and bring both files up to date."""
        for _ in range(LAST_READS_MAX):
            if not self.open or not self.read():
                break
        self._write_tail()

    def _write_tail(self) -> None:
        """A full disk costs the output, nothing else."""
        try:
            fd = os.open("output.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, self._tail[-KEPT_BYTES:])
            finally:
                os.close(fd)
            os.rename("output.new", "output.tail")
        except OSError:
            pass

    def _keep(self, data: bytes) -> None:
        room = max(0, KEPT_BYTES - self.total)
        self.total += len(data)
        if room:
            self._write_head(data[:room])
        self._tail += data[room:]
        if len(self._tail) > 2 * KEPT_BYTES:
            del self._tail[:-KEPT_BYTES]

    def _write_head(self, data: bytes) -> None:
        try:
            os.write(self._head, data)
        except OSError:
            return
