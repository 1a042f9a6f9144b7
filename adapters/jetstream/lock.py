"""The data directory's lock: one service, one nats-server.

Two nats-servers open the same store without complaint and ruin it. The lock is an flock on an open
file that the embedded nats-server inherits, so it is held until both have ended.
"""

import asyncio
import fcntl
import os
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from domain.errors import Misconfigured

LOCK_FILE: Final = "lock"
ORPHAN_WAIT_SECONDS: Final = 10.0
"""How long a nats-server may take to end after its service was killed."""

ALIVE_WAIT_SECONDS: Final = 0.5
"""A service that was just killed takes a moment to be gone."""

POLL_SECONDS: Final = 0.05
PROC_STAT_START: Final = 19
"""Place of the start time among the fields of /proc/PID/stat that follow the command."""


class Holder(Struct, frozen=True):
    """Who holds the lock: a process, told from a later one with its pid by its start time."""

    pid: int
    start_ticks: int


class DataLock:
    """An exclusive lock on a data directory, held until ``release``."""

    def __init__(self, directory: Path, handle: int) -> None:
        self.directory = directory
        self._handle: int | None = handle

    @classmethod
    async def acquire(
        cls, directory: Path, wait_seconds: float = ORPHAN_WAIT_SECONDS
    ) -> "DataLock":
        """Lock ``directory``, which is made (0700) if it is not there.

        Waits up to ``wait_seconds`` for a nats-server that outlived its service. Raises
        ``Misconfigured``, after half a second, when the service that holds the lock is alive.
        """
        path = directory / LOCK_FILE
        handle = _open(path)
        try:
            await _wait_for(handle, path, wait_seconds)
            _write_holder(handle, Holder(os.getpid(), start_ticks(os.getpid()) or 0))
        except BaseException:
            os.close(handle)
            raise
        return cls(directory, handle)

    def fileno(self) -> int:
        """The open file; a child that inherits it holds the lock too."""
        if self._handle is None:
            raise ValueError("the lock was released")
        return self._handle

    def release(self) -> None:
        """Let go. Idempotent. A child that inherited the file goes on holding it."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _open(path: Path) -> int:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


async def _wait_for(handle: int, path: Path, wait_seconds: float) -> None:
    began = time.monotonic()
    while not _try_lock(handle):
        holder, waited = _read_holder(path), time.monotonic() - began
        if holder is not None and is_alive(holder) and waited >= ALIVE_WAIT_SECONDS:
            raise Misconfigured(
                f"{path.parent} is in use by process {holder.pid}: stop that service first,"
                " or choose another data directory"
            )
        if waited >= max(wait_seconds, ALIVE_WAIT_SECONDS):
            raise Misconfigured(
                f"{path.parent} is locked although its service has ended: its nats-server still"
                f" runs. Find it with 'fuser {path}' and end it with SIGTERM"
            )
        await asyncio.sleep(POLL_SECONDS)


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_holder(path: Path) -> Holder | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Holder)
    except (OSError, msgspec.MsgspecError):
        return None


def _write_holder(handle: int, holder: Holder) -> None:
    os.ftruncate(handle, 0)
    os.pwrite(handle, msgspec.json.encode(holder) + b"\n", 0)


def is_alive(holder: Holder) -> bool:
    """Whether that very process, not a later one with its pid, is there."""
    return start_ticks(holder.pid) == holder.start_ticks


def start_ticks(pid: int) -> int | None:
    """When a process began, in clock ticks since boot; None when it is not there or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[PROC_STAT_START])
