"""The newest events as they were decoded, for all that follow the stream.

What this process appended need not be decoded at all: when it was encoded, its bytes were read back
and compared with the fact.
"""

from collections.abc import Callable
from typing import Final

from adapters.jetstream.direct import Raw
from adapters.jetstream.subjects import place_of
from adapters.wire.chain import Encoded
from application.ports import Stored
from domain.events import Aggregate

EVENTS_KEPT: Final = 4096


class Recent:
    """The last events that came; and our own that are still to come. ``decode``: of one message."""

    def __init__(self, decode: Callable[[Raw], Stored]) -> None:
        self.decode = decode
        self._kept: list[Stored | None] = [None] * EVENTS_KEPT
        self._own: dict[bytes, tuple[Aggregate, Encoded]] = {}

    def expect(self, aggregate: Aggregate, encoded: Encoded) -> None:
        """An event of ours is about to be appended; if it never is, it is forgotten in time."""
        self._own[encoded.raw] = (aggregate, encoded)
        if len(self._own) > EVENTS_KEPT:
            del self._own[next(iter(self._own))]

    def stored(self, raw: Raw) -> Stored:
        """As ``decode``; kept, and decoded only when it is not ours, byte for byte."""
        aggregate, type_ = place_of(raw.subject)
        owner, encoded = self._own.pop(raw.data, (None, None))
        if encoded is None or (owner, encoded.type) != (aggregate, type_):
            found = self.decode(raw)
        else:
            found = Stored(raw.sequence, aggregate, type_, encoded.raw, encoded.fact)
        self._kept[raw.sequence % EVENTS_KEPT] = found
        return found

    def between(self, after: int, until: int) -> tuple[Stored, ...]:
        """Events above ``after`` and up to ``until``, in order, as far as they are kept."""
        found = []
        for position in range(after + 1, until + 1):
            kept = self._kept[position % EVENTS_KEPT]
            if kept is None or kept.position != position:
                break
            found.append(kept)
        return tuple(found)
