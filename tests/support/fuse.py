"""A service that can be killed at any append and at any act of its engine, and logs that fail."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Literal, TypeVar

from application.appending import one_by_one
from application.engine import Node, RunKey, RunPhase, RunSpec, RunStatus, StopOrder
from application.ports import Capability, CaughtUp, EventLog, LogIdentity, Stored, Token, Write
from domain.errors import CountermandError, Unavailable
from domain.events import (
    Aggregate,
    NodeReleaseStarted,
    Recorded,
    RunHandle,
    TaskStarted,
    job_aggregate,
)
from tests.support.fake_engine import FakeEngine

T = TypeVar("T")
What = Literal["append", "act", "never"]
When = Literal["before", "after"]


class Fuse:
    """Kills before or after the ``nth`` append or act. From then on nothing gets out any more."""

    def __init__(self, what: What = "never", nth: int = 0, when: When = "before") -> None:
        self.what, self.nth, self.when = what, nth, when
        self.blown = asyncio.Event()
        self.counted = {"append": 0, "act": 0}

    async def guard(self, what: What, do: Callable[[], Awaitable[T]]) -> T:
        """``do()``, unless the service is dead before it, or after it."""
        await self.alive()
        self.counted[what] += 1
        hit = what == self.what and self.counted[what] == self.nth
        if hit and self.when == "before":
            await self._blow()
        result = await do()
        if hit:
            await self._blow()
        await self.alive()
        return result

    async def alive(self) -> None:
        """Pass, or never come back."""
        if self.blown.is_set():
            await self._blow()

    async def _blow(self) -> None:
        self.blown.set()
        await asyncio.Future[None]()


class FusedLog:
    """``EventLog`` in front of another one, through a fuse."""

    def __init__(self, log: EventLog, fuse: Fuse) -> None:
        self._log, self._fuse = log, fuse

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._log.capabilities

    async def identity(self) -> LogIdentity:
        await self._fuse.alive()
        return await self._log.identity()

    async def load(
        self,
        aggregate: Aggregate,
        after: Token = Token(),  # noqa: B008
    ) -> tuple[Stored, ...]:
        await self._fuse.alive()
        return await self._log.load(aggregate, after)

    async def append_each(self, writes: Sequence[Write]) -> list[Token | CountermandError]:
        return await one_by_one(self, writes)

    async def append(self, writes: Sequence[Write]) -> tuple[Token, ...]:
        return await self._fuse.guard("append", lambda: self._log.append(writes))

    def read(
        self, after: int, *, types: frozenset[str] | None = None, follow: bool = False
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        return self._log.read(after, types=types, follow=follow)

    async def close(self) -> None:
        """The log behind lives on."""


class FusedEngine:
    """``Engine`` in front of the fake one, through a fuse.

    ``acts`` (shared by all lives of a service) is what was really done. ``wrong`` is what must
    never happen: a run told to go although its start is not stored.
    """

    def __init__(
        self,
        engine: FakeEngine,
        fuse: Fuse,
        log: EventLog,
        acts: list[tuple[str, RunKey]],
        wrong: list[str],
    ) -> None:
        self.fake, self._fuse, self._log = engine, fuse, log
        self._acts, self._wrong = acts, wrong

    @property
    def name(self) -> str:
        return self.fake.name

    @property
    def nodes(self) -> tuple[Node, ...]:
        return self.fake.nodes

    async def recover(self) -> tuple[RunStatus, ...]:
        await self._fuse.alive()
        return await self.fake.recover()

    async def runs_of(self, job: int) -> tuple[RunStatus, ...]:
        return await self.fake.runs_of(job)

    async def prepare(self, key: RunKey, spec: RunSpec) -> RunHandle:
        return await self._act(lambda: self.fake.prepare(key, spec))

    async def go(self, key: RunKey) -> None:
        await self._act(lambda: self._go(key))

    async def abandon(self, key: RunKey) -> None:
        await self._act(lambda: self.fake.abandon(key))

    async def stop(self, key: RunKey, order: StopOrder) -> None:
        await self._act(lambda: self.fake.stop(key, order))

    async def status(self, key: RunKey) -> RunStatus | None:
        await self._fuse.alive()
        return await self.fake.status(key)

    async def reports(self) -> AsyncIterator[RunStatus]:
        async for status in self.fake.reports():
            await self._fuse.alive()
            yield status

    async def keep(self, key: RunKey) -> None:
        await self._fuse.alive()
        await self.fake.keep(key)

    async def forget(self, job: int) -> None:
        await self._act(lambda: self.fake.forget(job))

    async def close(self, *, stop_tasks: bool = False) -> None:
        await self.fake.close(stop_tasks=stop_tasks)

    async def _act(self, do: Callable[[], Awaitable[T]]) -> T:
        async def noted() -> T:
            before = len(self.fake.acts)
            result = await do()
            self._acts.extend(self.fake.acts[before:])
            return result

        return await self._fuse.guard("act", noted)

    async def _go(self, key: RunKey) -> None:
        run = self.fake.machine.runs.get(key)
        prepared = run is not None and run.status.phase is RunPhase.PREPARED
        handle = run.status.handle if run else None
        if prepared and not await self._written(key, handle):
            self._wrong.append(f"{key} was told to go, but its start is not stored")
        await self.fake.go(key)

    async def _written(self, key: RunKey, handle: RunHandle | None) -> bool:
        return any(
            starts(stored.fact, key, handle)
            for stored in await self._log.load(job_aggregate(key.job))
            if isinstance(stored.fact, Recorded)
        )


def starts(recorded: Recorded, key: RunKey, handle: RunHandle | None) -> bool:
    """Whether this fact is the start of exactly this keeper's run."""
    fact = recorded.data
    if not isinstance(fact, TaskStarted | NodeReleaseStarted) or fact.handle != handle:
        return False
    return any((r.task, r.attempt) == (key.task, key.attempt) for r in fact.runs)


class FailingLog:
    """``EventLog`` whose next appends fail as told: an error, and whether the events are stored.

    ``down``: what every append fails with. ``held``: names of facts that cannot be stored now.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.failures: list[tuple[CountermandError, bool]] = []
        self.down: CountermandError | None = None
        self.held: frozenset[str] = frozenset()
        self.failed = 0

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self._log.capabilities

    async def identity(self) -> LogIdentity:
        return await self._log.identity()

    async def load(
        self,
        aggregate: Aggregate,
        after: Token = Token(),  # noqa: B008
    ) -> tuple[Stored, ...]:
        return await self._log.load(aggregate, after)

    async def append_each(self, writes: Sequence[Write]) -> list[Token | CountermandError]:
        return await one_by_one(self, writes)

    async def append(self, writes: Sequence[Write]) -> tuple[Token, ...]:
        if self.down is not None:
            self.failed += 1
            raise self.down
        names = {type(event.data).__name__ for write in writes for event in write.events}
        if names & self.held:
            self.failed += 1
            raise Unavailable("the log does not answer")
        if self.failures:
            error, stored = self.failures.pop(0)
            self.failed += 1
            if stored:
                await self._log.append(writes)
            raise error
        return await self._log.append(writes)

    def read(
        self, after: int, *, types: frozenset[str] | None = None, follow: bool = False
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        return self._log.read(after, types=types, follow=follow)

    async def close(self) -> None:
        """The log behind lives on."""
