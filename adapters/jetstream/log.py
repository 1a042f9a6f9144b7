"""The event log on a JetStream stream."""

import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct
from nats.aio.msg import Msg

from adapters.jetstream.api import STREAM_NOT_FOUND, ApiError, NoAnswer, StreamInfo
from adapters.jetstream.config import StreamSpec, check_spec
from adapters.jetstream.connection import Connection, ServerAddress, retry_api
from adapters.jetstream.direct import Raw, all_on
from adapters.jetstream.durability import prove_durability
from adapters.jetstream.following import Following
from adapters.jetstream.grouping import GroupCommit
from adapters.jetstream.guard import StreamGuard, hole_words
from adapters.jetstream.guard import identity_of as identity_of
from adapters.jetstream.permitted import prove_permissions
from adapters.jetstream.provision import refuse_different
from adapters.jetstream.publish import Message, Patience, Publisher, StoreDisk, UnseenDisk
from adapters.jetstream.reading import End, Reader
from adapters.jetstream.recent import Recent
from adapters.jetstream.subjects import (
    aggregate_filter,
    place_of,
    probe_subjects,
    subject_and_filter,
    type_filter,
)
from adapters.wire.chain import Chain, Encoded, encode_writes, to_stored, tokens
from adapters.wire.codec import sha256
from application.ports import Capability, CaughtUp, LogIdentity, Stored, Token, Write
from domain.errors import Corrupt, CountermandError, Misconfigured, Unavailable
from domain.events import Aggregate

ANSWER_SECONDS: Final = 2.0
ADVISORIES: Final = "$JS.EVENT.ADVISORY.STREAM"
ADVISORIES_KEPT: Final = 10
STORE_USE_SECONDS: Final = 1.0
MESSAGE_OVERHEAD_BYTES: Final = 512
"""Estimate of an event's headers, subject and record in the store."""


class LogHealth(Struct, frozen=True):
    """How the connection is: ``last_error`` is "" while there was none.

    ``advisories``: the last changes of the stream itself that the server told of, such as
    ``UPDATED 2026-11-23T07:00:00Z``. Only an operator's work explains one.
    """

    connected: bool
    reconnects: int
    last_error: str
    advisories: tuple[str, ...] = ()


class JetStreamLog:
    """``EventLog`` on one stream. Make it with ``open``.

    ``appended_bytes_total``: about how much room our appends have taken in this process.
    ``stored``: told position and hash of the last event of what was stored in one piece, an append
    or a batch of several, once it is acknowledged; also when nobody waits for that any more.
    ``guard``: what the stream must still be; the service's watchdog looks with it.
    """

    def __init__(
        self,
        connection: Connection,
        spec: StreamSpec,
        patience: Patience,
        disk: StoreDisk = UnseenDisk(),  # noqa: B008
    ) -> None:
        self._connection = connection
        self._spec = spec
        self._patience = patience
        self._disk = disk
        self.guard = StreamGuard(connection, spec)
        self._publisher = Publisher(connection, spec.stream, patience, disk, self.guard.prove)
        self._group = GroupCommit(self._store)
        self._recent = Recent(self._stored)
        self._reader = Reader(connection, spec.stream, self._check_same)
        self._following = Following(self._reader, self._recent)
        self._id = ""
        self._use: tuple[float, int] | None = None
        self._appended_bytes = 0
        self.appended_bytes_total = 0
        self.stored: Callable[[int, str], None] = lambda position, sha256: None
        self._advisories: tuple[str, ...] = ()

    @classmethod
    async def open(
        cls,
        address: ServerAddress,
        spec: StreamSpec,
        *,
        monitor_urls: tuple[str, ...],
        accept_loss: str = "",
        patience: Patience = Patience(),  # noqa: B008
        disk: StoreDisk = UnseenDisk(),  # noqa: B008
    ) -> "JetStreamLog":
        """Connect, and prove that the stream is the one of ``spec``, whole, and durable.

        ``disk``: the disk under the store where we can see it (the embedded server knows its own);
        a nats-server whose disk is full does not even answer.
        Raises ``Unavailable`` when nobody answers, ``Misconfigured`` with each difference in the
        configuration or a missing proof of durability, ``Corrupt`` when the stream has lost events.
        """
        check_spec(spec)
        log = cls(await Connection.open(address), spec, patience, disk)
        try:
            info = await log._verify()
            await prove_permissions(log._connection, spec.stream, probe_subjects(spec.cluster))
            await prove_durability(monitor_urls, info.cluster.names, accept_loss)
            await log._watch()
        except BaseException:
            await log.close()
            raise
        return log

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Every process that opens the stream sees what any of them appends."""
        return frozenset({Capability.FOLLOW_ACROSS_PROCESSES})

    @property
    def crowded(self) -> bool:
        """Whether an append waits for others now: more events in it cost no sync of their own."""
        return self._group.crowded

    @property
    def id(self) -> str:
        """Which stream this is: the ``id`` of ``identity``."""
        return self._id

    @property
    def health(self) -> LogHealth:
        """The state of the connection, for the health page."""
        errors = self._connection.errors
        last_error = errors[-1] if errors else ""
        connection = self._connection
        return LogHealth(connection.connected, connection.reconnects, last_error, self._advisories)

    async def identity(self) -> LogIdentity:
        """Which stream this is: our id and the server's time of its creation."""
        info = await self._info()
        self._check_same(info)
        state = info.state
        return LogIdentity(self._id, state.first_seq if state.messages else 0, state.last_seq)

    async def store_use(self) -> tuple[int, int]:
        """Bytes in use and how many there may be: at most a second old, plus what we appended.

        The limit is ``max_bytes``, or less when the disk has not that much left.
        Raises ``Unavailable`` when the stream does not answer.
        """
        now = time.monotonic()
        if self._use is None or now - self._use[0] > STORE_USE_SECONDS:
            self._appended_bytes = 0
            self._use = (now, (await self._info()).state.bytes)
        used = self._use[1] + self._appended_bytes
        return used, min(self._spec.max_bytes, used + self._disk.free_bytes())

    async def load(
        self,
        aggregate: Aggregate,
        after: Token = Token(),  # noqa: B008
    ) -> tuple[Stored, ...]:
        """As ``EventLog.load``. A replica may be stale: the append's guard is the arbiter."""
        deadline = time.monotonic() + self._patience.deadline_seconds
        try:
            return await retry_api(lambda: self._load(aggregate, after), deadline)
        except (NoAnswer, ApiError) as error:
            raise Unavailable(f"{aggregate} cannot be read: {error}") from error

    async def append(self, writes: Sequence[Write]) -> tuple[Token, ...]:
        """As ``EventLog.append``."""
        encoded = encode_writes(writes, self._spec.cluster)
        if not encoded:
            return ()
        messages = [m for w, e in zip(writes, encoded, strict=True) for m in self._messages(w, e)]
        return tokens(encoded, await self._group.store(messages))

    async def append_each(self, writes: Sequence[Write]) -> list[Token | CountermandError]:
        """As ``EventLog.append_each``: as many as fit go out in one batch."""
        answers: dict[int, Token | CountermandError] = {}
        ready: dict[int, tuple[Encoded, ...]] = {}
        for place, write in enumerate(writes):
            try:
                (ready[place],) = encode_writes([write], self._spec.cluster)
            except CountermandError as error:
                answers[place] = error
        calls = [self._messages(writes[place], encoded) for place, encoded in ready.items()]
        stored = await self._group.store_each(calls)
        for (place, encoded), first in zip(ready.items(), stored, strict=True):
            if isinstance(first, int):
                (answers[place],) = tokens([encoded], first)
            else:
                answers[place] = first
        return [answers[place] for place in range(len(writes))]

    async def read(
        self, after: int, *, types: frozenset[str] | None = None, follow: bool = False
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        """As ``EventLog.read``."""
        if types is not None and not types:
            raise ValueError("types is empty: give None for all")
        if types is None and follow:
            async with aclosing(self._following.read(after)) as items:
                async for item in items:
                    yield item
            return
        filters = [type_filter(self._spec.cluster, name) for name in sorted(types or ())]
        async with aclosing(self._reader.read(after, filters, follow)) as batches:
            async for batch in batches:
                if isinstance(batch, End):
                    yield CaughtUp(batch.sequence)
                else:
                    yield tuple(self._stored(raw) for raw in batch)

    async def close(self) -> None:
        """Close the connection; an append under way is not waited for. Idempotent."""
        await self._group.close()
        await self._following.close()
        await self._connection.close()

    async def _load(self, aggregate: Aggregate, after: Token) -> tuple[Stored, ...]:
        cluster = self._spec.cluster
        chain = Chain(aggregate, cluster, after)
        subjects = aggregate_filter(cluster, aggregate)
        stored: list[Stored] = []
        pages = all_on(
            self._connection, self._spec.stream, subjects, after.position + 1, ANSWER_SECONDS
        )
        async with aclosing(pages):
            async for page in pages:
                stored += [
                    chain.follow(raw.sequence, place_of(raw.subject)[1], raw.data) for raw in page
                ]
        return tuple(stored)

    async def _store(self, messages: list[Message]) -> int:
        """Store in one piece, and say so."""
        before = self.guard.head
        first = await self._publisher.store(messages)
        self.guard.check_place(first, before)
        size = sum(len(m.data) + MESSAGE_OVERHEAD_BYTES for m in messages)
        self._appended_bytes += size
        self.appended_bytes_total += size
        last, digest = first + len(messages) - 1, sha256(messages[-1].data)
        self.guard.stored(last, digest)
        self.stored(last, digest)
        return first

    def _messages(self, write: Write, encoded: tuple[Encoded, ...]) -> list[Message]:
        messages = []
        for place, event in enumerate(encoded):
            self._recent.expect(write.aggregate, event)
            subject, guarded = subject_and_filter(self._spec.cluster, write.aggregate, event.type)
            guard = write.token.position if place == 0 else None
            messages.append(Message(subject, guarded, event.id, event.raw, guard))
        return messages

    def _stored(self, raw: Raw) -> Stored:
        aggregate, type_ = place_of(raw.subject)
        return to_stored(raw.sequence, aggregate, type_, raw.data, self._spec.cluster)

    async def _verify(self) -> StreamInfo:
        """The stream at the start: there, configured as wanted, nothing deleted."""
        spec = self._spec
        try:
            info = await self._ask()
        except NoAnswer as error:
            raise Unavailable(f"the stream {spec.stream} does not answer: {error}") from error
        except ApiError as error:
            if error.err_code != STREAM_NOT_FOUND:
                raise Unavailable(f"the stream {spec.stream} does not answer: {error}") from error
            raise Misconfigured(
                f"there is no stream {spec.stream}. On a first start run 'countermand provision';"
                " if it was there before, its store is lost or another one is mounted:"
                " 'countermand mend' makes it again from the journal, 'countermand restore' from a"
                " backup"
            ) from error
        refuse_different(spec, info)
        self._id = identity_of(info)
        refuse_holes(spec.stream, info)
        self.guard.begin(info)
        return info

    async def _watch(self) -> None:
        """Hear of every change of the stream itself."""
        try:
            await self._connection.listen(f"{ADVISORIES}.*.{self._spec.stream}", self._note)
        except NoAnswer as error:
            raise Unavailable(str(error)) from error

    async def _note(self, message: Msg) -> None:
        action = message.subject.removeprefix(f"{ADVISORIES}.").partition(".")[0]
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self._advisories = (*self._advisories, f"{action} {at}")[-ADVISORIES_KEPT:]
        self.guard.heard(action)

    async def _info(self) -> StreamInfo:
        try:
            deadline = time.monotonic() + self._patience.deadline_seconds
            return await retry_api(self._ask, deadline)
        except (NoAnswer, ApiError) as error:
            raise Unavailable(f"the stream does not answer: {error}") from error

    async def _ask(self) -> StreamInfo:
        subject = f"$JS.API.STREAM.INFO.{self._spec.stream}"
        return await self._connection.call(subject, None, StreamInfo, ANSWER_SECONDS)

    def _check_same(self, info: StreamInfo) -> None:
        found = identity_of(info)
        if found != self._id:
            raise Corrupt(
                f"the stream {self._spec.stream} was replaced: it is {found}, and was {self._id}"
            )


def refuse_holes(stream: str, info: StreamInfo) -> None:
    """Raise ``Corrupt`` with every sign of lost events."""
    found = hole_words(info)
    if found:
        lines = "\n".join(f"  - {line}" for line in found)
        raise Corrupt(
            f"the stream {stream} has lost events:\n{lines}\n"
            "'countermand mend' makes it again from the journal"
        )
