"""Keeps the views up with the stream, for the service's life.

What cannot be folded stops the views where it lies: they stay true for the position before it, and
say so. Commands go on without them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Final

from application.ports import CaughtUp, EventLog, Reporter, Stored
from application.view_writer import ViewWriter
from application.views import ViewReader
from domain.errors import Corrupt, CountermandError, Unavailable
from projections.tally import CountKey

RETRY_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.25
LOOK_SECONDS_WANTED: Final = 0.02
"""How often views that another service writes are looked at; the second while somebody waits."""

CHECK_SECONDS: Final = 0.5
"""How often who writes makes sure that it still is the one."""

RESTS: Final = 3
REST_SECONDS_MIN: Final = 0.01
REST_SECONDS_MAX: Final = 1.0
PAUSE_SECONDS_MAX: Final = 0.05
"""Between two batches the views rest so many times as long as the first took, and before each a
little: commands, and what follows from them, have the processor first, and what comes meanwhile is
one batch. As soon as somebody waits for the views only the pause is left of it, which is as long as
the batch took at most."""

FULL_EVENTS: Final = 1000
"""So many are in a batch when there are more. Source: ``EventLog.read``."""

BEHIND_SECONDS_MAX: Final = 5.0
"""When there have been more for so long, there are no rests but the pause."""


class Projector:
    """Follows the stream into the views that are in place; ``run`` is one of the service's parts.

    Where services share views, one of them writes; the others look at what is stored, and one of
    them goes on when that one is gone.

    ``failure``: why they go no further now, or None. ``caught_up``: whether they have ever reached
    the end that the stream had.
    """

    def __init__(self, log: EventLog, reporter: Reporter) -> None:
        self._log = log
        self._reporter = reporter
        self._writer: ViewWriter | None = None
        self._reader: ViewReader | None = None
        self._turn = asyncio.Lock()
        self._moved = asyncio.Condition()
        self._put = asyncio.Event()
        self._wanted = asyncio.Event()
        self._waiting = 0
        self.failure: CountermandError | None = None
        self.caught_up = False

    @property
    def position(self) -> int:
        """The views are true for the stream up to here; 0 while there are none."""
        return self._writer.position if self._writer else 0

    @property
    def name(self) -> str | None:
        """Which views are in place; None while there are none."""
        return self._writer.store.name if self._writer else None

    @property
    def stopped(self) -> str | None:
        """Where the views stand and why they go no further now, in words; None while they do."""
        if self.failure is None:
            return None
        return f"the views stopped at position {self.position}: {self.failure.message}"

    @property
    def counts(self) -> Mapping[CountKey, int]:
        """All totals at this position."""
        return self._writer.counts if self._writer else {}

    @property
    def reader(self) -> ViewReader:
        """Answers from the views. Raises ``Unavailable`` while there are none."""
        if self._reader is None and self.failure is not None:
            raise Unavailable(self.failure.message, code=self.failure.code)
        if self._reader is None:
            raise Unavailable("the views are being built from the stream", code="views_building")
        return self._reader

    async def run(self) -> None:
        """Follow until cancelled. Damage is waited at, until other views are put in place."""
        if self._writer is not None:
            self._put.set()
        while True:
            await self._put.wait()
            self._put.clear()
            try:
                await self._follow()
            except Corrupt as error:
                self._reporter("views_stopped", position=self.position, reason=error.message)
                await self._fail(error)
            except CountermandError as error:
                await self._wait_out(error)
            except Exception as error:  # a defect: told, and tried again like an outage
                await self._wait_out(Unavailable(f"the views wait: {error!r}"))

    async def wait_for(self, position: int, timeout_seconds: float) -> bool:
        """Whether the views reach ``position`` within the time; at once no, when they stopped."""
        if self.position >= position:
            return True
        self._waiting += 1
        self._wanted.set()
        try:
            async with asyncio.timeout(timeout_seconds), self._moved:
                await self._moved.wait_for(
                    lambda: self.position >= position or self.failure is not None
                )
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._wanted.clear()
        return self.position >= position

    async def wait_in_place(self, timeout_seconds: float) -> None:
        """Return when there are views, or the time is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_seconds), self._moved:
                await self._moved.wait_for(lambda: self._reader is not None)

    @asynccontextmanager
    async def held(self) -> AsyncIterator[ViewWriter | None]:
        """The views in place, standing still as long as this lasts; None for none."""
        async with self._turn:
            yield self._writer

    async def put(self, writer: ViewWriter) -> None:
        """Put views in place; instead of others within ``held``, and at their position or later."""
        self._writer, self._reader = writer, writer.store.reader()
        self.failure = None
        self._put.set()
        await self._notify()

    async def missing(self, error: CountermandError) -> None:
        """There are no views yet, and that is why."""
        if self._writer is None:
            await self._fail(error)

    def close(self) -> None:
        """Release the file, when ``run`` has ended. Idempotent."""
        if self._writer is not None:
            self._writer.store.close()

    async def _follow(self) -> None:
        """Until other views are in place, or for ever."""
        writer = await self._our_turn()
        if writer is None:
            return
        reading = asyncio.create_task(self._read())
        try:
            while not reading.done():
                await asyncio.wait({reading}, timeout=CHECK_SECONDS)
                async with self._turn:  # not in the middle of a batch
                    if self._writer is not writer:
                        await ended(reading)
                        return
                    await asyncio.to_thread(writer.store.check_writing)
            await reading
        finally:
            await ended(reading)

    async def _our_turn(self) -> ViewWriter | None:
        """The views in place, when it is this service that writes them; None for other views."""
        while (writer := self._writer) is not None and not self._put.is_set():
            async with self._turn:
                ours = await asyncio.to_thread(writer.store.may_write)
                await asyncio.to_thread(writer.load if ours else writer.look)
            if ours:
                return writer
            self.failure = None
            await self._notify()
            await asyncio.sleep(LOOK_SECONDS_WANTED)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wanted.wait()
        return None

    async def _read(self) -> None:
        """Take what the stream holds from here on."""
        now = asyncio.get_running_loop().time
        pause = rest = current = now()
        async with aclosing(self._log.read(self.position, follow=True)) as items:
            async for item in items:
                if isinstance(item, CaughtUp):
                    self.caught_up = True
                else:
                    await self._rest(pause, max(rest, now() + REST_SECONDS_MIN))
                    began = now()
                    if not await self._take(item):
                        return
                    took = now() - began
                    current = now() if len(item) < FULL_EVENTS else current
                    long = RESTS if now() - current < BEHIND_SECONDS_MAX else 0
                    pause = now() + min(took, PAUSE_SECONDS_MAX)
                    rest = now() + min(long * took, REST_SECONDS_MAX)
                self.failure = None
                await self._notify()

    async def _rest(self, pause: float, rest: float) -> None:
        """Before a batch, until these moments; not while there is a backlog."""
        if not self.caught_up:
            return
        now = asyncio.get_running_loop().time
        await asyncio.sleep(max(pause - now(), 0))
        with suppress(TimeoutError):
            async with asyncio.timeout_at(rest):
                await self._wanted.wait()

    async def _take(self, events: Sequence[Stored]) -> bool:
        """Fold a batch; no, when other views are in place now."""
        async with self._turn:
            if self._writer is None or self._put.is_set():
                return False
            await asyncio.to_thread(self._writer.apply, events)
            return True

    async def _wait_out(self, error: CountermandError) -> None:
        """An outage is told once, and it is tried again until it is over."""
        if self.failure is None or self.failure.message != error.message:
            self._reporter("views_wait", position=self.position, reason=error.message)
        await self._fail(error)
        await asyncio.sleep(RETRY_SECONDS)
        self._put.set()

    async def _fail(self, error: CountermandError) -> None:
        self.failure = error
        await self._notify()

    async def _notify(self) -> None:
        async with self._moved:
            self._moved.notify_all()


async def ended(task: asyncio.Task[None]) -> None:
    """Have it end; how is told to who awaits it."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
