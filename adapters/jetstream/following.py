"""One consumer at the end of the stream for all that follow it in this process.

Board, journal and views each follow every event. What was there before, each reads by itself; from
the end on they share one reader, which keeps the newest events: an event then comes once over the
connection, and is decoded once.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, TypeAlias

from adapters.jetstream.direct import Raw
from adapters.jetstream.reading import BATCH_EVENTS_MAX, End, Reader
from adapters.jetstream.recent import Recent
from application.ports import CaughtUp, Stored
from domain.errors import Unavailable

Batches: TypeAlias = AsyncGenerator[tuple[Stored, ...], None]

CLOSED: Final = "the log was closed"


class Following:
    """All events for any number of readers, as ``EventLog.read`` gives them with ``follow``."""

    def __init__(self, reader: Reader, recent: Recent) -> None:
        self._reader = reader
        self._recent = recent
        self._live: _Live | None = None
        self._closed = False

    async def read(self, after: int) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        """Events above ``after``, the marker, and what comes. Raises as ``Reader.read``."""
        last = after
        async with aclosing(self._backlog(after)) as items:
            async for item in items:
                last = item.position if isinstance(item, CaughtUp) else item[-1].position
                yield item
        async with aclosing(self._onwards(last)) as batches:
            async for batch in batches:
                yield batch

    async def close(self) -> None:
        """End the shared reader; who follows is told by ``Unavailable``. Idempotent."""
        self._closed = True
        if self._live is not None:
            await self._live.close()

    async def _backlog(self, after: int) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        """What is there now, and the marker; an outage is waited out."""
        async with aclosing(self._reader.read(after, [], follow=True)) as items:
            async for item in items:
                if isinstance(item, End):
                    yield CaughtUp(item.sequence)
                    return
                yield tuple(self._recent.decode(raw) for raw in item)

    async def _onwards(self, last: int) -> Batches:
        live = self._joined(last)
        try:
            while True:
                moved = live.moved
                batch = self._recent.between(last, min(live.position, last + BATCH_EVENTS_MAX))
                if batch:
                    last = batch[-1].position
                    yield batch
                elif live.position > last:  # too far behind: that is not kept any more
                    async with aclosing(self._backlog(last)) as items:
                        async for item in items:
                            if not isinstance(item, CaughtUp):
                                last = item[-1].position
                                yield item
                else:
                    live.check()
                    await moved.wait()
        finally:
            await live.leave()

    def _joined(self, last: int) -> "_Live":
        """The shared reader; a new one begins where this follower is."""
        if self._closed:
            raise Unavailable(CLOSED)
        if self._live is None or self._live.ended:
            self._live = _Live(self._reader, self._recent, last)
        self._live.followers += 1
        return self._live


class _Live:
    """The shared reader: everything up to ``position`` has come; ``moved`` is set at the next."""

    def __init__(self, reader: Reader, recent: Recent, after: int) -> None:
        self.position = after
        self.moved = asyncio.Event()
        self.followers = 0
        self._reader = reader
        self._recent = recent
        self._task = asyncio.create_task(self._run(after), name="follow the stream")

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self._task.done() or self._task.cancelling() > 0

    def check(self) -> None:
        """Pass while it goes on; else raise what ended it."""
        if not self._task.done():
            return
        if self._task.cancelled():
            raise Unavailable(CLOSED)
        raise self._task.exception() or Unavailable(CLOSED)

    async def leave(self) -> None:
        """One follower less; the last one ends it."""
        self.followers -= 1
        if not self.followers:
            await self.close()

    async def close(self) -> None:
        """End it. Idempotent."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self, after: int) -> None:
        try:
            async with aclosing(self._reader.read(after, [], follow=True)) as items:
                async for item in items:
                    if not isinstance(item, End):
                        self._take(item)
        finally:
            self._tell()

    def _take(self, batch: list[Raw]) -> None:
        for raw in batch:
            self._recent.stored(raw)
        self.position = batch[-1].sequence
        self._tell()

    def _tell(self) -> None:
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()
