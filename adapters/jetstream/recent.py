"""The newest events as they were decoded: several read the stream, and each event is decoded once.

The board, the journal and the views each follow the stream, and are mostly at its end together.
"""

from collections.abc import Callable
from typing import Final

from adapters.jetstream.direct import Raw
from adapters.jetstream.subjects import place_of
from application.ports import Stored

EVENTS_KEPT: Final = 2048


class Recent:
    """Remembers what ``decode`` made of the last events; only of the very same bytes and place."""

    def __init__(self, decode: Callable[[Raw], Stored]) -> None:
        self._decode = decode
        self._kept: list[Stored | None] = [None] * EVENTS_KEPT

    def stored(self, raw: Raw) -> Stored:
        """As ``decode``."""
        place = raw.sequence % EVENTS_KEPT
        found = self._kept[place]
        if found is None or not is_of(found, raw):
            found = self._kept[place] = self._decode(raw)
        return found


def is_of(stored: Stored, raw: Raw) -> bool:
    """Whether this was made of exactly that message."""
    same = (stored.position, stored.raw) == (raw.sequence, raw.data)
    return same and (stored.aggregate, stored.type) == place_of(raw.subject)
