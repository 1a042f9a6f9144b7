"""Whether what was acknowledged is there, byte for byte."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

from tests.e2e.stream import Event
from tests.faults.load import Told

Held = Mapping[int, bytes]
"""Bytes of events by their positions."""


def held_by(events: Iterable[Event]) -> dict[int, bytes]:
    """What a stream holds."""
    return {event.position: event.raw for event in events}


def missing(told: Iterable[Told], held: Held) -> list[Told]:
    """What was acknowledged at a position where there is no such event now."""
    return [one for one in told if not is_event_of(one, held.get(one.position))]


def is_event_of(told: Told, raw: bytes | None) -> bool:
    """Whether these bytes are the event that an answer named, with the message that was given."""
    try:
        body = json.loads(raw or b"")
        return bool(
            body["id"] == told.event_id
            and body["subject"] == f"job/{told.job}"
            and body["data"].get("message", "") == told.message
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def unlike(before: Held, now: Held) -> list[int]:
    """Positions whose bytes are others than before, or gone."""
    return [position for position, raw in before.items() if now.get(position) != raw]


class Memory:
    """The digest of each event that was ever seen, to find what changed since."""

    def __init__(self) -> None:
        self._digests: dict[int, str] = {}

    def changed(self, held: Held) -> list[int]:
        """Positions with other bytes than at an earlier look; the new ones are remembered."""
        found = []
        for position, raw in held.items():
            digest = hashlib.sha256(raw).hexdigest()
            if self._digests.setdefault(position, digest) != digest:
                found.append(position)
        return found


def copies_differ(stream: Held, journal: Sequence[tuple[int, bytes]]) -> list[int]:
    """Positions at which stream and journal do not have the same bytes."""
    copy = dict(journal)
    return sorted(n for n in stream.keys() | copy.keys() if stream.get(n) != copy.get(n))
