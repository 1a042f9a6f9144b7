"""An engine in memory that keeps the whole contract of the port without a single process.

The command line says how a run behaves, so that a story reads in one place:

    exit N                  ends by itself with code N as soon as it may go
    run                     runs until told; ends by the stop signal
    handle N                as run, but the stop signal makes it end with code N
    linger MS               handles the stop signal and ends with code 0 that much later
    ignore                  ignores the stop signal, so that only SIGKILL ends it
    unkillable              ignores the stop signal and survives SIGKILL (uninterruptible sleep)

Anything else is ``run``. Time stands still but for ``advance``. ``FakeMachine`` is what outlives
the service: ``FakeEngine(machine)`` is a service's view of it, a second one recovers what is there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from application.engine import Node, RunKey, RunPhase, RunSpec, RunStatus, StopNote, StopOrder
from application.nodes import check_node
from domain.errors import Refused, Unavailable, Unknown
from domain.events import Exit, RunHandle
from domain.states import StopStep

SIGKILL: Final = 9
GO_DEADLINE_MS: Final = 60_000
NODES: Final = (Node("n1", 4),)
BOOT_ID: Final = "5b0f2c0e-0000-4000-8000-000000000001"


@dataclass
class FakeRun:
    """One run on the machine: its status, what was ordered, and what falls due."""

    spec: RunSpec
    status: RunStatus
    prepared_at_ms: int
    went: int = 0
    order: StopOrder | None = None
    ordered_at_ms: int = 0
    kill_due_ms: int | None = None
    limit_due_ms: int | None = None
    end_due_ms: int | None = None
    end_code: int = 0
    signals: list[int] = field(default_factory=list)

    @property
    def behaviour(self) -> tuple[str, int]:
        """The word and the number of the command line."""
        word, _, number = self.spec.command.partition(" ")
        return word, int(number) if number.isdigit() else 0


@dataclass
class FakeMachine:
    """Runs and clock. Lives on when a service dies."""

    runs: dict[RunKey, FakeRun] = field(default_factory=dict)
    kept: set[RunKey] = field(default_factory=set)
    now_ms: int = 0
    pid: int = 1000
    engines: list["FakeEngine"] = field(default_factory=list)

    def tell(self, status: RunStatus) -> None:
        """Report to every service that is alive and follows."""
        for engine in self.engines:
            engine.receive(status)

    def advance(self, ms: int) -> None:
        """Let time pass: what falls due, in order, happens at its own moment."""
        end = self.now_ms + ms
        while due := self._next_due(end):
            self.now_ms, run = due
            self._fall_due(run, self.now_ms)
        self.now_ms = end

    def perform(self, run: FakeRun, order: StopOrder) -> None:
        """Carry out an order on a run that runs."""
        if order.step is StopStep.KILL:
            run.order, run.ordered_at_ms = order, self.now_ms
            self.kill(run)
            return
        run.signals.append(order.signal)
        due = self.now_ms + order.grace_ms
        if run.kill_due_ms is None or due < run.kill_due_ms:
            run.order, run.ordered_at_ms, run.kill_due_ms = order, self.now_ms, due
        word, number = run.behaviour
        if word == "handle":
            self.end(run, Exit(code=number))
        elif word == "linger":
            run.end_due_ms = run.end_due_ms or self.now_ms + number
        elif word not in ("ignore", "unkillable"):
            self.end(run, Exit(signal=order.signal))

    def kill(self, run: FakeRun, *, grace_expired: bool = False, timed_out: bool = False) -> None:
        """SIGKILL to a run."""
        run.signals.append(SIGKILL)
        survivors = 1 if run.behaviour[0] == "unkillable" else 0
        exit_ = Exit() if survivors else Exit(signal=SIGKILL)
        run.status = replace(run.status, killed=1, survivors=survivors, timed_out=timed_out)
        self.end(run, exit_, grace_expired=grace_expired)

    def end(self, run: FakeRun, exit_: Exit, *, grace_expired: bool = False) -> None:
        """A run's group is empty, or its survivors have been counted."""
        run.kill_due_ms = run.limit_due_ms = run.end_due_ms = None
        stop = None
        if run.order:
            after = self.now_ms - run.ordered_at_ms
            killed, survivors = run.status.killed, run.status.survivors
            order = run.order
            stop = StopNote(order.request_id, order.step, grace_expired, after, killed, survivors)
        run.status = replace(run.status, phase=RunPhase.ENDED, exit=exit_, stop=stop)
        self.tell(run.status)

    def never_ran(self, run: FakeRun, reason: str, stop: StopNote | None = None) -> None:
        """A run is given up before anything of it ran."""
        run.status = replace(
            run.status, phase=RunPhase.ENDED, never_ran=True, reason=reason, stop=stop
        )
        self.tell(run.status)

    def _next_due(self, end_ms: int) -> tuple[int, FakeRun] | None:
        dues = [(at, run) for run in self.runs.values() for at in _dues(run)]
        return min((d for d in dues if d[0] <= end_ms), key=lambda d: d[0], default=None)

    def _fall_due(self, run: FakeRun, at: int) -> None:
        if run.status.phase is RunPhase.PREPARED:
            self.never_ran(run, "no word to go within the deadline")
        elif run.end_due_ms == at:
            self.end(run, Exit(code=0))
        elif run.kill_due_ms == at:
            self.kill(run, grace_expired=True)
        else:
            self.kill(run, timed_out=True)


class FakeEngine:
    """``Engine`` in memory. ``unavailable`` and ``refuse_prepare`` make it fail as a real one may.

    ``meanwhile``: what happens elsewhere while a keeper is prepared.

    ``acts`` lists what was really done, in order: (prepare, go, abandon, signal or kill; and the
    key). A repeated call that the contract turns into nothing is not in it.
    """

    def __init__(
        self, machine: FakeMachine | None = None, *, nodes: tuple[Node, ...] = NODES
    ) -> None:
        self.machine = machine or FakeMachine()
        self.acts: list[tuple[str, RunKey]] = []
        self.unavailable = False
        self.refuse_prepare: str = ""
        self.meanwhile: Callable[[RunKey], Awaitable[None]] = nothing_happens
        self._nodes = nodes
        self._queue: asyncio.Queue[RunStatus | None] = asyncio.Queue()
        self._closed = False
        self.machine.engines.append(self)

    # --- the port ---------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        return "fake"

    @property
    def nodes(self) -> tuple[Node, ...]:
        return self._nodes

    async def recover(self) -> tuple[RunStatus, ...]:
        self._answer()
        there = self.machine.runs.items()
        found = tuple(run.status for key, run in there if key not in self.machine.kept)
        for status in found:
            if status.phase in (RunPhase.ENDED, RunPhase.LOST):
                self.receive(status)
        return found

    async def prepare(self, key: RunKey, spec: RunSpec) -> RunHandle:
        self._answer()
        if self.refuse_prepare:
            raise Refused(self.refuse_prepare, code="run_refused")
        known = self.machine.runs.get(key)
        if known and known.status.handle and not gives_way(known.status, spec.node):
            return known.status.handle
        check_node(self._nodes, spec.node)
        if known:
            await self.abandon(key)
        self.machine.pid += 1
        handle = RunHandle(self.name, BOOT_ID, self.machine.pid, self.machine.now_ms, f"w{key.job}")
        status = RunStatus(key, RunPhase.PREPARED, handle, node=spec.node)
        self.machine.runs[key] = FakeRun(spec, status, self.machine.now_ms)
        self.machine.kept.discard(key)
        self.acts.append(("prepare", key))
        await self.meanwhile(key)
        return handle

    async def go(self, key: RunKey) -> None:
        self._answer()
        run = self._run(key)
        if run.status.phase is not RunPhase.PREPARED:
            return
        run.went += 1
        self.acts.append(("go", key))
        run.status = replace(run.status, phase=RunPhase.RUNNING)
        if run.spec.time_limit_ms:
            run.limit_due_ms = self.machine.now_ms + run.spec.time_limit_ms
        word, number = run.behaviour
        if word == "exit":
            self.machine.end(run, Exit(code=number))

    async def abandon(self, key: RunKey) -> None:
        self._answer()
        run = self._run(key)
        if run.status.phase is RunPhase.PREPARED:
            self.acts.append(("abandon", key))
            self.machine.never_ran(run, "abandoned before it was told to go")

    async def stop(self, key: RunKey, order: StopOrder) -> None:
        self._answer()
        run = self._run(key)
        over = run.status.phase in (RunPhase.ENDED, RunPhase.LOST)
        if (order.request_id, order.step) in run.status.orders or over:
            return
        orders = (*run.status.orders, (order.request_id, order.step))
        run.status = replace(run.status, orders=orders)
        if run.status.phase is RunPhase.PREPARED:
            note = StopNote(order.request_id, order.step, False, 0, 0, 0)
            self.machine.never_ran(run, "stopped before it was told to go", note)
            return
        self.acts.append((order.step.value, key))
        self.machine.perform(run, order)

    async def status(self, key: RunKey) -> RunStatus | None:
        self._answer()
        run = None if key in self.machine.kept else self.machine.runs.get(key)
        return run.status if run else None

    async def runs_of(self, job: int) -> tuple[RunStatus, ...]:
        self._answer()
        found = {key: run for key, run in self.machine.runs.items() if key.job == job}
        return tuple(run.status for key, run in found.items() if key not in self.machine.kept)

    async def reports(self) -> AsyncIterator[RunStatus]:
        while (status := await self._queue.get()) is not None:
            yield status

    async def keep(self, key: RunKey) -> None:
        self._answer()
        if is_over(self.machine.runs.get(key)):
            self.machine.kept.add(key)

    async def forget(self, job: int) -> None:
        self._answer()
        mine = [key for key in self.machine.runs if key.job == job]
        for key in mine:
            if self.machine.runs[key].status.phase in (RunPhase.PREPARED, RunPhase.RUNNING):
                raise Refused(f"run {key} has not ended", code="run_not_ended")
        for key in mine:
            del self.machine.runs[key]

    async def close(self, *, stop_tasks: bool = False) -> None:
        if self._closed:
            return
        for run in list(self.machine.runs.values()) if stop_tasks else []:
            await self.abandon(run.status.key)
            await self.stop(run.status.key, StopOrder("service-stopped", StopStep.KILL, SIGKILL, 0))
        self.vanish()

    # --- what a test does to it -------------------------------------------------------------------

    def vanish(self) -> None:
        """The service is gone (``kill -9``): it hears nothing more, the machine goes on."""
        self._closed = True
        if self in self.machine.engines:
            self.machine.engines.remove(self)
        self._queue.put_nowait(None)

    def receive(self, status: RunStatus) -> None:
        """The machine tells this service."""
        self._queue.put_nowait(status)

    def advance(self, ms: int) -> None:
        """Let the machine's time pass."""
        self.machine.advance(ms)

    def finish(self, key: RunKey, code: int = 0) -> None:
        """The command line ends by itself with ``code``."""
        self.machine.end(self._running(key), Exit(code=code))

    def crash(self, key: RunKey, signal: int) -> None:
        """The command line is ended by a signal that nobody here sent."""
        self.machine.end(self._running(key), Exit(signal=signal))

    def lose(self, key: RunKey, reason: str = "the warden died") -> None:
        """The run's keeper dies, or the machine restarts."""
        run = self._run(key)
        never = run.status.phase is RunPhase.PREPARED
        run.kill_due_ms = run.limit_due_ms = run.end_due_ms = None
        run.status = replace(run.status, phase=RunPhase.LOST, reason=reason, never_ran=never)
        self.machine.tell(run.status)

    def end_survivors(self, key: RunKey) -> None:
        """What outlived SIGKILL ends at last."""
        run = self._run(key)
        run.status = replace(run.status, survivors_gone=True)
        self.machine.tell(run.status)

    def signals(self, key: RunKey) -> list[int]:
        """The signals the run was sent, in order."""
        return self._run(key).signals

    # --- inside -----------------------------------------------------------------------------------

    def _answer(self) -> None:
        if self.unavailable or self._closed:
            raise Unavailable("the fake engine does not answer")

    def _run(self, key: RunKey) -> FakeRun:
        run = self.machine.runs.get(key)
        if run is None:
            raise Unknown(f"no such run: {key}", code="unknown_run")
        return run

    def _running(self, key: RunKey) -> FakeRun:
        run = self._run(key)
        assert run.status.phase is RunPhase.RUNNING, f"{key} is {run.status.phase}, not running"
        return run


async def nothing_happens(_: RunKey) -> None:
    """While a keeper is prepared."""


def is_over(run: FakeRun | None) -> bool:
    """Whether nothing more will be told of it."""
    if run is None or run.status.phase not in (RunPhase.ENDED, RunPhase.LOST):
        return False
    left = run.status.stop.survivors if run.status.stop else run.status.survivors
    return not left or run.status.survivors_gone


def gives_way(status: RunStatus, node: str) -> bool:
    """Whether a run may be prepared anew on ``node``: nothing of it ran, nor does it wait there."""
    waits_elsewhere = status.phase is RunPhase.PREPARED and status.node != node
    return status.never_ran or waits_elsewhere


def _dues(run: FakeRun) -> list[int]:
    if run.status.phase is RunPhase.PREPARED:
        return [run.prepared_at_ms + GO_DEADLINE_MS]
    return [at for at in (run.end_due_ms, run.kill_due_ms, run.limit_due_ms) if at is not None]
