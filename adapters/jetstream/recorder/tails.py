"""How aggregates end, as far as this process knows, and what that means for the next events."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from eventsourcing.persistence import IntegrityError, StoredEvent
from msgspec import Struct

from adapters.jetstream.direct import Raw
from adapters.jetstream.recorder.naming import Naming, Place

TAILS_MAX: Final = 100_000
FIRST_VERSIONS: Final = (0, 1)
"""What an application's first event of an aggregate has: it is tried without a look first."""


class Tail(Struct, frozen=True):
    """The last event of an aggregate; of one without events ``sequence`` is 0.

    ``version`` is the highest one as long as they are ``rising``.
    """

    sequence: int = 0
    version: int = -1
    rising: bool = True

    def is_free(self, version: int) -> bool:
        """Whether nothing of that version can be there; otherwise it must be looked for."""
        return self.sequence == 0 or (self.rising and version > self.version)


NO_EVENTS: Final = Tail()


class Tails:
    """The tails of the aggregates used last. What is wrong here is refused by the stream."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Tail] = OrderedDict()

    def get(self, originator: str) -> Tail | None:
        """What is known; None when that is nothing."""
        found = self._known.get(originator)
        if found is not None:
            self._known.move_to_end(originator)
        return found

    def note(self, originator: str, tail: Tail) -> None:
        """Remember ``tail``, unless a later one is known."""
        known = self._known.get(originator)
        if known is None or known.sequence < tail.sequence:
            self._known[originator] = tail
        self._known.move_to_end(originator)
        if len(self._known) > TAILS_MAX:
            self._known.popitem(last=False)


def tail_of(naming: Naming, raw: Raw) -> Tail:
    """The tail that ``raw``, the last message of its aggregate, makes."""
    place = naming.place(raw.subject)
    return Tail(raw.sequence, place.version, place.rising)


def places(
    tokens: Sequence[str], events: Sequence[StoredEvent], tails: Mapping[str, Tail]
) -> list[Place]:
    """Where each event goes after ``tails``, in order. ``tokens``: their originators.

    Raises ``IntegrityError`` when two of them are the same version of one aggregate.
    """
    found: list[Place] = []
    ends = dict[str, Place]()
    seen = set[tuple[str, int]]()
    for originator, event in zip(tokens, events, strict=True):
        version = event.originator_version
        if (originator, version) in seen:
            raise IntegrityError(f"version {version} of {event.originator_id} is there twice")
        seen.add((originator, version))
        before = ends.get(originator)
        rises = before is None or (before.rising and version > before.version)
        rises &= tails[originator].is_free(version)
        ends[originator] = Place(originator, version, event.topic, rises)
        found.append(ends[originator])
    return found
