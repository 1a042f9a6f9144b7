"""Events that are known put into an empty stream: same bytes, same order, same sequences.

Each carries the headers of a single publish of the service: which stream, its id, and the guard on
its aggregate, so that the server itself refuses an order that is another one.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from adapters.jetstream.api import ApiError, NoAnswer, PubAck, check
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import Connection
from adapters.jetstream.direct import MESSAGE_ID
from adapters.jetstream.publish import (
    EXPECTED_SEQUENCE,
    EXPECTED_STREAM,
    EXPECTED_SUBJECT,
)
from adapters.jetstream.subjects import subject_and_filter
from application.fsck import Copy
from domain.errors import Corrupt, Unavailable
from domain.events import Aggregate

AT_ONCE: Final = 500
ANSWER_SECONDS: Final = 60.0


class _Named(Struct, frozen=True):
    id: str


class Restorer:
    """Fills one stream, from its beginning. ``last``: the sequence of the latest event."""

    def __init__(self, connection: Connection, spec: StreamSpec) -> None:
        self.last = 0
        self._connection = connection
        self._spec = spec
        self._ends: dict[Aggregate, int] = {}

    async def put(self, events: Sequence[Copy]) -> None:
        """Store these; return when all are. Raises ``Corrupt`` when one got another sequence."""
        for first in range(0, len(events), AT_ONCE):
            *most, final = events[first : first + AT_ONCE]
            try:
                for event in most:
                    subject, headers = self._dressed(event)
                    await self._connection.publish(subject, event.raw, headers)
                await self._finally(final)
            except NoAnswer as error:
                raise Unavailable(f"the new stream does not answer: {error}") from error

    async def _finally(self, event: Copy) -> None:
        """The last of some: its sequence says that all before it were stored, once."""
        subject, headers = self._dressed(event)
        answer = await self._connection.request(subject, event.raw, ANSWER_SECONDS, headers)
        try:
            ack = msgspec.json.decode(check(answer.data), type=PubAck)
        except ApiError as error:
            raise Corrupt(f"event {event.position} could not be restored: {error}") from error
        if ack.seq != event.position or ack.duplicate:
            raise Corrupt(f"event {event.position} got the sequence {ack.seq}")
        self.last = ack.seq

    def _dressed(self, event: Copy) -> tuple[str, dict[str, str]]:
        subject, guarded = subject_and_filter(self._spec.cluster, event.aggregate, event.type)
        headers = {
            EXPECTED_STREAM: self._spec.stream,
            EXPECTED_SEQUENCE: str(self._ends.get(event.aggregate, 0)),
            EXPECTED_SUBJECT: guarded,
        }
        self._ends[event.aggregate] = event.position
        named = id_of(event.raw)
        return subject, headers | ({MESSAGE_ID: named} if named else {})


def id_of(raw: bytes) -> str:
    """The event's id, "" where the bytes give none."""
    try:
        return msgspec.json.decode(raw, type=_Named).id
    except (msgspec.MsgspecError, UnicodeError):
        return ""
