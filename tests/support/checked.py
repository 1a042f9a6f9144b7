"""What ``countermand fsck`` says of events that are at hand."""

from collections.abc import Iterable

from adapters.jetstream.direct import Raw
from adapters.jetstream.whole import whole as whole_raw
from adapters.snapshots.shelf import SqliteShelf
from application.checking import Checker, Damage, Whole
from application.ports import CaughtUp, EventLog, Stored


def whole(stored: Stored, cluster: str) -> Whole:
    """The event as it lies in a stream."""
    place = stored.aggregate
    subject = f"countermand.{cluster}.{place.kind}.{place.id}.{stored.type}"
    return whole_raw(Raw(stored.position, subject, stored.raw), cluster)


def damage_among(events: Iterable[Stored], cluster: str) -> list[Damage]:
    """All damage, in the order of the stream."""
    shelf = SqliteShelf()
    checker = Checker(cluster, shelf)
    try:
        found = [x for stored in events for x in checker.take(whole(stored, cluster))]
        return [*found, *checker.end()]
    finally:
        shelf.close()


async def damage_in(log: EventLog, cluster: str) -> list[Damage]:
    """The same of a whole log."""
    items = [item async for item in log.read(0)]
    events = [x for item in items if not isinstance(item, CaughtUp) for x in item]
    return damage_among(events, cluster)
