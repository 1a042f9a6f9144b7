"""Stored events as they go out, byte for byte, and what a stream of them sends."""

import base64

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from adapters.http.bodies.shapes import Count, JobNumber, PositionNumber, StoredJson
from application.ports import Stored, Undecodable


class EventBody(Struct, frozen=True):
    """A stored event, byte for byte.

    ``unreadable``: only for bytes that are no known event, and why. ``raw_base64``: only for bytes
    that are not even JSON; ``event`` is then null.
    """

    position: PositionNumber
    event: StoredJson
    unreadable: str | UnsetType = UNSET
    raw_base64: str | UnsetType = UNSET


class StreamedBody(EventBody, frozen=True, kw_only=True):
    """A stored event on the stream of all."""

    aggregate: str


class SentEvent(Struct, frozen=True):
    """A server-sent event. ``data``: JSON, a ``StreamedBody`` for an event of the stream."""

    event: str | UnsetType = UNSET
    data: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    retry: Count | UnsetType = UNSET


class EventsBody(Struct, frozen=True):
    """A job's events in order. ``next``: there are more, and this is the position to give as
    ``after``; null at the end."""

    job_id: JobNumber
    events: tuple[EventBody, ...]
    next: PositionNumber | None


class PositionBody(Struct, frozen=True):
    """All that is to be seen up to ``position`` has been sent."""

    position: PositionNumber


def event_body(stored: Stored) -> EventBody:
    """A job's event."""
    event, unreadable, raw_base64 = bytes_of(stored)
    return EventBody(stored.position, event, unreadable, raw_base64)


def streamed_body(stored: Stored) -> StreamedBody:
    """Any event."""
    event, unreadable, raw_base64 = bytes_of(stored)
    return StreamedBody(
        stored.position, event, unreadable, raw_base64, aggregate=str(stored.aggregate)
    )


def bytes_of(stored: Stored) -> tuple[Raw, str | UnsetType, str | UnsetType]:
    """The exact bytes as JSON; for what is no event the reason, and base64 when it is no JSON."""
    if not isinstance(stored.fact, Undecodable):
        return Raw(stored.raw), UNSET, UNSET
    try:
        msgspec.json.decode(stored.raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        coded = base64.b64encode(stored.raw).decode("ascii")
        return Raw(b"null"), stored.fact.reason, coded
    return Raw(stored.raw), stored.fact.reason, UNSET
