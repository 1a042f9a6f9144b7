"""What a warden does: keep one run, from the word to go to the last process of it.

Standard library only. The order is always the same: note it, sync the note, do it, note what came
of it, sync, tell. Once the run goes, no service is needed: grace periods and limits run here.

A run ends when its whole group is empty. The leader's exit is noted when it happens, but while
something it left in the background lives, the run goes on.
"""

from __future__ import annotations

import os
import time

from adapters.engines.local import procfs
from adapters.engines.local.drain import Drain
from adapters.engines.local.launch import (
    REASON_BYTES_MAX,
    Launched,
    Spec,
    admit,
    launch,
)
from adapters.engines.local.members import Members, wait_status
from adapters.engines.local.notebook import Notebook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

ORDERS_MAX: Final = 1000
KILL_AGAIN_SECONDS: Final = 0.01
SURVIVORS_LOOK_SECONDS: Final = 0.5


class Order:
    """A stop that is being carried out; ``grace_expired`` once its grace period ran out."""

    def __init__(self, request: str, step: str) -> None:
        self.request = request
        self.step = step
        self.began = time.monotonic()
        self.grace_expired = False


class Keeper:
    """One run. ``phase`` is prepared, running, killing, outlived (survivors counted) or over."""

    def __init__(self, spec: Spec, notebook: Notebook, members: Members, oom_score: str) -> None:
        self.phase = "prepared"
        self.due: dict[str, float] = {}
        self.drain: Drain | None = None
        self.errors = -1
        self._spec, self._notes, self._members = spec, notebook, members
        self._oom_score = oom_score
        self._leader = 0
        self._exit: tuple[int | None, int | None] | None = None
        self._reason = ""
        self._orders: set[tuple[str, str]] = set()
        self._order: Order | None = None
        self._kill_began = 0.0
        self._survivors = 0
        self._timed_out = False
        self._set("go", spec.go_ms / 1000)

    # --- commands ---------------------------------------------------------------------------------

    def obey(self, word: str, arguments: list[str]) -> str:
        """Carry out a command; what was wrong with it, or ""."""
        match word, arguments:
            case "go", []:
                self.go()
            case "abandon", []:
                self.never_ran("abandoned before the word to go; nothing ran")
            case "stop", [request, step, number, grace_ms]:
                return self.stop(bytes.fromhex(request).decode(), step, int(number), int(grace_ms))
            case "flush", []:
                if self.drain is not None:
                    self.drain.finish()
            case _:
                return f"unknown command {word}"
        return ""

    def go(self) -> None:
        """Start the command line, at most once; the note is durable before it runs."""
        if self.phase != "prepared":
            return
        try:
            launched = launch(self._spec, self._oom_score)
        except OSError as error:
            self.never_ran(f"no process could be made: {error}; nothing ran")
            return
        self.phase = "running"
        self._cancel("go")
        self._leader = launched.pid
        self._start(launched)

    def _start(self, launched: Launched) -> None:
        found = procfs.process(launched.pid)
        ticks = found.start_ticks if found else 0
        self._notes.add("go", leader_pid=launched.pid, leader_ticks=ticks)
        self._notes.sync()
        self.drain, self.errors = Drain(launched.output), launched.errors
        if not admit(self._members.cgroup, launched):
            self._members.cgroup = None
        if self._spec.limit_ms:
            self._set("limit", self._spec.limit_ms / 1000)

    def stop(self, request: str, step: str, number: int, grace_ms: int) -> str:
        """Perform an order unless it was performed before."""
        if (request, step) in self._orders or self.phase == "over":
            return ""
        if len(self._orders) >= ORDERS_MAX:
            return "too many orders"
        self._orders.add((request, step))
        self._notes.add("ordered", request=request, step=step, signal=number, grace_ms=grace_ms)
        self._notes.sync()
        if self.phase == "prepared":
            self._order = Order(request, step)
            self.never_ran("stopped before the word to go; nothing ran")
        elif step == "kill":
            self._kill_for(Order(request, step))
        elif self.phase == "running":
            self._signal(Order(request, step), number, grace_ms)
        return ""

    def _signal(self, order: Order, number: int, grace_ms: int) -> None:
        """The earlier end of two grace periods holds."""
        due = order.began + grace_ms / 1000
        if due < self.due.get("grace", float("inf")):
            self._order = order
            self.due["grace"] = due
        count = self._members.signal(number)
        self._notes.add("signalled", signal=number, processes=count)

    def _kill_for(self, order: Order) -> None:
        """A kill overtakes a grace period; where a kill is under way it changes nothing."""
        if self.phase == "running" or self._order is None:
            self._order = order
        self.kill()

    # --- time -------------------------------------------------------------------------------------

    def fall_due(self) -> None:
        """Do what is due by now."""
        now = time.monotonic()
        for name in [name for name, at in self.due.items() if at <= now]:
            del self.due[name]
            match name:
                case "go":
                    self.never_ran("no word to go within the deadline; nothing ran")
                case "grace":
                    if self._order is not None:
                        self._order.grace_expired = True
                    self._notes.add("grace_expired")
                    self.kill()
                case "limit":
                    self._timed_out = True
                    self._notes.add("limit")
                    self.kill()
                case "kill":
                    self._kill_again()
                case _:
                    pass

    def _set(self, name: str, seconds: float) -> None:
        self.due[name] = time.monotonic() + seconds

    def _cancel(self, *names: str) -> None:
        for name in names:
            self.due.pop(name, None)

    # --- killing ----------------------------------------------------------------------------------

    def kill(self) -> None:
        """SIGKILL to everything, and again until nothing is left or the deadline says survivors."""
        if self.phase not in ("running", "killing", "outlived"):
            return
        if self.phase == "running":
            self.phase = "killing"
            self._kill_began = time.monotonic()
            self._notes.sync()
        self._cancel("grace", "limit")
        self._members.kill()
        self._notes.add("killed", processes=len(self._members.killed))
        self._set("kill", KILL_AGAIN_SECONDS)

    def _kill_again(self) -> None:
        living = self._members.living()
        if self.phase == "killing" and self._kill_deadline() <= time.monotonic():
            self._end(len(living))
        if living:
            self._members.kill()
        pause = KILL_AGAIN_SECONDS if self.phase == "killing" else SURVIVORS_LOOK_SECONDS
        self._set("kill", pause)

    def _kill_deadline(self) -> float:
        return self._kill_began + self._spec.kill_ms / 1000

    # --- ends -------------------------------------------------------------------------------------

    def never_ran(self, reason: str) -> None:
        """Give up before anything ran. No effect after the word to go."""
        if self.phase == "prepared":
            self._notes.add("never_ran", reason=reason, **self._stop_fields())
            self._finish()

    def reap(self) -> None:
        """Bury orphans, note the leader's exit, and see whether the group is empty.

        The leader stays a zombie until everything else is gone: its pid, which is also the number
        of its session and process group, cannot become somebody else's meanwhile.
        """
        if self.phase in ("prepared", "over"):
            return
        left = [pid for pid in self._members.children() if pid != self._leader and not _bury(pid)]
        if self._exit is None and (status := wait_status(self._leader)) is not None:
            self._exit = status
            self._notes.add("exit", code=status[0], signal=status[1])
        if not left and self._exit is not None and self._last_is_buried():
            self._emptied()

    def _last_is_buried(self) -> bool:
        """Bury the leader; whether it was really the last one."""
        _bury(self._leader)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return True
        return False

    def _emptied(self) -> None:
        if self.phase != "outlived":
            self._end(0)
        elif self._survivors:
            self._notes.add("survivors_gone")
        self._finish()

    def _end(self, survivors: int) -> None:
        """Note how the run ended; what is left, if anything, is watched until it is gone."""
        self.phase = "outlived"
        self._survivors = survivors
        if self.drain is not None:
            self.drain.finish()
        self.read_errors()
        self._notes.add(
            "ended",
            killed=len(self._members.killed),
            survivors=survivors,
            timed_out=self._timed_out,
            output_bytes=self.drain.total if self.drain else 0,
            reason=self._reason,
            **self._stop_fields(),
        )

    def _stop_fields(self) -> dict[str, str | int | bool | None]:
        order = self._order
        if order is None:
            return {}
        after_ms = 0 if self.phase == "prepared" else round((time.monotonic() - order.began) * 1000)
        return {
            "request": order.request,
            "step": order.step,
            "grace_expired": order.grace_expired,
            "after_ms": after_ms,
        }

    def _finish(self) -> None:
        self.phase = "over"
        self.due.clear()

    def read_errors(self) -> None:
        """Take what the child says about why the command line did not start."""
        if self.errors < 0:
            return
        os.set_blocking(self.errors, False)
        try:
            said = os.read(self.errors, REASON_BYTES_MAX).decode("utf-8", "replace")
        except BlockingIOError:
            return
        self._reason = self._reason or said
        os.close(self.errors)
        self.errors = -1


def _bury(pid: int) -> bool:
    """Reap a child that has ended; False while it lives."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True
