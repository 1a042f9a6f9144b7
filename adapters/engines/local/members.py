"""Who belongs to a run, and how all of them are signalled with none slipping away.

Everything a run starts stays below the warden, which is a child subreaper: also what forks twice or
changes its session. A cgroup, where there is one, adds that the group can be stopped and killed at
one moment. Standard library only: part of the warden.
"""

from __future__ import annotations

import os
import signal
import time

from adapters.engines.local.cgroups import Cgroup
from adapters.engines.local.procfs import Process, children, descendants, process, send_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

HOLD_SECONDS_MAX: Final = 0.2
"""Longest wait until everything stands still, so that no fork is missed; then it is done anyway."""

PAUSE_SECONDS: Final = 0.0005

Identity = tuple[int, int]


class Members:
    """All processes below ``root``. Every signal goes through a pidfd: never to a recycled pid."""

    def __init__(self, root: int, cgroup: Cgroup | None, *, list_children: bool) -> None:
        self.cgroup = cgroup
        self.killed: set[Identity] = set()
        self._root = root
        self._list_children = list_children
        self._to_continue: dict[Identity, Process] = {}

    def living(self) -> list[Process]:
        """Every process of the run that has not ended."""
        found = {p.pid: p for p in self._below()}
        for pid in self._in_cgroup():
            if pid not in found and (one := process(pid)) is not None:
                found[pid] = one
        return [p for p in found.values() if p.living]

    def children(self) -> list[int]:
        """Pids of the root's own children, zombies included."""
        if self._list_children:
            return children(self._root)
        return [p.pid for p in self._below() if p.parent == self._root]

    def signal(self, number: int) -> int:
        """Send a signal to every process once; how many there were. What was stopped goes on."""
        self._hold()
        try:
            return sum(send_signal(one, number) for one in self.living())
        finally:
            self._let_go()

    def kill(self) -> int:
        """SIGKILL to every process; how many have been sent it so far. May be repeated."""
        self._hold()
        try:
            found = self.living()
            if self.cgroup is not None:
                self.cgroup.kill()
            for one in found:
                send_signal(one, signal.SIGKILL)
            self.killed |= {one.identity for one in found}
        finally:
            self._let_go()
        return len(self.killed)

    def _below(self) -> list[Process]:
        return descendants(self._root, list_children=self._list_children)

    def _in_cgroup(self) -> list[int]:
        return self.cgroup.pids() if self.cgroup is not None else []

    def _hold(self) -> None:
        """Let nothing of the run go on, so that a walk sees all of it.

        The cgroup is frozen, unseen by its processes; those outside of it get SIGSTOP, again and
        again until no new one appears.
        """
        deadline = time.monotonic() + HOLD_SECONDS_MAX
        self._to_continue = {p.identity: p for p in self._below() if p.stopped}
        if self.cgroup is not None:
            self.cgroup.freeze()
        while self._stop_the_rest() and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)

    def _stop_the_rest(self) -> bool:
        """SIGSTOP to what still goes on; whether there was any."""
        frozen = set(self._in_cgroup())
        going = [p for p in self._below() if p.living and not p.stopped and p.pid not in frozen]
        for one in going:
            if one.identity not in self._to_continue:
                self._to_continue[one.identity] = one
                send_signal(one, signal.SIGSTOP)
        return bool(going)

    def _let_go(self) -> None:
        """Children first: a stopped process group whose parent ends gets SIGHUP from the kernel."""
        held, self._to_continue = self._to_continue, {}
        for one in reversed(self._below()) if held else ():
            if held.pop(one.identity, None) is not None:
                send_signal(one, signal.SIGCONT)
        for one in held.values():
            send_signal(one, signal.SIGCONT)
        if self.cgroup is not None:
            self.cgroup.thaw()


def wait_status(pid: int) -> tuple[int | None, int | None] | None:
    """How a child ended, (code, signal), leaving it a zombie; None while it lives."""
    found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if found is None:
        return None
    by_itself = found.si_code == os.CLD_EXITED
    return (found.si_status, None) if by_itself else (None, found.si_status)
