"""Where stream and journal have other bytes of an event: which of the two proves itself?

Bytes are proven by what was recorded of them elsewhere: by the event that follows in the aggregate,
which carries their hash, by the mark, or by the journal's head, each at its own position.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from itertools import chain
from typing import Final

from msgspec import Struct

from application.checking import Whole
from application.fsck import Copies, Copy
from application.mending import pages
from application.ports import Mark
from domain.events import Aggregate

TOLD_MAX: Final = 5


class Differing(Struct):
    """An event of which there are two. ``by_stream``, ``by_journal``: what proves either; "" for
    nothing."""

    position: int
    aggregate: Aggregate
    type: str
    in_stream: str
    in_journal: str
    by_stream: str = ""
    by_journal: str = ""

    @property
    def stream_is_right(self) -> bool:
        """The stream's bytes are proven, and the journal's are not."""
        return bool(self.by_stream) and not self.by_journal

    @property
    def is_open(self) -> bool:
        """Neither is proven, or both are."""
        return bool(self.by_stream) == bool(self.by_journal)

    @property
    def sentence(self) -> str:
        """All of it on one line."""
        return (
            f"event {self.position} ({self.type} of {self.aggregate}) has SHA-256 {self.in_stream} "
            f"in the stream ({self.by_stream or 'nothing proves it'}) and {self.in_journal} in the "
            f"journal ({self.by_journal or 'nothing proves it'})"
        )


class Judge:
    """Takes both in step, from the first event on. ``found``: where they differ."""

    def __init__(self, *recorded: tuple[str, Mark | None]) -> None:
        """``recorded``: what is known of single positions, by name."""
        self.found: list[Differing] = []
        self._recorded = recorded
        self._open: dict[Aggregate, Differing] = {}

    def awaits(self, aggregate: Aggregate) -> bool:
        """Whether the next event of this aggregate may prove something."""
        return aggregate in self._open

    def take(self, whole: Whole | None, copy: Whole | None) -> None:
        """What is at the next position: in the stream, and in the journal."""
        for one in (whole, copy):
            self._follows(one)
        for aggregate in {x.stored.aggregate for x in (whole, copy) if x and x.stored}:
            self._open.pop(aggregate, None)
        if whole and copy and whole.stored and copy.stored and whole.raw != copy.raw:
            new = Differing(
                whole.position,
                copy.stored.aggregate,
                copy.stored.type,
                whole.sha256,
                copy.sha256,
            )
            for name, mark in self._recorded:
                if mark is not None and mark.position == new.position:
                    proven(new, mark.sha256, name)
            self.found.append(new)
            self._open[new.aggregate] = new

    def _follows(self, one: Whole | None) -> None:
        """An event proves the bytes that it carries the hash of."""
        if one is not None and one.stored is not None:
            before = self._open.get(one.stored.aggregate)
            if before is not None:
                proven(before, one.previous_sha256, f"event {one.position} follows on it")


def proven(differing: Differing, sha256: str, what: str) -> None:
    """Note what proves either of the two."""
    if sha256 == differing.in_stream:
        differing.by_stream = what
    if sha256 == differing.in_journal:
        differing.by_journal = what


async def judged(
    stream: AsyncGenerator[list[Whole], None],
    copies: Copies,
    read: Callable[[Copy], Whole],
    judge: Judge,
) -> list[Differing]:
    """Every event of which the two have other bytes. ``read``: a copy as it lies in the stream."""
    after = 0
    async with aclosing(stream) as batches:
        async for batch in batches:
            wholes = {x.position: x for x in batch}
            last = batch[-1].position if batch else after
            held = {x.position: x for page in pages(copies, last, after) for x in page}
            for position in sorted(wholes.keys() | held.keys()):
                whole, copy = wholes.get(position), held.get(position)
                same = whole is not None and copy is not None and whole.raw == copy.raw
                judge.take(whole, None if copy is None or same else read(copy))
            after = last
    for copy in chain.from_iterable(pages(copies, 2**62, after)):
        if judge.awaits(copy.aggregate):
            judge.take(None, read(copy))
    return judge.found


def told(found: list[Differing]) -> str:
    """The first of them, a line each."""
    lines = [f"  - {x.sentence}" for x in found[:TOLD_MAX]]
    more = len(found) - TOLD_MAX
    return "\n".join([*lines, f"  - and {more} more" if more > 0 else ""]).rstrip("\n")
