"""Finding events of one aggregate: as little as answers the question, whatever their order."""

from collections.abc import Iterable

from eventsourcing.persistence import StoredEvent
from msgspec import Struct

from adapters.jetstream.direct import Raw
from adapters.jetstream.recorder.naming import Naming, Place
from adapters.jetstream.recorder.source import Source
from adapters.jetstream.recorder.tails import Tails, tail_of


class Wanted(Struct, frozen=True):
    """Which events, as ``select_events`` takes it: versions above ``gt``, up to ``lte``."""

    gt: int | None = None
    lte: int | None = None
    desc: bool = False
    limit: int | None = None

    def has(self, version: int) -> bool:
        """Whether the range holds ``version``."""
        return (self.gt is None or version > self.gt) and (self.lte is None or version <= self.lte)


class Selector:
    """Reads the aggregates of one stream."""

    def __init__(self, naming: Naming, source: Source, tails: Tails) -> None:
        self._naming = naming
        self._source = source
        self._tails = tails

    async def select(self, originator: str, wanted: Wanted) -> list[StoredEvent]:
        """The events of an aggregate, by version. Raises ``Unavailable``, ``Corrupt``."""
        if wanted.limit is not None and wanted.limit <= 0:
            return []
        if wanted.gt is None and not (wanted.desc and wanted.limit == 1):
            return self._sorted(await self._from(originator, 1), wanted)
        last = await self._source.last(self._naming.of_aggregate(originator))
        if last is None:
            return []
        return self._sorted(await self._after_last(originator, wanted, last), wanted)

    async def _after_last(self, originator: str, wanted: Wanted, last: Raw) -> list[Raw]:
        """Enough to answer from, when the aggregate ends with ``last``."""
        tail = tail_of(self._naming, last)
        self._tails.note(originator, tail)
        if not tail.rising:
            return await self._from(originator, 1)
        if wanted.desc and wanted.limit == 1:
            if wanted.lte is None or tail.version <= wanted.lte:
                return [last]
            exact = await self._source.last(self._naming.at_version(originator, wanted.lte))
            return [exact] if exact is not None else await self._from(originator, 1)
        gt = wanted.gt or 0
        if tail.version <= gt + 1:
            return [last]
        before = await self._source.last(self._naming.at_version(originator, gt))
        return await self._from(originator, 1 if before is None else before.sequence + 1)

    async def _from(self, originator: str, sequence: int) -> list[Raw]:
        found = await self._source.some(self._naming.of_aggregate(originator), sequence)
        if found:
            self._tails.note(originator, tail_of(self._naming, found[-1]))
        return found

    def _sorted(self, found: Iterable[Raw], wanted: Wanted) -> list[StoredEvent]:
        placed = [(self._naming.place(raw.subject), raw) for raw in found]
        chosen = [both for both in placed if wanted.has(both[0].version)]
        chosen.sort(key=_version, reverse=wanted.desc)
        return [
            StoredEvent(
                originator_id=self._naming.originator_id(place.originator),
                originator_version=place.version,
                topic=place.topic,
                state=raw.data,
            )
            for place, raw in chosen[: wanted.limit]
        ]


def _version(placed: tuple[Place, Raw]) -> int:
    return placed[0].version
