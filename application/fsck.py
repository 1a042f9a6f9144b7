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
from application.ports import Mark
from application.remedies import remedies
from domain.errors import CountermandError
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

    @property
    def what_to_do(self) -> dict[str, str]:
        """For each kind of damage that there is."""
        return remedies(self.counts)


Told = Callable[[int], None]


async def look_through(
    stream: AsyncGenerator[list[Whole], None],
    last: int,
    checker: Checker,
    side: "Beside",
    book: Book,
    told: Told,
    mark: Mark | None = None,
) -> int:
    """Every event up to ``last``, and its copy in the journal; how many have no copy yet.

    Damage goes into ``book`` as it is met. The journal is behind by events at its end only.
    """
    expected = 1
    async with aclosing(stream) as batches:
        async for batch in batches:
            batch = [x for x in batch if x.position <= last]
            if batch:
                await side.fetch(expected - 1, batch[-1].position)
            for whole in batch:
                if whole.position != expected:
                    checker.cut()
                missing(book, side, expected, whole.position)
                side.compare(whole)
                book.note(mark_damage(whole, mark))
                book.note(checker.take(whole))
                expected = whole.position + 1
            told(expected - 1)
    if expected <= last or is_cut(last, side, mark):
        checker.cut()
    book.note(checker.end())
    await side.fetch(expected - 1, last)
    missing(book, side, expected, last + 1)
    return max(0, last - max(side.last, side.claimed)) if side.is_read else 0


def is_cut(last: int, side: "Beside", mark: Mark | None) -> bool:
    """Whether a witness knows of events after the stream's end."""
    return side.claimed > last or (mark is not None and mark.position > last)


def mark_damage(whole: Whole, mark: Mark | None) -> Iterator[Damage]:
    """The event at the mark is another one."""
    if mark is not None and whole.position == mark.position and whole.sha256 != mark.sha256:
        found = f"SHA-256 {whole.sha256} in the stream"
        yield damage("mark", whole, f"SHA-256 {mark.sha256}, as marked", found)


def missing(book: Book, side: "Beside", first: int, end: int) -> None:
    """Positions from ``first`` to below ``end`` have no event: one entry, counted one by one."""
    if first >= end:
        return
    last = f" to {end - 1}" if end - first > 1 else ""
    lost = lost_at(first, side.held.get(first), f"nothing at position {first}{last}")
    book.note([lost], times=end - first)


def lost_at(position: int, copy: Copy | None, found: str) -> Damage:
    """An event that is not in the stream; the journal may have its copy."""
    what = f"{copy.type} of {copy.aggregate}, which the journal has" if copy else "an event"
    return Damage(
        kind="missing",
        position=position,
        subject=f"{copy.aggregate.kind}.{copy.aggregate.id}.{copy.type}" if copy else "",
        event_id="",
        job=copy.aggregate.id if copy and copy.aggregate.kind == JOB else "",
        expected=what,
        found=found,
    )


class Beside:
    """The journal, read in step with the stream.

    ``last``: the highest position that it gave. ``claimed``: the highest that it says that it has.
    One that cannot be read any more is damage, and is not asked again.
    """

    def __init__(self, copies: Copies | None, book: Book, copied: Mark | None = None) -> None:
        self.held: dict[int, Copy] = {}
        self.last = 0
        self.claimed = copied.position if copied is not None else 0
        self._copies = copies
        self._book = book

    @property
    def is_read(self) -> bool:
        """Whether there is a journal, and it could be read."""
        return self._copies is not None

    async def fetch(self, after: int, until: int) -> None:
        """Have the copies of these positions at hand, instead of those before them."""
        self.held = {}
        while after < until and (page := await self._page(after, until)):
            self.held |= {copy.position: copy for copy in page}
            after = self.last = page[-1].position

    async def _page(self, after: int, until: int) -> tuple[Copy, ...]:
        """Some copies; none when there are none any more, or they cannot be read."""
        if self._copies is None:
            return ()
        try:
            return await asyncio.to_thread(self._copies.copies, after, until, COPIES_AT_ONCE)
        except CountermandError as error:
            self._copies = None
            wanted = f"the journal's copy of event {after + 1}"
            self._book.note([general("journal", wanted, error.message, after + 1)])
            return ()

    def _copy_at(self, position: int) -> Copy | None:
        """One copy, if there is one that can be read."""
        try:
            found = self._copies.copies(position - 1, position, 1) if self._copies else ()
        except CountermandError:
            return None
        return found[0] if found else None

    def beyond(self, last: int) -> Iterator[Damage]:
        """The journal has events that the stream, which ends at ``last``, has not."""
        if self.claimed <= last:
            return
        first = self._copy_at(last + 1)
        end = f" to {self.claimed}" if self.claimed > last + 1 else ""
        found = f"nothing at position {last + 1}{end}: the stream ends at {last}"
        yield lost_at(last + 1, first, found)

    def gone(self, last: int, why: str) -> Iterator[Damage]:
        """All events up to ``last`` are missing, for there is no stream."""
        if last:
            end = f" to {last}" if last > 1 else ""
            yield lost_at(1, self._copy_at(1), f"nothing at position 1{end}: {why}")

    def compare(self, whole: Whole) -> None:
        """The copy is the event, byte for byte and in the same place."""
        if self._copies is None:
            return
        copy = self.held.get(whole.position)
        if copy is None:
            if whole.position < max(self.last, self.claimed + 1):
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


def beyond_the_end(last: int, mark: Mark | None) -> Iterator[Damage]:
    """The stream does not reach the mark."""
    if mark is not None and mark.position > last:
        expected, found = f"an event at {mark.position}, as marked", f"the stream ends at {last}"
        yield general("mark", expected, found, mark.position)
