"""What ``countermand fsck`` says of events that are at hand."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from adapters.jetstream.direct import Raw
from adapters.jetstream.whole import whole as whole_raw
from adapters.snapshots.shelf import SqliteShelf
from adapters.wire import decode, sha256
from application.checking import Checker, Damage, Whole
from application.ports import CaughtUp, EventLog, Stored
from domain.events import Aggregate


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


def retold(
    events: Iterable[Stored], cluster: str, changes: Mapping[int, Callable[[Any], object]]
) -> list[Stored]:
    """The history with the data at these positions changed, and every hash after it made right: as
    somebody would who has the stream in their hands."""
    made, ends = [], dict[Aggregate, str]()
    for one in events:
        body = msgspec.json.decode(one.raw)
        before = ends.get(one.aggregate, "")
        if one.position in changes:
            changes[one.position](body["data"])
        if before:
            body["previoushash"] = before
        raw = one.raw if body == msgspec.json.decode(one.raw) else msgspec.json.encode(body)
        ends[one.aggregate] = sha256(raw)
        fact = decode(raw, cluster, one.aggregate, one.type).fact
        made.append(replace(one, raw=raw, fact=fact))
    return made
