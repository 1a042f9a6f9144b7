"""Processes as /proc shows them. Standard library only: the warden uses it too."""

from __future__ import annotations

import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

PROCESSES_MAX: Final = 100_000
"""A walk stops here: more processes than a kernel allows by default."""


class Process:
    """One process. (``pid``, ``start_ticks``) names it for the time since boot."""

    __slots__ = ("parent", "pid", "session", "start_ticks", "state", "threads")

    def __init__(
        self, pid: int, start_ticks: int, parent: int, session: int, state: str, threads: int
    ) -> None:
        self.pid = pid
        self.start_ticks = start_ticks
        self.parent = parent
        self.session = session
        self.state = state
        self.threads = threads

    @property
    def identity(self) -> tuple[int, int]:
        """Differs from that of every other process since boot."""
        return self.pid, self.start_ticks

    @property
    def living(self) -> bool:
        """Not a zombie; one whose main thread has ended while others run is living."""
        return self.state not in "ZX" or self.threads > 1

    @property
    def stopped(self) -> bool:
        """Stopped by a signal or a tracer."""
        return self.state in "Tt"


def boot_id() -> str:
    """Names the time since the machine started."""
    return read_text("/proc/sys/kernel/random/boot_id").strip()


def read_text(path: str) -> str:
    """A file of /proc or a cgroup as text. Raises ``OSError``."""
    return read_bytes(path).decode("utf-8", "surrogateescape")


def read_bytes(path: str) -> bytes:
    """A whole small file, without the cost of a buffered reader."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        parts = []
        while part := os.read(fd, 65536):
            parts.append(part)
        return b"".join(parts)
    finally:
        os.close(fd)


def process(pid: int) -> Process | None:
    """The process with that pid, or None when there is none."""
    try:
        stat = read_bytes(f"/proc/{pid}/stat")
    except OSError:
        return None
    fields = stat[stat.rindex(b")") + 2 :].split()
    parent, session, threads, start = (int(fields[i]) for i in (1, 3, 17, 19))
    return Process(pid, start, parent, session, fields[0].decode(), threads)


def is_alive(pid: int, start_ticks: int) -> bool:
    """Whether that very process is there and living: not a later one with the same pid."""
    found = process(pid)
    return found is not None and found.start_ticks == start_ticks and found.living


def all_pids() -> list[int]:
    """Every process this one may see."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children(pid: int) -> list[int]:
    """Children of every thread of ``pid``, zombies included. May miss one while others exit."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, read_bytes(f"/proc/{pid}/task/{thread}/children").split())
    except OSError:
        pass
    return found


def has_children_files() -> bool:
    """Whether the kernel lists children; else ``descendants`` reads every process there is."""
    return os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def descendants(root: int, *, list_children: bool) -> list[Process]:
    """Every process below ``root``, zombies included, parents before children."""
    table = None if list_children else _children_by_parent()
    found: list[Process] = []
    pids = children(root) if table is None else table.get(root, [])
    while pids and len(found) < PROCESSES_MAX:
        below: list[int] = []
        for pid in pids:
            if (one := process(pid)) is not None:
                found.append(one)
                below += children(pid) if table is None else table.get(pid, [])
        pids = below
    return found


def _children_by_parent() -> dict[int, list[int]]:
    table: dict[int, list[int]] = {}
    for pid in all_pids():
        if (one := process(pid)) is not None:
            table.setdefault(one.parent, []).append(pid)
    return table


def send_signal(target: Process, number: int) -> bool:
    """Signal that very process through a pidfd; False when it is gone or may not be signalled."""
    try:
        pidfd = os.pidfd_open(target.pid)
    except OSError:
        return False
    try:
        now = process(target.pid)
        if now is None or now.start_ticks != target.start_ticks:
            return False
        signal.pidfd_send_signal(pidfd, number)
    except OSError:
        return False
    else:
        return True
    finally:
        os.close(pidfd)
