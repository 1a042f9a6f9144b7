"""Building views anew from the stream, beside those in use, and putting them in their place."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from application.ports import CaughtUp, Clock, EventLog, Journal, Reporter
from application.projector import Projector
from application.view_store import Comparison, Difference, ViewFiles
from application.view_writer import ViewWriter
from domain.errors import Conflict, Corrupt, CountermandError, Refused, Unavailable

TOLD_EVENTS: Final = 5000
"""How often a build tells how far it has come."""

SHORT_EVENTS: Final = 10_000
"""A stream that is no longer is simply followed from its beginning."""

AGAIN_SECONDS_MIN: Final = 0.5
AGAIN_SECONDS_MAX: Final = 60.0
"""How long a service without views waits before it tries to build them again."""

BUILT_ELSEWHERE: Final = "views_built_elsewhere"
"""The code while another service builds the views that both will use."""

COMPARE_TRIES_MAX: Final = 20
"""How often new views are brought to where others have the old ones by now."""

OLD_ONES_SECONDS: Final = 10.0
"""How long new views wait for the old ones to come as far, so that both can be compared."""

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

    ``short_events``: a stream that is no longer is followed, not built. ``status``: of the rebuild
    under way, else of the last one; None when there was none.
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
        short_events: int = SHORT_EVENTS,
    ) -> None:
        self._log = log
        self._journal = journal
        self._short_events = short_events
        self._projector = projector
        self._files = files
        self._build = build
        self._clock = clock
        self._reporter = reporter
        self._asked = asyncio.Event()
        self._in_place = False
        self.status: RebuildStatus | None = None

    async def run(self) -> None:
        """One of the service's parts: until cancelled. Views never keep anything else from going
        on: what goes wrong with them is reported, and stands in ``status``."""
        pause = AGAIN_SECONDS_MIN
        while not self._in_place:
            try:
                await self._first()
                self._in_place = True
            except CountermandError as error:
                self._reporter("views_not_built", reason=error.message)
                elsewhere = error.code == BUILT_ELSEWHERE
                if not elsewhere:
                    await self._projector.missing(error)
                await asyncio.sleep(pause)
                pause = AGAIN_SECONDS_MIN if elsewhere else min(pause * 2, AGAIN_SECONDS_MAX)
        while True:
            await self._asked.wait()
            self._asked.clear()
            with suppress(CountermandError):  # the old ones stay
                await self._rebuild()

    async def ask(self) -> RebuildStatus:
        """Begin a rebuild. Raises ``Conflict`` while one is under way.

        Raises ``Refused`` while the stream is behind the journal: what the stream has lost would be
        lost from the views too.
        """
        self._refuse_second()
        mark = await asyncio.to_thread(self._journal.mark)
        identity = await self._log.identity()  # after the mark: both go on meanwhile
        if mark is not None and identity.last < mark.position:
            raise Refused(
                f"the stream ends at {identity.last}, but the journal holds events up to "
                f"{mark.position}: the views are not rebuilt from a stream that has lost events",
                code="stream_behind_journal",
            )
        self._refuse_second()  # nor while this was looked up
        self.status = RebuildStatus(self._clock.now(), last=identity.last)
        self._asked.set()
        return self.status

    def _refuse_second(self) -> None:
        if not self._in_place or (self.status is not None and self.status.running):
            raise Conflict("the views are being built already; wait until that has ended")

    # --- how --------------------------------------------------------------------------------------

    async def _first(self) -> None:
        """The views there are; new ones, when there are none that can be used."""
        last = (await self._log.identity()).last
        writer = await asyncio.to_thread(self._opened)
        if writer is not None and await self._is_ahead(writer, last):
            writer = None
        if writer is not None:
            await self._projector.put(writer)
        elif last > self._short_events:
            self._reporter("views_are_built", events=last)
            self.status = RebuildStatus(self._clock.now(), last=last)
            await self._rebuild()
        else:
            await self._projector.put(await asyncio.to_thread(self._begun))

    async def _is_ahead(self, writer: ViewWriter, last: int) -> bool:
        """Whether the views know what the stream has not: then they are closed.

        Another service may write them: the stream is asked again before that is believed.
        """
        store = writer.store
        try:
            if writer.position > last:
                last = (await self._log.identity()).last
        except BaseException:
            store.close()
            raise
        if writer.position <= last:
            return False
        self._reporter("views_are_ahead", file=store.name, position=writer.position, last=last)
        store.close()
        return True

    def _opened(self) -> ViewWriter | None:
        """The views in use, as far as they can be read; what a crash left beside them goes."""
        store = self._files.current()
        if store is None:
            return None
        try:
            writer = ViewWriter(store)
            self._files.tidy()
        except Corrupt as error:
            self._reporter("views_are_damaged", file=store.name, reason=error.message)
            store.close()
            return None
        except BaseException:
            store.close()
            raise
        return writer

    def _begun(self) -> ViewWriter:
        """New views, in use from the beginning."""
        name = self._files.begin()
        store = self._files.open(name)
        try:
            writer = ViewWriter(store)
            self._files.switch(name)
        except BaseException:
            store.close()
            raise
        return writer

    async def _rebuild(self) -> None:
        """Build beside, switch, and tell how it went. Raises what kept it from ending well."""
        name = ""
        try:
            name = await asyncio.to_thread(self._files.begin)
            stopped = await self._built(name)
            result = await self._switched(name)
        except CountermandError as error:
            await self._given_up(name, error)
            raise
        except Exception as error:  # a defect
            await self._given_up(
                name, defect := Unavailable(f"the views were not built: {error!r}")
            )
            raise defect from error
        self._end(result, stopped)

    async def _given_up(self, name: str, error: CountermandError) -> None:
        """Nothing of it stays."""
        if name:
            await asyncio.to_thread(self._files.discard, name)
        self._end(None, error.message)

    async def _built(self, name: str) -> str:
        """Fill the new views; what stopped them on the way, or ""."""
        try:
            await self._build(name, self._told)
        except Corrupt as error:
            return error.message
        return ""

    async def _switched(self, name: str) -> Rebuilt:
        """Compare the new views with the old ones, and put them in their place."""
        new = ViewWriter(await asyncio.to_thread(self._files.open, name))
        try:
            differences = await self._compared(new)
            async with self._projector.held() as old:
                await self._caught_up(new, old)
                still_read = None if old is None else old.store.name
                await asyncio.to_thread(self._files.switch, name, still_read)
                await self._projector.put(new)
        except BaseException:
            new.store.close()
            raise
        if old is not None:  # only now: a reader's next connection would open an empty file
            await asyncio.to_thread(old.store.close)
            await asyncio.to_thread(self._files.discard, old.store.name)
        return Rebuilt(new.position, differences is not None, differences or ())

    async def _compared(self, new: ViewWriter) -> tuple[Difference, ...] | None:
        """Where both differ at one position, while the old ones go on; None for no such position.

        The old ones stand still only until the new ones have reached them.
        """
        if self._in_place:
            await self._projector.wait_for(new.position, OLD_ONES_SECONDS)  # unless they stopped
        async with self._projector.held() as old:
            comparison = None if old is None else await self._at_one_position(new, old)
        if comparison is None:
            return None
        try:
            return await asyncio.to_thread(comparison.differences)
        finally:
            comparison.close()

    async def _at_one_position(self, new: ViewWriter, old: ViewWriter) -> Comparison | None:
        """Both as they are at one position; None when they do not come to one. Where another
        service writes the old ones they may go on meanwhile."""
        for _ in range(COMPARE_TRIES_MAX):
            with suppress(CountermandError):  # whether they can be compared is seen below
                await asyncio.to_thread(old.look)
            await self._caught_up(new, old)
            if old.position != new.position:
                return None
            comparison = await asyncio.to_thread(old.store.comparison, new.store)
            try:
                if await asyncio.to_thread(comparison.at_one_position):
                    return comparison
            except BaseException:
                comparison.close()
                raise
            comparison.close()
        return None

    async def _caught_up(self, new: ViewWriter, old: ViewWriter | None) -> None:
        """Bring the new views to where the old ones stand."""
        if old is not None and new.position < old.position:
            await fill(self._log, new, self._told, old.position)

    def _told(self, position: int, last: int) -> None:
        if self.status is not None:
            self.status = replace(self.status, position=position, last=last)

    def _end(self, result: Rebuilt | None, error: str) -> None:
        if self.status is not None:
            now = self._clock.now()
            self.status = replace(self.status, ended_at=now, result=result, error=error)
        self._reporter(
            "views_rebuild_failed" if error else "views_rebuilt",
            position=self._projector.position,
            trouble=error or "none",
            differences=told(result) or "none",
        )


def told(result: Rebuilt | None) -> str:
    """Where the old views were other than the stream says, in words."""
    differences = result.differences if result else ()
    return ", ".join(f"{x.table}: {x.rows} rows, the first {x.first}" for x in differences)
