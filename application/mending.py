"""What a stream can be made again from: a journal that is whole, and what it has not copied yet."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from typing import Final

from application.checking import Checker, Damage, Whole
from application.fsck import COPIES_AT_ONCE, Copies, Copy
from domain.errors import Corrupt

BROKEN: Final = frozenset({"version", "chain"})
"""Damage that says that these are not the bytes, or not the events, that were stored. Whatever else
was stored long ago is history, and is restored as it was."""


class Verified:
    """Checks events that are to be restored, in order. ``last``: the position of the latest."""

    def __init__(self, checker: Checker) -> None:
        self.last = 0
        self._checker = checker

    def take(self, events: Iterable[Whole], whence: str) -> None:
        """These continue what came before. Raises ``Corrupt`` where they do not."""
        for whole in events:
            if whole.stored is None:
                raise Corrupt(f"{whence} has a message where no event may be: {whole.subject}")
            if whole.position != self.last + 1:
                raise Corrupt(
                    f"{whence} has no event at position {self.last + 1}, but at {whole.position}"
                )
            broken = [x for x in self._checker.take(whole) if x.kind in BROKEN]
            if broken:
                raise Corrupt(f"{whence} is damaged itself: {sentence(broken[0])}")
            self.last = whole.position


def sentence(damage: Damage) -> str:
    """Damage in one line."""
    known = f" ({damage.subject}, id {damage.event_id or 'unknown'})" if damage.subject else ""
    return f"event {damage.position}{known} has {damage.found}, and {damage.expected} was expected"


def pages(copies: Copies, until: int, after: int = 0) -> Iterator[tuple[Copy, ...]]:
    """The journal in order, a page at a time."""
    while page := copies.copies(after, until, COPIES_AT_ONCE):
        yield page
        after = page[-1].position


async def tail_of(
    stream: AsyncGenerator[list[Whole], None], verified: Verified
) -> AsyncGenerator[list[Whole], None]:
    """The events of a damaged stream beyond the journal, as far as they continue it: all, or none.

    Raises ``Corrupt`` when one does not: nothing that was acknowledged is left out by itself.
    """
    async with aclosing(stream) as batches:
        async for batch in batches:
            verified.take(batch, "what the stream has beyond the journal")
            yield batch
