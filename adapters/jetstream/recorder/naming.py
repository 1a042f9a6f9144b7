"""The one place that spells streams, subjects and filters of the recorder.

    eventsourcing.<stream>.<originator id>.<version>.<topic>

An event's payload is its state and nothing else, so a JetStream consumer can filter by aggregate
and by topic without reading it, and reads it without a format of ours around it.
"""

import re
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote
from uuid import UUID

from eventsourcing.persistence import DataError
from msgspec import Struct

from domain.errors import Corrupt

ROOT: Final = "eventsourcing"
EVENTS: Final = "events"
"""The library's purpose of the recorder that keeps an application's events."""

NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
PURPOSE_MARK: Final = "+"
"""Between name and purpose; not allowed in a name, so that no two streams can meet."""

TOKEN_BYTES_MAX: Final = 1000
"""A subject holds two of them, and a line of the protocol 4096 bytes with two subjects in it."""

LATE: Final = "~"
TOKENS: Final = 5


class Place(Struct, frozen=True):
    """What a stored subject says: whose event, and its place among the events of its aggregate.

    ``rising``: whether the versions of the aggregate rise from its first event up to this one, as
    those of an application always do. Only then is the last event the one with the highest version.
    """

    originator: str
    version: int
    topic: str
    rising: bool


class Naming(Struct, frozen=True):
    """The names of one stream. ``uuid_ids``: whether originator ids are UUIDs or text."""

    stream: str
    uuid_ids: bool

    @property
    def all(self) -> str:
        """What the stream keeps."""
        return f"{ROOT}.{self.stream}.>"

    @property
    def probe(self) -> str:
        """A subject as events have them, of no event."""
        return f"{ROOT}.{self.stream}.permission-probe.0.permission-probe"

    def token(self, originator_id: UUID | str) -> str:
        """An originator id as a token: of a UUID its 32 digits. Raises ``DataError``."""
        if isinstance(originator_id, UUID):
            return originator_id.hex
        if not self.uuid_ids:
            return to_token(originator_id)
        try:
            return UUID(originator_id).hex
        except (ValueError, AttributeError, TypeError) as error:
            raise DataError(
                f"the originator id {str(originator_id)[:80]!r} is no UUID: with"
                " ORIGINATOR_ID_TYPE=text any text may be one"
            ) from error

    def originator_id(self, token: str) -> UUID | str:
        """The id behind a token."""
        return UUID(token) if self.uuid_ids else from_token(token)

    def of_aggregate(self, originator: str) -> str:
        """The filter over all events of an aggregate: what every guard on it carries."""
        return f"{ROOT}.{self.stream}.{originator}.*.*"

    def at_version(self, originator: str, version: int) -> str:
        """The filter over the event of that version, unless it came late."""
        return f"{ROOT}.{self.stream}.{originator}.{version}.*"

    def with_topic(self, topic: str) -> str:
        """The filter over all events of a topic."""
        return f"{ROOT}.{self.stream}.*.*.{to_token(topic)}"

    def subject(self, place: Place) -> str:
        """The subject of an event. ``place.originator`` is a token."""
        version = f"{place.version}{'' if place.rising else LATE}"
        return f"{ROOT}.{self.stream}.{place.originator}.{version}.{to_token(place.topic)}"

    def place(self, subject: str) -> Place:
        """What a stored subject says. Raises ``Corrupt`` for one that no recorder made."""
        parts = subject.split(".")
        digits = parts[3].removesuffix(LATE) if len(parts) == TOKENS else ""
        if not digits.removeprefix("-").isdecimal():
            raise Corrupt(f"{self.stream} holds {subject[:200]!r}, which no recorder made")
        return Place(parts[2], int(digits), from_token(parts[4]), not parts[3].endswith(LATE))


def stream_name(name: str, purpose: str) -> str:
    """The stream for a purpose of the library: ``name`` for events, ``name+purpose`` for others.

    Raises ``ValueError`` for a name or purpose that is not 1 to 64 letters, digits, '_' and '-'.
    """
    for text in (name, purpose):
        if NAME.fullmatch(text) is None:
            raise ValueError(f"{text[:80]!r} must be 1 to 64 of letters, digits, '_' and '-'")
    return name if purpose == EVENTS else f"{name}{PURPOSE_MARK}{purpose}"


@lru_cache(maxsize=4096)
def to_token(text: str) -> str:
    """``text`` as one token of a subject: a dot becomes a slash, what is special an escape.

    Different texts have different tokens. Raises ``DataError`` when it is empty or too long.
    """
    try:
        token = quote(text, safe=":").replace(".", "/")
    except (TypeError, UnicodeEncodeError) as error:
        raise DataError(f"{text!r} is no text that can be stored as an id or topic") from error
    if not 0 < len(token) <= TOKEN_BYTES_MAX:
        raise DataError(
            f"an id or topic has 1 to {TOKEN_BYTES_MAX} characters, an escaped one counts three:"
            f" {text[:80]!r} has {len(token)}"
        )
    return token


@lru_cache(maxsize=4096)
def from_token(token: str) -> str:
    """The text behind a token."""
    return unquote(token.replace("/", "."))
