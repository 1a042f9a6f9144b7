"""Keeps the journal up with the log: follows it from the journal's mark on.

What has been copied goes to the tail, for everybody who follows the events.
"""

import asyncio
from contextlib import aclosing
from typing import Final

from application.ports import CaughtUp, EventLog, Journal, Stored
from application.tail import Tail
from domain.errors import Unavailable

PACE_SECONDS: Final = 0.005
"""Who follows the events has each of them at most so much later."""


class JournalKeeper:
    """Copies every event of the log to the journal. ``run`` is a task for the service's life."""

    def __init__(self, log: EventLog, journal: Journal, tail: Tail) -> None:
        mark = journal.mark()
        if mark is None:
            raise ValueError("the journal belongs to no log: compare first")
        self._log = log
        self._journal = journal
        self._tail = tail
        tail.begin(mark.position)
        self._position = mark.position
        self._caught_up = False
        self._advanced = asyncio.Condition()
        self._failure: BaseException | None = None

    @property
    def position(self) -> int:
        """Every event up to here is in the journal, synced."""
        return self._position

    @property
    def failure(self) -> BaseException | None:
        """Why ``run`` ended the last time; None while it runs."""
        return self._failure

    @property
    def caught_up(self) -> bool:
        """Whether what was in the log when ``run`` began has been copied."""
        return self._caught_up

    async def run(self) -> None:
        """Copy, without end. Raises ``Corrupt`` when the log does not continue the journal.

        A journal that cannot be written ends this too (``StoreFull``, ``Unavailable``): events go
        on being stored in the log, and a new run copies them.
        """
        self._failure = None
        try:
            async with aclosing(self._log.read(self._position, follow=True)) as items:
                async for item in items:
                    if isinstance(item, CaughtUp):
                        self._caught_up = True
                    else:
                        await self._copy(item)
                    self._tail.going_on()
                    await self._rest()
        except BaseException as error:
            await self._fail(error)
            raise

    async def wait_for(self, position: int, deadline_seconds: float) -> None:
        """Return when the journal holds ``position``. Raises ``Unavailable`` after the deadline."""
        try:
            async with asyncio.timeout(deadline_seconds), self._advanced:
                await self._advanced.wait_for(lambda: self._reached(position))
        except TimeoutError as error:
            raise Unavailable(
                f"the journal is at {self._position}, and not at {position} in time"
            ) from error
        if self._position < position:
            raise Unavailable(f"the journal stopped at {self._position}: {self._failure}")

    def _reached(self, position: int) -> bool:
        return self._position >= position or self._failure is not None

    async def _copy(self, events: tuple[Stored, ...]) -> None:
        await asyncio.to_thread(self._journal.append, events)
        self._tail.add(events)
        async with self._advanced:
            self._position = events[-1].position
            self._advanced.notify_all()

    async def _rest(self) -> None:
        """At the end of the log, so that events that come soon share a synced commit."""
        if self._caught_up:
            await asyncio.sleep(PACE_SECONDS)

    async def _fail(self, error: BaseException) -> None:
        self._tail.stopped(error)
        async with self._advanced:
            self._failure = error
            self._advanced.notify_all()
