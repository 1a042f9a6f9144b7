"""Ids of events: their form, that no two are the same, and the form of what they follow from."""

import re
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from domain.events import NewEvent

UUID7: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
CAUSE: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""An event's id, or that of a request (Idempotency-Key)."""

FirstWith = Callable[[bytes, int], int]
"""Told an id and its position: the position where it was first, which may be this one."""


class BadId(Struct, frozen=True):
    """What an id must be, and what it is."""

    expected: str
    found: str


def bad_ids(event: NewEvent, position: int, first_with: FirstWith) -> Iterator[BadId]:
    """What is wrong with the ids of an event at ``position``."""
    formed = UUID7.fullmatch(event.id) is not None
    if not formed:
        yield BadId("id: a UUID of version 7", f"id {event.id!r}")
    first = first_with(key_of(event.id, formed), position)
    if first != position:
        yield BadId("an id that no other event has", f"the id {event.id!r} of event {first}")
    for name, value in causes_of(event):
        if CAUSE.fullmatch(value) is None:
            yield BadId(
                f"{name}: the id of an event or of a request, 1 to 64 letters, digits and . _ : -",
                f"{name} {value!r}",
            )


def causes_of(event: NewEvent) -> Iterator[tuple[str, str]]:
    """What it follows from; the same id is told once."""
    correlation = event.correlation_id
    yield "correlationid", correlation
    if event.causation_id != correlation:
        yield "causationid", event.causation_id
    request = getattr(event.data, "request_id", "") or getattr(event.data, "key", "")
    if request and request != correlation:
        yield "request_id", request


def key_of(event_id: str, formed: bool) -> bytes:
    """An id in as few bytes as it takes: 16 for a UUID."""
    if formed:
        return bytes.fromhex(event_id.replace("-", ""))
    return event_id.encode("utf-8", "surrogatepass")
