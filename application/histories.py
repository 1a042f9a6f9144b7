"""One aggregate's events: from the journal, and what is newer from the log. Never all at once.

A history may be of any length, so it is read in pages, and one event is found without the others.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from application.ports import EventLog, Journal, Stored, Token, Undecodable
from domain.errors import Corrupt, Unavailable
from domain.events import Aggregate, Recorded

PAGE_EVENTS: Final = 5000
PAGE_BYTES_MAX: Final = 16 * 1024 * 1024
ASKED_MAX: Final = 20
ASKED_AGAIN_SECONDS: Final = 0.05
"""How often the log is asked for an event that the journal has."""


class Histories:
    """The stored events of every aggregate, in the order of the log, exact bytes included."""

    def __init__(self, log: EventLog, journal: Journal) -> None:
        self._log = log
        self._journal = journal

    async def pages(
        self,
        aggregate: Aggregate,
        after: Token = Token(),  # noqa: B008
        page_events: int = PAGE_EVENTS,
    ) -> AsyncGenerator[tuple[Stored, ...], None]:
        """Every event after ``after``, in pages, none of them empty; proven at their end.

        Each of the journal's continues the one before it, and the last is the log's own, byte for
        byte: so all of them are. Raises ``Corrupt`` where that is not so, or where what the log has
        does not continue them; ``Unavailable`` when the log does not give that event yet.
        """
        last: Stored | None = None
        end = before = after
        while page := await self._chained(aggregate, end, page_events):
            yield page
            last = page[-1]
            before, end = counted(end, page[:-1]), counted(end, page)
            if not is_full(page, page_events):
                break
        if last is None or last.fact.version is None:  # nothing, or nothing that can be chained to
            newer = await self._newer(aggregate, last, after)
        else:
            newer = await self._beyond(aggregate, last, before)
        if newer:
            yield newer

    async def page(self, aggregate: Aggregate, position: int, limit: int) -> tuple[Stored, ...]:
        """At most ``limit`` events above a position; fewer than there are when they are long.

        Empty only at the end.
        """
        kept = await self._kept(aggregate, position, limit)
        last = kept[-1] if kept else await asyncio.to_thread(self._journal.last, aggregate)
        if not kept and last is not None and last.position > position:  # it has got it meanwhile
            kept = await self._kept(aggregate, position, limit)
            last = kept[-1]
        if kept and is_full(kept, limit):
            return kept
        newer = await self._newer(aggregate, last, Token())
        return (*kept, *(x for x in newer if x.position > position))[:limit]

    async def event(self, aggregate: Aggregate, version: int) -> Stored:
        """The event of a version that there is. Raises ``Corrupt`` when it cannot be found."""
        kept = await asyncio.to_thread(self._journal.at_version, aggregate, version)
        if kept is not None:
            return kept
        last = await asyncio.to_thread(self._journal.last, aggregate)
        for stored in await self._newer(aggregate, last, Token()):
            if stored.fact.version == version:
                return stored
        kept = await asyncio.to_thread(self._journal.at_version, aggregate, version)
        if kept is not None:  # it has got it meanwhile
            return kept
        raise Corrupt(f"{aggregate}: its event of version {version} is missing")

    async def last(self, aggregate: Aggregate) -> Stored | None:
        """The latest event; None for an aggregate that has none."""
        last = await asyncio.to_thread(self._journal.last, aggregate)
        newer = await self._newer(aggregate, last, Token())
        return newer[-1] if newer else last

    async def first(self, aggregate: Aggregate) -> Stored | None:
        """The first event; None for an aggregate that has none."""
        found = await self.page(aggregate, 0, 1)
        return found[0] if found else None

    async def _chained(self, aggregate: Aggregate, after: Token, limit: int) -> tuple[Stored, ...]:
        return await asyncio.to_thread(self._journal.load, aggregate, after, limit, PAGE_BYTES_MAX)

    async def _beyond(
        self, aggregate: Aggregate, last: Stored, before: Token
    ) -> tuple[Stored, ...]:
        """What the log has after the journal's ``last``, which continues ``before``, and is there
        too. A replica may not have it yet, and is asked again."""
        for _ in range(ASKED_MAX):
            found = await self._log.load(aggregate, before)
            if found:
                refuse_other(last, found[0])
                return found[1:]
            await asyncio.sleep(ASKED_AGAIN_SECONDS)
        raise Unavailable(
            f"{aggregate}: the stream does not give the event at position {last.position}, which "
            "the journal has; try again, and see 'countermand fsck' if it stays so"
        )

    async def _kept(self, aggregate: Aggregate, position: int, limit: int) -> tuple[Stored, ...]:
        return await asyncio.to_thread(
            self._journal.page, aggregate, position, limit, PAGE_BYTES_MAX
        )

    async def _newer(
        self, aggregate: Aggregate, last: Stored | None, after: Token
    ) -> tuple[Stored, ...]:
        """What the log has after the journal's ``last`` event, or after ``after`` when it has none.

        Where nothing can be chained to the last one, the log is read from its beginning.
        """
        if last is None:
            return await self._log.load(aggregate, after)
        if last.fact.version is None:
            whole = await self._log.load(aggregate)
            return tuple(x for x in whole if x.position > last.position)
        return await self._log.load(aggregate, token_after((last,)))


def counted(after: Token, history: Sequence[Stored]) -> Token:
    """Where a history that continues ``after`` ends; also one that cannot be read."""
    if not history:
        return after
    last = history[-1]
    return Token(after.version + len(history), last.position, sha256_hex(last.raw))


def refuse_other(kept: Stored, found: Stored) -> None:
    """Raise ``Corrupt`` unless the journal's event is the log's, byte for byte, in its place."""
    if (kept.position, kept.type, kept.raw) != (found.position, found.type, found.raw):
        raise Corrupt(
            f"{kept.aggregate}: the journal's event at position {kept.position} ({kept.type}, "
            f"SHA-256 {sha256_hex(kept.raw)}) is not the stream's at {found.position} "
            f"({found.type}, SHA-256 {sha256_hex(found.raw)}); nothing is decided on it"
        )


def is_full(page: Sequence[Stored], limit: int) -> bool:
    """Whether a page of the journal may have ended before the journal does."""
    return len(page) >= limit or sum(len(x.raw) for x in page) >= PAGE_BYTES_MAX


def readable(stored: Stored) -> Recorded:
    """The decoded fact; raises ``Corrupt`` for one that cannot be decoded."""
    if isinstance(stored.fact, Undecodable):
        raise Corrupt(
            f"{stored.aggregate}: the event at position {stored.position} ({stored.type}) cannot "
            f"be read: {stored.fact.reason}; nothing can be decided on it before this is resolved"
        )
    return stored.fact


def token_after(history: Sequence[Stored]) -> Token:
    """Where a history ends."""
    if not history:
        return Token()
    last = history[-1]
    return Token(version_of(last), last.position, sha256_hex(last.raw))


def version_of(stored: Stored) -> int:
    """The event's place in its aggregate; raises ``Corrupt`` when its envelope is unreadable."""
    version = stored.fact.version
    if version is None:
        raise Corrupt(
            f"{stored.aggregate}: the event at position {stored.position} has no readable envelope"
        )
    return version


def sha256_hex(raw: bytes) -> str:
    """SHA-256 of an event's exact bytes."""
    return hashlib.sha256(raw).hexdigest()
