"""An aggregate's chain: versions 1, 2, 3 without a gap, each event carrying the hash of the last.

Every event log makes and checks the chain in the same way.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from adapters.wire.codec import Decoded, decode, encode, sha256
from adapters.wire.names import type_token
from application.ports import Stored, Token, Write
from domain.errors import BadRequest, Corrupt
from domain.events import Aggregate, Recorded

APPEND_EVENTS_MAX: Final = 1000
"""Events of one append: what an atomic batch of the stream holds."""


class Encoded(Struct, frozen=True):
    """An event ready to be stored: fixed before the first attempt. ``raw`` decodes to ``fact``."""

    id: str
    type: str
    version: int
    raw: bytes
    sha256: str
    fact: Recorded


def encode_writes(writes: Sequence[Write], cluster: str) -> list[tuple[Encoded, ...]]:
    """The bytes of every event of every write, chained to the tokens.

    Raises ``BadRequest`` when an aggregate stands in two writes, a write is empty, there are more
    than 1000 events, two have the same id, or an event cannot be encoded.
    """
    if len({write.aggregate for write in writes}) < len(writes):
        raise BadRequest("each aggregate may stand in one write only")
    if not all(write.events for write in writes):
        raise BadRequest("a write has no events")
    ids = [event.id for write in writes for event in write.events]
    if len(ids) > APPEND_EVENTS_MAX:
        raise BadRequest(f"at most {APPEND_EVENTS_MAX} events fit into one append")
    if len(set(ids)) < len(ids):
        raise BadRequest("two events of one append have the same id")
    return [_encode_write(write, cluster) for write in writes]


def _encode_write(write: Write, cluster: str) -> tuple[Encoded, ...]:
    version, previous = write.token.version, write.token.sha256
    encoded = []
    for event in write.events:
        version += 1
        raw = encode(event, write.aggregate, cluster, version, previous)
        previous = sha256(raw)
        fact = Recorded(write.aggregate, version, event)
        type_ = type_token(type(event.data))
        encoded.append(Encoded(event.id, type_, version, raw, previous, fact))
    return tuple(encoded)


def tokens(encoded: Sequence[tuple[Encoded, ...]], first_position: int) -> tuple[Token, ...]:
    """The new token of each write, when the first event went to ``first_position``."""
    made, position = [], first_position - 1
    for events in encoded:
        position += len(events)
        made.append(Token(events[-1].version, position, events[-1].sha256))
    return tuple(made)


def to_stored(position: int, aggregate: Aggregate, type_: str, raw: bytes, cluster: str) -> Stored:
    """A stored event with its fact, or with the reason why it has none."""
    return Stored(position, aggregate, type_, raw, decode(raw, cluster, aggregate, type_).fact)


class Chain:
    """Checks one aggregate's events in order, from a token on."""

    def __init__(self, aggregate: Aggregate, cluster: str, after: Token) -> None:
        self._aggregate = aggregate
        self._cluster = cluster
        self._token = after
        self._broken = False

    def follow(self, position: int, type_: str, raw: bytes) -> Stored:
        """The next event. Raises ``Corrupt`` when its version or hash does not continue the chain.

        After bytes without a readable envelope nothing can be checked any more.
        """
        decoded = decode(raw, self._cluster, self._aggregate, type_)
        self._broken = self._broken or decoded.version is None
        if not self._broken:
            self._check(position, decoded)
        self._token = Token(self._token.version + 1, position, sha256(raw))
        return Stored(position, self._aggregate, type_, raw, decoded.fact)

    def _check(self, position: int, decoded: Decoded) -> None:
        where = f"event at position {position} of {self._aggregate}"
        if decoded.version != self._token.version + 1:
            raise Corrupt(
                f"{where} has version {decoded.version}, expected {self._token.version + 1}"
            )
        if decoded.previous_sha256 != self._token.sha256:
            raise Corrupt(
                f"{where} (version {decoded.version}) carries the hash"
                f" {decoded.previous_sha256 or 'none'} of the event before,"
                f" which is {self._token.sha256 or 'none'}"
            )
