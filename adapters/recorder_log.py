"""The event log on any ``eventsourcing`` recorder: memory, SQLite, and others of that library.

For small installations and for tests. Followers see what this process appends, not what others do.
"""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    Notification,
    PersistenceError,
    StoredEvent,
)
from eventsourcing.popo import POPOApplicationRecorder
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from adapters.wire import WIRE_NAMES, place_of, token_of
from adapters.wire.chain import Chain, Encoded, encode_writes, to_stored, tokens
from application.appending import one_by_one
from application.ports import Capability, CaughtUp, LogIdentity, Stored, Token, Write
from domain.errors import Conflict, Corrupt, CountermandError, Unavailable
from domain.events import Aggregate

BATCH_EVENTS_MAX: Final = 1000
UNKNOWN_KIND: Final = "unknown"
NAMES: Final = {token_of(name): name for name in WIRE_NAMES.values()}

T = TypeVar("T")


def originator_id(cluster: str, aggregate: Aggregate) -> uuid.UUID:
    """The library's id of an aggregate: UUIDv5 of ``countermand:<cluster>/<kind>/<id>`` (URL)."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"countermand:{cluster}/{aggregate}")


class RecorderLog:
    """``EventLog`` on a recorder whose notification ids are 1, 2, 3 without a gap.

    ``log_id``: which log this is. ``in_threads``: whether calls block and go to a thread.
    """

    def __init__(
        self,
        recorder: ApplicationRecorder,
        cluster: str,
        *,
        log_id: str,
        in_threads: bool,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self._recorder = recorder
        self._cluster = cluster
        self._log_id = log_id
        self._in_threads = in_threads
        self._close = close
        self._appended = asyncio.Condition()
        self._positions: dict[uuid.UUID, dict[int, int]] = {}
        self._indexed = 0

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset()

    async def identity(self) -> LogIdentity:
        last = await self._last()
        return LogIdentity(self._log_id, min(last, 1), last)

    async def load(
        self,
        aggregate: Aggregate,
        after: Token = Token(),  # noqa: B008
    ) -> tuple[Stored, ...]:
        originator = originator_id(self._cluster, aggregate)
        events = await self._call(
            lambda: self._recorder.select_events(originator, gt=after.version)
        )
        chain = Chain(aggregate, self._cluster, after)
        await self._index()
        positions = self._positions.get(originator, {})
        return tuple(
            chain.follow(positions[event.originator_version], _type_of(event.topic), event.state)
            for event in events
        )

    async def append(self, writes: Sequence[Write]) -> tuple[Token, ...]:
        encoded = encode_writes(writes, self._cluster)
        if not encoded:
            return ()
        stored = [
            self._stored_event(write.aggregate, event)
            for write, events in zip(writes, encoded, strict=True)
            for event in events
        ]
        async with self._appended:
            await self._check_tokens(writes)
            positions = await self._insert(stored)
            self._appended.notify_all()
        return tokens(encoded, positions[0])

    async def append_each(self, writes: Sequence[Write]) -> list[Token | CountermandError]:
        return await one_by_one(self, writes)

    async def read(
        self, after: int, *, types: frozenset[str] | None = None, follow: bool = False
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        target = await self._last()
        if target < after:
            raise Corrupt(f"the log ends at {target}, but {after} was there before")
        topics = () if types is None else tuple(NAMES.get(t, t) for t in sorted(types))
        if types is not None and not types:
            raise ValueError("types is empty: give None for all")
        async for batch in self._between(after, target, topics):
            yield batch
        yield CaughtUp(target)
        while follow:
            after, target = target, await self._wait_beyond(target)
            async for batch in self._between(after, target, topics):
                yield batch

    async def close(self) -> None:
        self._close()

    async def _between(
        self, after: int, last: int, topics: Sequence[str]
    ) -> AsyncGenerator[tuple[Stored, ...], None]:
        while after < last:
            batch = await self._select(after + 1, last, topics)
            if not batch:
                return
            if not topics and batch[0].id != after + 1:
                raise Corrupt(f"the log has no event {after + 1}, but {batch[0].id}")
            yield tuple(self._stored(notification) for notification in batch)
            after = batch[-1].id

    async def _select(
        self, start: int, stop: int | None, topics: Sequence[str]
    ) -> Sequence[Notification]:
        return await self._call(
            lambda: self._recorder.select_notifications(start, BATCH_EVENTS_MAX, stop, topics)
        )

    async def _wait_beyond(self, position: int) -> int:
        async with self._appended:
            while (last := await self._last()) <= position:
                await self._appended.wait()
        return last

    async def _last(self) -> int:
        return await self._call(self._recorder.max_notification_id) or 0

    async def _check_tokens(self, writes: Sequence[Write]) -> None:
        """The recorder refuses a version that is there, but not one that leaves a gap."""
        for write in writes:
            last = await self._last_of(originator_id(self._cluster, write.aggregate))
            version = last[0].originator_version if last else 0
            if version != write.token.version:
                raise Conflict(
                    f"{write.aggregate} ends at version {version}, not {write.token.version};"
                    " load again and decide again"
                )

    async def _last_of(self, originator: uuid.UUID) -> Sequence[StoredEvent]:
        return await self._call(
            lambda: self._recorder.select_events(originator, desc=True, limit=1)
        )

    async def _insert(self, stored: list[StoredEvent]) -> Sequence[int]:
        try:
            positions = await self._call(lambda: self._recorder.insert_events(stored))
        except IntegrityError as error:
            raise Conflict("another event was appended first; load again") from error
        if positions is None or positions[-1] - positions[0] != len(stored) - 1:
            raise Corrupt("the recorder did not give consecutive positions")
        return positions

    async def _call(self, act: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(act) if self._in_threads else act()
        except IntegrityError:
            raise
        except PersistenceError as error:
            raise Unavailable(f"the recorder failed: {error}") from error

    def _stored_event(self, aggregate: Aggregate, event: Encoded) -> StoredEvent:
        return StoredEvent(
            originator_id=originator_id(self._cluster, aggregate),
            originator_version=event.version,
            topic=NAMES[event.type],
            state=event.raw,
        )

    def _stored(self, notification: Notification) -> Stored:
        unknown = Aggregate(UNKNOWN_KIND, str(notification.originator_id))
        aggregate = place_of(notification.state) or unknown
        type_ = _type_of(notification.topic)
        return to_stored(notification.id, aggregate, type_, notification.state, self._cluster)

    async def _index(self) -> None:
        """Learn the positions up to now: the recorder does not tell them in a load."""
        while batch := await self._select(self._indexed + 1, None, ()):
            for found in batch:
                place = self._positions.setdefault(uuid.UUID(str(found.originator_id)), {})
                place[found.originator_version] = found.id
            self._indexed = batch[-1].id


def memory_log(cluster: str, log_id: str = "") -> RecorderLog:
    """A log in the memory of this process; without ``log_id`` it gets an id that no other has."""
    recorder = POPOApplicationRecorder()
    log_id = log_id or f"memory/{uuid.uuid4()}"
    return RecorderLog(recorder, cluster, log_id=log_id, in_threads=False)


def sqlite_log(path: Path, cluster: str) -> RecorderLog:
    """A log in an SQLite file, which is made if it is not there. One process at a time."""
    datastore = SQLiteDatastore(str(path))
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    log_id = f"sqlite/{_log_id(datastore)}"
    return RecorderLog(recorder, cluster, log_id=log_id, in_threads=True, close=datastore.close)


def _log_id(datastore: SQLiteDatastore) -> str:
    """An id that the file keeps from its creation on."""
    with datastore.transaction(commit=True) as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS countermand_log (id TEXT NOT NULL) STRICT")
        cursor.execute("SELECT id FROM countermand_log")
        row = cursor.fetchone()
        if row is not None:
            return str(row["id"])
        made = str(uuid.uuid4())
        cursor.execute("INSERT INTO countermand_log VALUES (?)", (made,))
        return made


def _type_of(topic: str) -> str:
    """The type token of a topic; of one that is no wire name, the topic itself."""
    parts = topic.split(".")
    return parts[1] if len(parts) > 1 else topic
