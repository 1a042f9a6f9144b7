"""What the tests of the local engine have in common: runs, orders, and looking at what is there."""

import asyncio
import os
import re
from pathlib import Path
from typing import Final

from adapters.engines.local.accounts import MARKER
from adapters.engines.local.engine import LocalEngine
from adapters.engines.local.procfs import Process
from application.engine import Node, RunKey, RunSpec, RunStatus, StopOrder
from domain.events import RunHandle
from domain.states import StopStep
from tests.support.processes import carrying, written
from tests.support.waiting import eventually

KEY: Final = RunKey(17, 1, 0, 1)
SIGTERM: Final = 15
SIGKILL: Final = 9
DEADLINE_SECONDS: Final = 20.0
LONG_MS: Final = 600_000


class Bench:
    """One runs directory, and the engines that use it one after the other."""

    def __init__(self, directory: Path, use_cgroups: bool) -> None:
        self.directory = directory
        self.use_cgroups = use_cgroups
        self._open: list[LocalEngine] = []

    def engine(
        self,
        *,
        task_account: str = "nobody",
        allow_root_tasks: bool = False,
        run_as_accounts: frozenset[str] = frozenset(),
        kill_deadline_seconds: float = 5.0,
        go_deadline_seconds: float = 60.0,
        cgroup_parent: str = "",
    ) -> LocalEngine:
        engine = LocalEngine(
            self.directory,
            nodes=(Node("n1", 2),),
            task_account=task_account,
            allow_root_tasks=allow_root_tasks,
            run_as_accounts=run_as_accounts,
            use_cgroups=self.use_cgroups,
            cgroup_parent=cgroup_parent,
            kill_deadline_seconds=kill_deadline_seconds,
            go_deadline_seconds=go_deadline_seconds,
        )
        self._open.append(engine)
        return engine

    async def clear(self) -> None:
        """Close every engine, then stop what a last one finds."""
        for engine in self._open:
            await engine.close()
        last = self.engine()
        await last.recover()
        await last.close(stop_tasks=True)

    async def started(
        self, engine: LocalEngine, command: str, key: RunKey = KEY, work_directory: str = ""
    ) -> RunHandle:
        """A run that was told to go, and that has written ``ready`` if its command does so."""
        handle = await engine.prepare(key, RunSpec(command, {}, "n1", work_directory))
        await engine.go(key)
        if "echo ready" in command:
            await self.says(handle, "ready")
        return handle

    async def says(self, handle: RunHandle, text: str) -> None:
        """Wait until the run has written ``text``."""
        output = self.directory / handle.warden / "output.head"
        await eventually(lambda: text in written(output), f"output {text!r}")

    def work(self, handle: RunHandle) -> Path:
        return self.directory / handle.warden / "work"

    def notes(self, handle: RunHandle) -> str:
        return written(self.directory / handle.warden / "notes")

    def cgroup(self, handle: RunHandle) -> str:
        """The directory of the run's cgroup, "" without one."""
        found = re.search(r'"cgroup":"([^"]*)"', self.notes(handle))
        return found[1] if found is not None else ""

    def has_cgroup(self, handle: RunHandle) -> bool:
        """Whether the run's cgroup is still there."""
        return os.path.exists(self.cgroup(handle))

    def leader(self, handle: RunHandle) -> int:
        """The pid of the run's first process."""
        found = re.search(r'"leader_pid":(\d+)', self.notes(handle))
        assert found is not None, "the run was not told to go"
        return int(found[1])

    async def noted(self, handle: RunHandle, note: str) -> None:
        """Wait until the warden has noted something."""
        await eventually(lambda: f'"note":"{note}"' in self.notes(handle), f"note {note}")

    def noted_at_ms(self, handle: RunHandle, note: str) -> int:
        found = re.search(rf'"note":"{note}","at_ms":(\d+)', self.notes(handle))
        assert found is not None, f"{note} is not noted"
        return int(found[1])


def members(handle: RunHandle) -> list[Process]:
    """Living processes of the run, wherever they went."""
    return carrying(f"{MARKER}={handle.warden}")


async def report(engine: LocalEngine) -> RunStatus:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await anext(engine.reports())


def gently(request: str = "r1", grace_ms: int = LONG_MS) -> StopOrder:
    return StopOrder(request, StopStep.SIGNAL, SIGTERM, grace_ms)


def at_once(request: str = "r1") -> StopOrder:
    return StopOrder(request, StopStep.KILL, SIGKILL, 0)
