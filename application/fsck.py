"""The whole stream looked at: every event, and each place where it is kept a second time.

Reads only, up to the position at which the stream stood at the beginning.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Set
from contextlib import aclosing
from typing import Final, Protocol

from msgspec import Struct

from application.checking import KINDS, Checker, Damage, Whole, damage
from application.ports import LogIdentity, Mark
from domain.events import JOB, Aggregate

LIMIT_DEFAULT: Final = 20
COPIES_AT_ONCE: Final = 1000


class Copy(Struct, frozen=True):
    """What the journal holds of an event, as it stands there; nothing is decoded."""

    position: int
    aggregate: Aggregate
    type: str
    raw: bytes


class Copies(Protocol):
    """The journal's events in order."""

    def copies(self, after: int, until: int, limit: int) -> tuple[Copy, ...]:
        """Those above ``after``, none above ``until``, at most ``limit``."""
        ...


class Book:
    """Damage that was found: all of it counted, the first ``limit`` kept.

    ``only``: damage of other kinds is passed over.
    """

    def __init__(self, limit: int = LIMIT_DEFAULT, only: Set[str] = frozenset(KINDS)) -> None:
        self._only = only
        self.kept: list[Damage] = []
        self.counts: dict[str, int] = {}
        self._limit = limit

    @property
    def total(self) -> int:
        """How much there is."""
        return sum(self.counts.values())

    def note(self, found: Iterable[Damage], times: int = 1) -> None:
        """Count these; each stands for so many."""
        for one in found:
            if one.kind not in self._only:
                continue
            self.counts[one.kind] = self.counts.get(one.kind, 0) + times
            if len(self.kept) < self._limit:
                self.kept.append(one)


class Report(Struct, frozen=True):
    """What a look at the whole stream gave.

    ``last``: the position up to which it was looked at. ``damage``: the first of it, in the order
    of the stream; ``counts``: all of it, by kind. ``unjudged``: events that the rules could not be
    asked about, because what comes before them is damaged. ``notes``: what is no damage.
    """

    stream: str
    last: int
    events: int
    damage: tuple[Damage, ...]
    counts: dict[str, int]
    unjudged: int
    notes: tuple[str, ...]

    @property
    def total(self) -> int:
        """How much damage there is."""
        return sum(self.counts.values())


Told = Callable[[int], None]


async def look_through(
    stream: AsyncGenerator[list[Whole], None],
    last: int,
    checker: Checker,
    copies: Copies | None,
    book: Book,
    told: Told,
    mark: Mark | None = None,
) -> int:
    """Every event up to ``last``, and its copy in the journal; how many have no copy yet.

    Damage goes into ``book`` as it is met. The journal is behind by events at its end only.
    """
    side = Beside(copies, book)
    expected = 1
    async with aclosing(stream) as batches:
        async for batch in batches:
            batch = [x for x in batch if x.position <= last]
            if batch:
                await side.fetch(expected - 1, batch[-1].position)
            for whole in batch:
                missing(book, side, expected, whole.position)
                side.compare(whole)
                book.note(mark_damage(whole, mark))
                book.note(checker.take(whole))
                expected = whole.position + 1
            told(expected - 1)
    book.note(checker.end())
    await side.fetch(expected - 1, last)
    missing(book, side, expected, last + 1)
    return last - max(side.last, 0) if copies is not None else 0


def mark_damage(whole: Whole, mark: Mark | None) -> Iterator[Damage]:
    """The event at the mark is another one."""
    if mark is not None and whole.position == mark.position and whole.sha256 != mark.sha256:
        found = f"SHA-256 {whole.sha256} in the stream"
        yield damage("mark", whole, f"SHA-256 {mark.sha256}, as marked", found)


def missing(book: Book, side: "Beside", first: int, end: int) -> None:
    """Positions from ``first`` to below ``end`` have no event: one entry, counted one by one."""
    if first >= end:
        return
    copy = side.held.get(first)
    where = f"{copy.type} of {copy.aggregate}, which the journal has" if copy else "an event"
    last = f" to {end - 1}" if end - first > 1 else ""
    lost = Damage(
        kind="missing",
        position=first,
        subject=f"{copy.aggregate.kind}.{copy.aggregate.id}.{copy.type}" if copy else "",
        event_id="",
        job=copy.aggregate.id if copy and copy.aggregate.kind == JOB else "",
        expected=where,
        found=f"nothing at position {first}{last}",
    )
    book.note([lost], times=end - first)


class Beside:
    """The journal, read in step with the stream. ``last``: the highest position that it gave."""

    def __init__(self, copies: Copies | None, book: Book) -> None:
        self.held: dict[int, Copy] = {}
        self.last = 0
        self._copies = copies
        self._book = book

    async def fetch(self, after: int, until: int) -> None:
        """Have the copies of these positions at hand, instead of those before them."""
        self.held = {}
        if self._copies is None or after >= until:
            return
        while after < until:
            page = await asyncio.to_thread(self._copies.copies, after, until, COPIES_AT_ONCE)
            if not page:
                return
            self.held |= {copy.position: copy for copy in page}
            after = self.last = page[-1].position

    def compare(self, whole: Whole) -> None:
        """The copy is the event, byte for byte and in the same place."""
        if self._copies is None:
            return
        copy = self.held.get(whole.position)
        if copy is None:
            if whole.position < self.last:
                expected = f"the journal's copy of {whole.sha256}"
                self._book.note([damage("journal", whole, expected, "the journal has none")])
            return
        if copy.raw != whole.raw:
            digest = hashlib.sha256(copy.raw).hexdigest()
            stream = f"SHA-256 {whole.sha256} in the stream"
            self._book.note(
                [damage("journal", whole, f"SHA-256 {digest}, as in the journal", stream)]
            )
        elif whole.stored is not None:
            place = (whole.stored.aggregate, whole.stored.type)
            if (copy.aggregate, copy.type) != place:
                where = f"{copy.type} of {copy.aggregate}, as in the journal"
                self._book.note([damage("journal", whole, where, f"{place[1]} of {place[0]}")])


def general(kind: str, expected: str, found: str, position: int = 0) -> Damage:
    """Damage that is about no single event."""
    return Damage(kind, position, "", "", "", expected, found)


def witnesses_differ(
    identity: LogIdentity, journal: Mark | None, mark: Mark | None, marker: str
) -> list[Damage]:
    """The stream is another one than is known of it."""
    known = {
        "stream.json": marker,
        "the journal": journal.log_id if journal else "",
        "the mark": mark.log_id if mark else "",
    }
    return [
        general("identity", f"the stream {log_id}, as {who} has it", identity.id)
        for who, log_id in known.items()
        if log_id and log_id != identity.id
    ]


def beyond_the_end(last: int, mark: Mark | None) -> Iterator[Damage]:
    """The stream does not reach the mark."""
    if mark is not None and mark.position > last:
        yield general(
            "mark", f"an event at {mark.position}, as marked", f"the stream ends at {last}"
        )
