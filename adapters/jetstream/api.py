"""JetStream's own JSON: the few answers that are read, and its errors, by number.

Sources: ADR-8 and ADR-31 (direct get), ADR-50 (atomic batch) of nats-architecture-and-design, and
``server/errors.json`` of nats-server 2.15.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

WRONG_LAST_SEQUENCE: Final = frozenset({10071, 10164})
IN_FLIGHT_OR_DUPLICATE: Final = frozenset({10158, 10201})
"""After either only the aggregate's tail says what happened."""

TRY_AGAIN: Final = frozenset({10176, 10210, 10211})
"""A batch was incomplete or too many are in flight: nothing was stored."""

FULL: Final = frozenset({10077, 10023, 10047, 10122})
"""Store failed (max_bytes, disk), insufficient resources, storage or stream limit exceeded."""

NOT_THERE_NOW: Final = frozenset({10008, 10009, 10013, 10014, 10074, 10194})
"""JetStream or the stream is starting, has no leader or is offline: ask again."""

STREAM_NOT_FOUND: Final = 10059
NO_MESSAGE_FOUND: Final = 10037
SUBJECTS_OVERLAP: Final = 10065


class ApiError(Exception):
    """JetStream said no, with a number."""

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(f"NATS error {err_code}: {description}")
        self.code = code
        self.err_code = err_code
        self.description = description


class NoAnswer(Exception):
    """Nothing came back in time, nobody listens, or the connection was lost meanwhile."""


class NotAllowed(NoAnswer):
    """No answer will ever come: the server does not let this user ask. ``words``: what is
    missing."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


class ErrorBody(Struct, frozen=True):
    """The ``error`` of an answer."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class State(Struct, frozen=True):
    """The ``state`` of a stream."""

    messages: int = 0
    bytes: int = 0
    first_seq: int = 0
    last_seq: int = 0
    num_deleted: int = 0


class Peer(Struct, frozen=True):
    """A replica."""

    name: str


class Peers(Struct, frozen=True):
    """The servers that hold a stream; ``leader`` is "" while there is none."""

    leader: str = ""
    replicas: tuple[Peer, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """Server names of leader and replicas."""
        return frozenset({peer.name for peer in self.replicas} | {self.leader}) - {""}


class StreamInfo(Struct, frozen=True):
    """What STREAM.INFO and STREAM.CREATE answer. ``config`` is compared key by key."""

    config: dict[str, Any] = {}
    created: str = ""
    state: State = State()
    cluster: Peers = Peers()


class Delivered(Struct, frozen=True):
    """The last message a consumer delivered, in its own numbering."""

    consumer_seq: int = 0


class ConsumerInfo(Struct, frozen=True):
    """What CONSUMER.CREATE and CONSUMER.INFO answer. ``num_pending``: still to be delivered."""

    name: str
    num_pending: int = 0
    delivered: Delivered = Delivered()


class PubAck(Struct, frozen=True):
    """A durable acknowledgement. In a batch ``seq`` is that of its last message."""

    stream: str = ""
    seq: int = 0
    duplicate: bool = False
    batch: str = ""
    count: int = 0


class _Answer(Struct, frozen=True):
    error: ErrorBody | None = None


def check(data: bytes) -> bytes:
    """``data`` itself. Raises ``ApiError`` when it is an error, or not JSON at all."""
    try:
        error = msgspec.json.decode(data, type=_Answer).error
    except msgspec.MsgspecError as problem:
        raise ApiError(500, 0, f"the answer is not understood: {problem}") from problem
    if error is not None:
        raise ApiError(error.code, error.err_code, error.description)
    return data
