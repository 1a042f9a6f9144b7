"""The local engine: runs as processes of this machine, each under a warden that outlives us.

Its nodes are names with slots, all of them this machine.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from adapters.engines.local import notes
from adapters.engines.local.accounts import Account, Accounts, Exposure, environment, exposure
from adapters.engines.local.cgroups import PREFIX, own_directory
from adapters.engines.local.follower import ERRORS_NAME, Follower, spawn
from adapters.engines.local.notes import ENGINE_NAME, Record
from adapters.engines.local.rundirs import (
    Output,
    check_work_directory,
    kept_output,
    make,
    new_name,
    put_aside,
    read_output,
    remove,
    remove_kept,
    scan,
)
from adapters.engines.local.talk import SPEC_BYTES_MAX
from application.engine import Node, RunKey, RunPhase, RunSpec, RunStatus, StopOrder
from application.nodes import check_node
from domain.errors import Refused, Unavailable, Unknown
from domain.events import RunHandle
from domain.states import StopStep

PREPARE_SECONDS_MAX: Final = 10.0
CLOSE_SECONDS_MARGIN: Final = 3.0
SIGNAL_MAX: Final = 64
SIGKILL: Final = 9
STOPPED_BY_SERVICE: Final = "service-stopped"


class LocalEngine:
    """``Engine`` on this machine's processes.

    ``runs_directory`` holds a directory for each run: notes, output, socket, work directory. It is
    made if it is not there. Beyond the port: ``go``, ``abandon`` and ``stop`` of an unknown run
    raise ``Unknown``; of a run that has ended they do nothing; ``stop`` of a prepared run ends it
    without its ever running. Only one engine may use a directory at a time.

    When the service is root, tasks run as ``task_account``; as root only with ``allow_root_tasks``;
    ``run_as_accounts`` are the further accounts that a run may name. Otherwise they share the
    service's account. Cgroups of runs are made in ``cgroup_parent``, by default the service's own
    cgroup; where that may not be written, runs do without.

    What ``keep`` has put aside is not looked at again, neither now nor at the next start: a sweep
    may leave a hundred thousand runs.

    A run lasts until all of it has ended: a command line that leaves something in the background
    is running until that has ended too. Linux 5.4 or later (pidfds); ``cgroup.kill`` needs 5.14.
    """

    def __init__(
        self,
        runs_directory: Path,
        *,
        nodes: tuple[Node, ...],
        task_account: str = "nobody",
        allow_root_tasks: bool = False,
        run_as_accounts: frozenset[str] = frozenset(),
        use_cgroups: bool = True,
        cgroup_parent: str = "",
        kill_deadline_seconds: float = 5.0,
        go_deadline_seconds: float = 60.0,
    ) -> None:
        self._runs_directory = runs_directory.absolute()
        self._nodes = nodes
        self._accounts = Accounts(task_account, run_as_accounts, allow_root_tasks)
        self._cgroups = (cgroup_parent or own_directory()) if use_cgroups else None
        self._kill_seconds = kill_deadline_seconds
        self._go_seconds = go_deadline_seconds
        self._runs: dict[RunKey, Follower] = {}
        self._locks: dict[RunKey, asyncio.Lock] = {}
        self._reports: asyncio.Queue[RunStatus | None] = asyncio.Queue()
        self._closed = False

    @property
    def name(self) -> str:
        return ENGINE_NAME

    @property
    def nodes(self) -> tuple[Node, ...]:
        return self._nodes

    def account_refused(self, name: str) -> str:
        """Why nothing may run as this account, as a sentence; "" when something may."""
        try:
            self._accounts.resolve(name)
        except Refused as no:
            return no.message
        return ""

    def exposure(self) -> tuple[Exposure, ...]:
        """What tasks could read or do that they should not, for ``doctor``."""
        return exposure(self._accounts, str(self._runs_directory))

    # --- starting ---------------------------------------------------------------------------------

    async def prepare(self, key: RunKey, spec: RunSpec) -> RunHandle:
        self._check_open()
        async with self._lock(key):
            known = self._runs.get(key)
            if known is not None and not await self._give_way(known, spec.node):
                return _handle(known.record)
            follower = await self._spawn(key, spec)
            self._runs[key] = follower
            if known is not None:
                await known.finish()
                await asyncio.to_thread(remove, known.directory, known.record)
            return _handle(follower.record)

    async def _give_way(self, known: Follower, node: str) -> bool:
        """Whether a new keeper may come for the run: nothing of it ran, or will, under this one."""
        status = known.record.status
        if status.phase is RunPhase.PREPARED and status.node != node:
            check_node(self._nodes, node)
            await known.command("abandon")
        return known.record.status.never_ran

    async def _spawn(self, key: RunKey, spec: RunSpec) -> Follower:
        """A follower of a new warden that has noted itself. Raises ``Refused``, ``Unavailable``."""
        check_node(self._nodes, spec.node)
        name = new_name(key)
        directory = self._runs_directory / name
        packed, account = await asyncio.to_thread(self._pack, key, spec, name)
        try:
            await asyncio.to_thread(make, directory, account)
            connection = await asyncio.to_thread(spawn, directory)
            await asyncio.get_running_loop().sock_sendall(connection, packed)
        except OSError as error:
            raise Unavailable(f"a run could not be prepared: {error}") from error
        follower = self._follow(directory, notes.empty(key))
        follower.start(connection)
        await follower.until(lambda record: record.n > 0, PREPARE_SECONDS_MAX)
        if follower.record.status.handle is None:
            await follower.close()
            said = await asyncio.to_thread((directory / ERRORS_NAME).read_text, errors="replace")
            raise Unavailable(f"the warden of run {name} did not start: {said[-500:]}")
        return follower

    def _pack(self, key: RunKey, spec: RunSpec, name: str) -> tuple[bytes, Account]:
        account = self._accounts.resolve(spec.run_as)
        if "\0" in spec.command + spec.work_directory:
            raise Refused("a command line cannot hold a NUL character", code="bad_command")
        check_work_directory(spec.work_directory)
        fields = {
            "cgroup": f"{self._cgroups}/{PREFIX}{name}" if self._cgroups is not None else "",
            "kill_ms": str(round(self._kill_seconds * 1000)),
            "node": spec.node,
            "go_ms": str(round(self._go_seconds * 1000)),
            "limit_ms": str(spec.time_limit_ms),
            "uid": str(account.uid),
            "gid": str(account.gid),
            "groups": " ".join(map(str, account.groups)),
            "directory": spec.work_directory,
            "command": spec.command,
        }
        variables = environment(key, spec, account, name)
        fields |= {f"env {variable}": value for variable, value in variables.items()}
        body = b"".join(os.fsencode(f"{field}\0{value}\0") for field, value in fields.items())
        if len(body) > SPEC_BYTES_MAX:
            raise Refused("command line and environment are too long", code="run_too_large")
        return b"%d\n" % len(body) + body, account

    async def go(self, key: RunKey) -> None:
        await self._known(key).command("go")

    async def abandon(self, key: RunKey) -> None:
        follower = self._known(key)
        if follower.record.status.phase is RunPhase.PREPARED:
            await follower.command("abandon")

    # --- stopping ---------------------------------------------------------------------------------

    async def stop(self, key: RunKey, order: StopOrder) -> None:
        if not 1 <= order.signal <= SIGNAL_MAX:
            raise Refused(f"{order.signal} is not a signal", code="bad_signal")
        request = order.request_id.encode().hex()
        number, grace = str(order.signal), str(max(0, order.grace_ms))
        await self._known(key).command("stop", request, order.step.value, number, grace)

    # --- knowing ----------------------------------------------------------------------------------

    async def status(self, key: RunKey) -> RunStatus | None:
        follower = self._runs.get(key)
        return follower.record.status if follower else None

    async def runs_of(self, job: int) -> tuple[RunStatus, ...]:
        return tuple(x.record.status for key, x in self._runs.items() if key.job == job)

    async def reports(self) -> AsyncIterator[RunStatus]:
        while (status := await self._reports.get()) is not None:
            yield status

    async def output(self, key: RunKey) -> Output:
        """What a run has written so far. Raises ``Unknown``."""
        self._check_open()
        follower = self._runs.get(key)
        if follower is None:
            return await asyncio.to_thread(kept_output, self._runs_directory, key)
        with contextlib.suppress(Unavailable):
            await follower.command("flush")
        return await asyncio.to_thread(read_output, follower.directory, follower.record)

    async def recover(self) -> tuple[RunStatus, ...]:
        self._check_open()
        known = frozenset(self._runs)
        found, others = await asyncio.to_thread(scan, self._runs_directory, known)
        for key, (directory, record) in found.items():
            self._runs[key] = self._follow(directory, record)
            if record.status.phase in (RunPhase.ENDED, RunPhase.LOST):
                self._reports.put_nowait(record.status)
        await asyncio.gather(*(self._runs[key].settle() for key in found))
        await asyncio.gather(*(self._give_up(*other) for other in others))
        return tuple(follower.record.status for follower in self._runs.values())

    async def _give_up(self, directory: Path, record: Record) -> None:
        """End a keeper that another one of the same run has made needless; it never ran."""
        follower = Follower(directory, record, lambda *_: None, self._kill_seconds)
        await follower.settle()
        with contextlib.suppress(Unavailable):
            await follower.command("abandon")
        await follower.finish()
        await asyncio.to_thread(remove, directory, record)

    def _follow(self, directory: Path, record: Record) -> Follower:
        return Follower(directory, record, self._changed, self._kill_seconds)

    def _changed(self, before: Record, after: Record) -> None:
        was, now = before.status, after.status
        if now.handle is None:
            return
        ended = now.phase in (RunPhase.ENDED, RunPhase.LOST)
        if (ended and was.phase is not now.phase) or now.survivors_gone != was.survivors_gone:
            self._reports.put_nowait(now)

    # --- letting go -------------------------------------------------------------------------------

    async def keep(self, key: RunKey) -> None:
        async with self._lock(key):
            follower = self._runs.get(key)
            if follower is None or not follower.record.over:
                return
            await follower.finish()
            await asyncio.to_thread(put_aside, follower.directory, follower.record)
            del self._runs[key]
        self._locks.pop(key, None)

    async def forget(self, job: int) -> None:
        for key in [key for key in self._runs if key.job == job]:
            if not self._runs[key].record.over:
                name = self._runs[key].directory.name
                raise Refused(f"run {name} has not ended", code="run_not_ended")
            await self.keep(key)
        await asyncio.to_thread(remove_kept, self._runs_directory, job)

    async def close(self, *, stop_tasks: bool = False) -> None:
        if self._closed:
            return
        self._closed = True
        if stop_tasks:
            live = [run for run in self._runs.values() if not run.record.over]
            await asyncio.gather(*(self._stop_now(run) for run in live))
        await asyncio.gather(*(run.close() for run in self._runs.values()))
        self._reports.put_nowait(None)

    async def _stop_now(self, follower: Follower) -> None:
        """Kill a run and wait, within bounds, for its end."""
        request = STOPPED_BY_SERVICE.encode().hex()
        with contextlib.suppress(Unavailable):
            await follower.command("stop", request, StopStep.KILL.value, str(SIGKILL), "0")
        seconds = self._kill_seconds + CLOSE_SECONDS_MARGIN
        await follower.until(lambda record: record.status.phase is not RunPhase.RUNNING, seconds)

    # --- inside -----------------------------------------------------------------------------------

    def _known(self, key: RunKey) -> Follower:
        self._check_open()
        follower = self._runs.get(key)
        if follower is None:
            raise Unknown(f"no such run: {key}", code="unknown_run")
        return follower

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the engine is closed", code="engine_unavailable")

    def _lock(self, key: RunKey) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())


def _handle(record: Record) -> RunHandle:
    handle = record.status.handle
    if handle is None:
        raise Unavailable("the run's warden has not noted itself yet")
    return handle
