"""Building views anew from the stream, beside those in use, and putting them in their place."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from application.ports import CaughtUp, Clock, EventLog, Journal, Reporter
from application.projector import Projector
from application.view_store import Difference, ViewFiles
from application.view_writer import ViewWriter
from domain.errors import Conflict, Corrupt, CountermandError, Refused

TOLD_EVENTS: Final = 5000
"""How often a build tells how far it has come."""

SHORT_EVENTS: Final = 10_000
"""A stream that is no longer is simply followed from its beginning."""

Told = Callable[[int, int], None]
"""Told the position reached and the one to reach."""

Build = Callable[[str, Told], Awaitable[None]]
"""Fills the views of a name with the whole stream as it is at the call; told how far it is."""


class Rebuilt(Struct, frozen=True):
    """How a rebuild ended.

    ``position``: what the new views are true for. ``compared``: whether the old ones were at the
    same position, so that they could be compared; ``differences``: where they differed.
    """

    position: int
    compared: bool
    differences: tuple[Difference, ...]


class RebuildStatus(Struct, frozen=True):
    """A rebuild under way, or the last one. ``result`` or ``error`` tells how it ended."""

    began_at: datetime
    position: int = 0
    last: int = 0
    ended_at: datetime | None = None
    result: Rebuilt | None = None
    error: str = ""

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self.ended_at is None


async def fill(log: EventLog, writer: ViewWriter, told: Told, until: int | None = None) -> None:
    """Fold the stream from the writer's position on, up to ``until`` or its end now.

    Raises ``Corrupt`` at what cannot be folded; what came before it is stored.
    """
    last = (await log.identity()).last if until is None else until
    next_told = writer.position
    async with aclosing(log.read(writer.position)) as items:
        async for item in items:
            if isinstance(item, CaughtUp) or writer.position >= last:
                break
            events = tuple(x for x in item if x.position <= last)
            await asyncio.to_thread(writer.apply, events)
            if writer.position >= next_told:
                told(writer.position, last)
                next_told = writer.position + TOLD_EVENTS
    told(writer.position, last)


class ViewBuilder:
    """Puts views in place at the start, and rebuilds them when asked, one rebuild at a time.

    ``status``: of the rebuild under way, else of the last one; None when there was none.
    """

    def __init__(
        self,
        log: EventLog,
        journal: Journal,
        projector: Projector,
        files: ViewFiles,
        build: Build,
        clock: Clock,
        reporter: Reporter,
    ) -> None:
        self._log = log
        self._journal = journal
        self._projector = projector
        self._files = files
        self._build = build
        self._clock = clock
        self._reporter = reporter
        self._asked = asyncio.Event()
        self._in_place = False
        self.status: RebuildStatus | None = None

    async def run(self) -> None:
        """One of the service's parts: until cancelled."""
        if not self._in_place:
            await self._first()
            self._in_place = True
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._rebuild()

    async def ask(self) -> RebuildStatus:
        """Begin a rebuild. Raises ``Conflict`` while one is under way.

        Raises ``Refused`` while the stream is behind the journal: what the stream has lost would be
        lost from the views too.
        """
        if self.status is not None and self.status.running:
            raise Conflict("the views are being rebuilt already; wait until that has ended")
        identity = await self._log.identity()
        mark = await asyncio.to_thread(self._journal.mark)
        if mark is not None and identity.last < mark.position:
            raise Refused(
                f"the stream ends at {identity.last}, but the journal holds events up to "
                f"{mark.position}: the views are not rebuilt from a stream that has lost events",
                code="stream_behind_journal",
            )
        self.status = RebuildStatus(self._clock.now(), last=identity.last)
        self._asked.set()
        return self.status

    # --- how --------------------------------------------------------------------------------------

    async def _first(self) -> None:
        """The views there are; new ones, when there are none that can be used."""
        store = await asyncio.to_thread(self._files.current)
        if store is not None:
            await asyncio.to_thread(self._files.switch, store.name)  # what a crash left goes
            await self._projector.put(ViewWriter(store))
            return
        last = (await self._log.identity()).last
        if last > SHORT_EVENTS:
            self._reporter("views_are_built", events=last)
            self.status = RebuildStatus(self._clock.now(), last=last)
            await self._rebuild()
            return
        name = await asyncio.to_thread(self._files.begin)
        writer = ViewWriter(await asyncio.to_thread(self._files.open, name))
        await asyncio.to_thread(self._files.switch, name)
        await self._projector.put(writer)

    async def _rebuild(self) -> None:
        """Build beside, switch, and tell how it went."""
        name = await asyncio.to_thread(self._files.begin)
        try:
            stopped = await self._built(name)
            result = await self._switched(name)
            self._end(result, stopped)
        except CountermandError as error:
            await asyncio.to_thread(self._files.discard, name)
            self._end(None, error.message)
            if not self._in_place:
                raise  # without views: the part is started again
        except BaseException:
            self._files.discard(name)
            raise

    async def _built(self, name: str) -> str:
        """Fill the new views; what stopped them on the way, or ""."""
        try:
            await self._build(name, self._told)
        except Corrupt as error:
            return error.message
        return ""

    async def _switched(self, name: str) -> Rebuilt:
        """Bring the new views to where the old ones stand, compare, and put them in place."""
        async with self._projector.held() as old:
            new = ViewWriter(await asyncio.to_thread(self._files.open, name))
            try:
                if old is not None and new.position < old.position:
                    await fill(self._log, new, self._told, old.position)
                comparable = old is not None and old.position == new.position
                differences: tuple[Difference, ...] = ()
                if old is not None and comparable:
                    differences = await asyncio.to_thread(old.store.differences, new.store)
                await asyncio.to_thread(self._files.switch, name)
            except BaseException:
                new.store.close()
                raise
            await self._projector.put(new)
        if old is not None:
            await asyncio.to_thread(old.store.close)
        return Rebuilt(new.position, comparable, differences)

    def _told(self, position: int, last: int) -> None:
        if self.status is not None:
            self.status = replace(self.status, position=position, last=last)

    def _end(self, result: Rebuilt | None, error: str) -> None:
        if self.status is not None:
            now = self._clock.now()
            self.status = replace(self.status, ended_at=now, result=result, error=error)
        self._reporter("views_rebuilt", position=self._projector.position, trouble=error or "none")
