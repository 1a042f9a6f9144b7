"""Storing events of the library: guarded by how their aggregates end, all of a call or none."""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Final
from weakref import WeakValueDictionary

from eventsourcing.persistence import DataError, IntegrityError, ProgrammingError, StoredEvent

from adapters.jetstream.connection import Connection
from adapters.jetstream.grouping import GroupCommit
from adapters.jetstream.publish import (
    BATCH_EVENTS_MAX,
    Message,
    Patience,
    Publisher,
    UnseenDisk,
)
from adapters.jetstream.recorder.naming import Naming, Place
from adapters.jetstream.recorder.source import Source
from adapters.jetstream.recorder.tails import (
    FIRST_VERSIONS,
    NO_EVENTS,
    Tail,
    Tails,
    places,
    tail_of,
)
from domain.errors import Conflict

HEADER_BYTES: Final = 4096
"""Room for the headers of a message in what the server takes as one."""


class Writer:
    """Stores events on one stream."""

    def __init__(
        self,
        connection: Connection,
        naming: Naming,
        source: Source,
        tails: Tails,
        patience: Patience,
    ) -> None:
        self._publisher = Publisher(
            connection,
            naming.stream,
            patience,
            UnseenDisk(),
            in_doubt=source.same.look_if_told,
        )
        self._connection = connection
        self._naming = naming
        self._source = source
        self._tails = tails
        self._seconds = patience.deadline_seconds
        self._group = GroupCommit(self._store)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def insert(self, events: Sequence[StoredEvent]) -> list[int]:
        """The sequences of ``events``, consecutive, all stored and acknowledged.

        Raises ``IntegrityError`` when a version is taken, ``DataError`` and ``ProgrammingError``
        for what cannot be stored, ``Unavailable`` when nothing was stored, ``OutcomeUnknown``,
        ``Corrupt`` when the stream is gone, another one, or shorter than it was.
        """
        if not events:
            return []
        self._check(events)
        self._source.same.check()
        self._source.same.look_beside()
        tokens = [self._naming.token(event.originator_id) for event in events]
        turns = [self._turns.setdefault(t, asyncio.Lock()) for t in sorted(set(tokens))]
        taken = list[asyncio.Lock]()
        try:
            for turn in turns:
                await turn.acquire()
                taken.append(turn)
            return await self._insert(events, tokens)
        finally:
            for turn in taken:
                turn.release()

    async def _insert(self, events: Sequence[StoredEvent], tokens: Sequence[str]) -> list[int]:
        """As ``insert``, while no other call of ours is about the same aggregates."""
        tails = dict[str, Tail | None]()
        for token, event in zip(tokens, events, strict=True):
            if token not in tails:
                tails[token] = self._known(token, event.originator_version)
        deadline = time.monotonic() + self._seconds
        while True:
            ends = {token: tail or await self._look(token) for token, tail in tails.items()}
            found = places(tokens, events, ends)
            await self._refuse_taken(found, ends)
            try:
                first = await self._group.store(self._messages(events, found, ends))
            except Conflict as error:
                if time.monotonic() >= deadline:
                    raise IntegrityError(
                        "others kept appending to the same aggregates; nothing was stored: load"
                        " them again and decide again"
                    ) from error
                tails = dict.fromkeys(tails)
            else:
                self._note(found, first)
                return list(range(first, first + len(events)))

    async def _store(self, messages: list[Message]) -> int:
        """As ``Publisher.store``, and in no place that was taken before they were sent."""
        same = self._source.same
        before = same.highest
        first = await self._publisher.store(messages)
        same.stored(first, len(messages), before)
        return first

    def _check(self, events: Sequence[StoredEvent]) -> None:
        if len(events) > BATCH_EVENTS_MAX:
            raise ProgrammingError(
                f"{len(events)} events in one call: at most {BATCH_EVENTS_MAX} can be stored"
                " together. Save fewer aggregates at a time"
            )
        room = self._connection.message_bytes_max - HEADER_BYTES
        for event in events:
            if not isinstance(event.originator_version, int):
                raise DataError(f"{str(event.originator_version)[:80]!r} is no version")
            if not isinstance(event.state, bytes | bytearray | memoryview):
                raise DataError(
                    f"the state of version {event.originator_version} of {event.originator_id} is"
                    f" of type {type(event.state).__name__}: only bytes are allowed (also as"
                    " bytearray or memoryview); text has to be encoded first"
                )
            if len(event.state) > room:
                raise DataError(
                    f"version {event.originator_version} of {event.originator_id} has"
                    f" {len(event.state)} bytes, and the server takes {room}: compress the state"
                    " (COMPRESSOR_TOPIC), or raise the server's max_payload"
                )

    def _known(self, originator: str, version: int) -> Tail | None:
        """The tail without a look, if a guess may do: what is wrong costs one look."""
        known = self._tails.get(originator)
        return NO_EVENTS if known is None and version in FIRST_VERSIONS else known

    async def _look(self, originator: str) -> Tail:
        raw = await self._source.last(self._naming.of_aggregate(originator))
        if raw is None:
            return NO_EVENTS
        tail = tail_of(self._naming, raw)
        self._tails.note(originator, tail)
        return tail

    async def _refuse_taken(self, found: Sequence[Place], ends: Mapping[str, Tail]) -> None:
        """Raise ``IntegrityError`` when one of the versions is there already."""
        for place in found:
            tail = ends[place.originator]
            if not tail.is_free(place.version) and await self._is_taken(place, tail):
                raise IntegrityError(
                    f"version {place.version} of {self._naming.originator_id(place.originator)} is"
                    " taken: load the aggregate again and decide again"
                )

    async def _is_taken(self, place: Place, tail: Tail) -> bool:
        if tail.version == place.version:
            return True
        if tail.rising:
            subjects = self._naming.at_version(place.originator, place.version)
            return await self._source.last(subjects) is not None
        stored = await self._source.some(self._naming.of_aggregate(place.originator), 1)
        return place.version in {self._naming.place(raw.subject).version for raw in stored}

    def _messages(
        self, events: Sequence[StoredEvent], found: Sequence[Place], ends: Mapping[str, Tail]
    ) -> list[Message]:
        """What is published: the guard stands on the first event of each aggregate."""
        guards = {token: tail.sequence for token, tail in ends.items()}
        return [
            Message(
                self._naming.subject(place),
                self._naming.of_aggregate(place.originator),
                secrets.token_hex(16),
                bytes(event.state),
                guards.pop(place.originator, None),
            )
            for event, place in zip(events, found, strict=True)
        ]

    def _note(self, found: Sequence[Place], first: int) -> None:
        for sequence, place in enumerate(found, start=first):
            tail = Tail(sequence, place.version, place.rising)
            self._tails.note(place.originator, tail)
