"""Events in the order of the stream: a section of it, or all that come."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from eventsourcing.persistence import Notification
from msgspec import Struct

from adapters.jetstream.direct import Raw
from adapters.jetstream.reading import End
from adapters.jetstream.recorder.naming import Naming
from adapters.jetstream.recorder.source import Source


class Section(Struct, frozen=True):
    """Which events: ids from ``first`` to ``last`` (None: no end), of ``topics`` (none: all)."""

    first: int
    limit: int
    last: int | None
    topics: tuple[str, ...]


class Notifier:
    """Reads one stream in its order."""

    def __init__(self, naming: Naming, source: Source) -> None:
        self._naming = naming
        self._source = source

    async def select(self, section: Section) -> list[Notification]:
        """The events of a section. Nothing before the last of them can still come.

        Of several topics each is read by itself, up to one end for all: otherwise a topic that was
        read a little earlier could lack an event that lies before one of the others.
        """
        filters = [self._naming.with_topic(topic) for topic in section.topics]
        last = section.last
        if len(filters) > 1:
            end = await self._source.end()
            last = end if last is None else min(last, end)
        found: list[Raw] = []
        for one in filters or [self._naming.all]:
            found += await self._source.some(one, section.first, section.limit)
        found.sort(key=_sequence)
        kept = [raw for raw in found if last is None or raw.sequence <= last]
        return [notification(self._naming, raw) for raw in kept[: section.limit]]

    def feed(self, after: int, topics: Sequence[str]) -> "Feed":
        """Every event above ``after``, also those that are yet to be stored."""
        filters = [self._naming.with_topic(topic) for topic in topics]
        return Feed(self._naming, self._source.reader().read(after, filters, follow=True))


class Feed:
    """Batches of events as they come, until it is stopped."""

    def __init__(self, naming: Naming, batches: AsyncGenerator[list[Raw] | End, None]) -> None:
        self._naming = naming
        self._batches = batches
        self._taking: asyncio.Task[list[Raw]] | None = None
        self._stopped = False

    async def next(self) -> list[Notification]:
        """The next events, at least one; none once it was stopped. Raises ``Corrupt``."""
        if self._stopped:
            return []
        if self._taking is None:
            self._taking = asyncio.create_task(self._take(), name="next events")
        taking = self._taking
        await asyncio.wait([taking])
        if taking.cancelled():
            return []
        self._taking = None
        return [notification(self._naming, raw) for raw in taking.result()]

    async def stop(self) -> None:
        """Give the consumer up; whoever waits for events gets none. Idempotent."""
        self._stopped = True
        if self._taking is not None:
            self._taking.cancel()
            await asyncio.gather(self._taking, return_exceptions=True)
        await self._batches.aclose()

    async def _take(self) -> list[Raw]:
        async for item in self._batches:
            if not isinstance(item, End):
                return item
        return []


def notification(naming: Naming, raw: Raw) -> Notification:
    """The library's form of a stored event."""
    place = naming.place(raw.subject)
    return Notification(
        id=raw.sequence,
        originator_id=naming.originator_id(place.originator),
        originator_version=place.version,
        topic=place.topic,
        state=raw.data,
    )


def _sequence(raw: Raw) -> int:
    return raw.sequence
