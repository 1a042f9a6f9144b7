"""What the use cases ask of the outside. Several implementations must agree on every word here.

The port of engines is in ``engine``, those of the views in ``views`` and ``view_store``.
"""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct

from domain.errors import CountermandError
from domain.events import Aggregate, Decision, NewEvent, Recorded
from domain.policy import Question

# --- the event log --------------------------------------------------------------------------------


class Undecodable(Struct, frozen=True):
    """Stored bytes that the codec refuses, and why. The raw bytes stay readable for the audit.

    ``actor``: the ``authid`` that the bytes give, "" when they give none.
    """

    aggregate: Aggregate
    version: int | None
    type: str
    reason: str
    actor: str = ""


class Stored(Struct, frozen=True):
    """One event as it lies in the log.

    ``position``: its place in the whole log, rising, 1 or more. ``raw``: the exact bytes, which are
    the evidence: never re-serialised. ``type``: the event's name in the subject, such as
    ``JobCancelRequested``. ``fact``: the decoded event, or why it cannot be decoded.
    """

    position: int
    aggregate: Aggregate
    type: str
    raw: bytes
    fact: Recorded | Undecodable

    @property
    def actor(self) -> str:
        """The name of who brought it about, as they were authenticated; "" when unreadable."""
        fact = self.fact
        return fact.actor if isinstance(fact, Undecodable) else fact.event.caller.actor.name


class Selection(Struct, frozen=True):
    """Which events are wanted: those that match every part that is given; None matches all.

    ``types``: one of these names, as in ``Stored.type``. ``aggregate``: of this one. ``actors``:
    brought about by one of these (``Stored.actor``, exactly); the person acted for does not count.
    """

    types: frozenset[str] | None = None
    aggregate: Aggregate | None = None
    actors: frozenset[str] | None = None

    def matches(self, stored: Stored) -> bool:
        """Whether this event is wanted."""
        return (
            (self.types is None or stored.type in self.types)
            and (self.aggregate is None or stored.aggregate == self.aggregate)
            and (self.actors is None or stored.actor in self.actors)
        )


EVERYTHING: Final = Selection()


class Token(Struct, frozen=True):
    """Where an aggregate ended when it was loaded. Opaque to the use cases, but for ``version``.

    ``version``: number of events, 0 for none. ``position``: log position of the last one, 0 for
    none. ``sha256``: hex digest of its bytes, "" for none.
    """

    version: int = 0
    position: int = 0
    sha256: str = ""


class Write(Struct, frozen=True):
    """Events to append to one aggregate, if it still ends where ``token`` says."""

    aggregate: Aggregate
    events: tuple[NewEvent, ...]
    token: Token


class CaughtUp(Struct, frozen=True):
    """The backlog has been delivered up to ``position``; what follows is live."""

    position: int


class LogIdentity(Struct, frozen=True):
    """Which log this is, how long. ``id`` differs for every creation; ``last`` is 0 when empty."""

    id: str
    first: int
    last: int


class Capability(StrEnum):
    """What only some logs can do."""

    FOLLOW_ACROSS_PROCESSES = "follow_across_processes"


class EventLog(Protocol):
    """The immutable, ordered log of all events of one cluster.

    Errors: ``Conflict`` when an aggregate no longer ends at its token; ``OutcomeUnknown`` when an
    append may have been stored and the log cannot be asked; ``StoreFull`` when it has no room;
    ``Unavailable`` when it does not answer in time; ``Corrupt`` when stored bytes are out of order.
    """

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What this log can do beyond the minimum."""
        ...

    async def identity(self) -> LogIdentity:
        """Which log this is, its first and last position."""
        ...

    async def load(self, aggregate: Aggregate, after: Token = Token()) -> tuple[Stored, ...]:  # noqa: B008
        """All events of ``aggregate`` after ``after``, in order; empty when there is none.

        Raises ``Corrupt`` when versions have a gap or a hash does not chain to ``after``.
        """
        ...

    async def append(self, writes: Sequence[Write]) -> tuple[Token, ...]:
        """Store all events of all ``writes``, durably, or none; the new token of each write.

        Each aggregate may stand in one write only. Bytes and ids are fixed before the first
        attempt; after a lost answer the aggregate's tail is read to find out, so an event is never
        stored twice. Returns only after the storage has synced. The positions of one call's events
        are consecutive.
        """
        ...

    async def append_each(self, writes: Sequence[Write]) -> list[Token | CountermandError]:
        """As ``append`` for each write on its own, and cheaper: its new token, or its error.

        Each aggregate may stand in one write only. What happens to one is no other's trouble.
        """
        ...

    def read(
        self, after: int, *, types: frozenset[str] | None = None, follow: bool = False
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        """Events with a position above ``after``, in order, in batches of at most 1000.

        ``types``: only events with these type names. One ``CaughtUp`` when the backlog that existed
        at the call has been delivered (also when it was empty); with ``follow`` live events come
        next, without end, across reconnects, none lost and none twice; without, the iterator ends.
        Who leaves early closes it (``contextlib.aclosing``).
        Events of other processes are followed only with ``FOLLOW_ACROSS_PROCESSES``.
        """
        ...

    async def close(self) -> None:
        """Release connections. Idempotent."""
        ...


class Mark(Struct, frozen=True):
    """What the journal knows of the log: its identity, and the last event the journal holds."""

    log_id: str
    position: int
    sha256: str


class Journal(Protocol):
    """The second copy of the evidence: exact bytes by aggregate and version, append-only.

    Synchronous; each call is short. Nothing rebuilds it away.
    """

    def mark(self) -> Mark | None:
        """The head, or None for a journal that never belonged to a log."""
        ...

    def adopt(self, log_id: str) -> None:
        """Bind an empty journal to a log. Raises ``Corrupt`` when it belongs to another."""
        ...

    def append(self, events: Sequence[Stored]) -> None:
        """Store the bytes and the new position in one synced commit.

        Positions must continue after the mark's; raises ``Corrupt`` otherwise.
        """
        ...

    def page(
        self, aggregate: Aggregate, after: int, limit: int, bytes_max: int | None = None
    ) -> tuple[Stored, ...]:
        """Events of one aggregate above a position, in order, at most ``limit``.

        Whatever version they say they have. ``bytes_max``: as in ``read``. Empty only at the end.
        """
        ...

    def load(
        self, aggregate: Aggregate, after: Token, limit: int, bytes_max: int
    ) -> tuple[Stored, ...]:
        """As ``page``, for who decides on what it says: each event continues the one before it.

        The first continues ``after``. Raises ``Corrupt`` when versions have a gap or a hash does
        not chain, as the log's own ``load`` does.
        """
        ...

    def last(self, aggregate: Aggregate) -> Stored | None:
        """The latest event of an aggregate that the journal holds, or None."""
        ...

    def at_version(self, aggregate: Aggregate, version: int) -> Stored | None:
        """The first event of an aggregate that says it has this version, or None."""
        ...

    def read(
        self,
        after: int,
        limit: int,
        *,
        until: int | None = None,
        bytes_max: int | None = None,
        only: Selection = EVERYTHING,
    ) -> tuple[Stored, ...]:
        """Events of all aggregates above a position, in order, at most ``limit``.

        ``until``: none above this position. ``bytes_max``: the event with which the bytes (``raw``)
        of the answer reach it is the last one. So an answer of fewer events and fewer bytes is all
        there is up to ``until``. ``only``: what is not wanted is neither decoded nor counted, but
        it is looked at: ``until`` is what keeps such a call short.
        """
        ...

    def first_later_than(self, time: datetime) -> int | None:
        """Position of the first event, in the log's order, whose ``time`` is later, or None."""
        ...

    def close(self) -> None:
        """Release the file. Idempotent."""
        ...


# --- the rest -------------------------------------------------------------------------------------


class Policy(Protocol):
    """Answers whether a person may do something."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the rules in force."""
        ...

    def decide(self, question: Question) -> Decision:
        """The answer with its rules, and all that is needed to compute it again.

        Never raises: what goes wrong is a deny with errors. Allowed is only what was allowed
        without any. Nothing that was not known when it was asked may change it.
        """
        ...


class Rules(Policy, Protocol):
    """A policy that was made of a text, and can be read again by whoever has it."""

    @property
    def schema_digest(self) -> str:
        """SHA-256 (hex) of the schema they are asked with."""
        ...

    @property
    def text(self) -> str:
        """The rules."""
        ...

    @property
    def rule_count(self) -> int:
        """How many there are."""
        ...

    def again(self, decision: Decision) -> Decision:
        """The answer to what a recorded decision was asked. Raises ``ValueError`` for what nobody
        can have asked."""
        ...

    def recalled(self, decision: Decision) -> Decision:
        """As ``again``, and it may remember what it answered before."""
        ...


class ReadRules(Protocol):
    """Makes rules of their text and the text of the schema they are asked with."""

    def __call__(self, text: str, schema: str, /) -> Rules:
        """The rules. Raises ``Misconfigured`` with what is wrong, and in which line."""
        ...


class Clock(Protocol):
    """The service's clock."""

    def now(self) -> datetime:
        """UTC, with microseconds, aware."""
        ...


class Ids(Protocol):
    """Where new ids come from."""

    def new(self) -> str:
        """A new UUIDv7 in its canonical text form."""
        ...


class Reporter(Protocol):
    """Tells people who run the service what happens: a log line of a name and facts."""

    def __call__(self, event: str, **facts: object) -> None:
        """Never raises; ``facts`` hold no secret and no whole payload."""
        ...
