"""Appending: one guarded publish, or one atomic batch; and finding out what a lost answer meant.

The rule is the same for every unclear answer: read the first event after the token on each
aggregate. Our own id and bytes there: stored. Something else there: a conflict. Nothing there:
publish the same bytes again, under the same guard. A publish that is still on its way cannot do
harm then: both carry the same expected sequence, so the stream takes at most one.
"""

import asyncio
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from adapters.jetstream import api
from adapters.jetstream.api import ApiError, NoAnswer, NotAllowed, PubAck
from adapters.jetstream.connection import Connection
from adapters.jetstream.direct import MESSAGE_ID, Raw, last_on, next_on
from domain.errors import Conflict, Corrupt, OutcomeUnknown, StoreFull, Unavailable

BATCH_EVENTS_MAX: Final = 1000
FREE_BYTES_MIN: Final = 1024**2
PAUSE_SECONDS_MIN: Final = 0.01
PAUSE_SECONDS_MAX: Final = 0.5

EXPECTED_STREAM: Final = "Nats-Expected-Stream"
EXPECTED_SEQUENCE: Final = "Nats-Expected-Last-Subject-Sequence"
EXPECTED_SUBJECT: Final = "Nats-Expected-Last-Subject-Sequence-Subject"
BATCH_ID: Final = "Nats-Batch-Id"
BATCH_SEQUENCE: Final = "Nats-Batch-Sequence"
BATCH_COMMIT: Final = "Nats-Batch-Commit"


class Message(Struct, frozen=True):
    """One event to publish. ``guard``: where its aggregate must end; on its first event only."""

    subject: str
    filter: str
    id: str
    data: bytes
    guard: int | None


class Patience(Struct, frozen=True):
    """How long an append may take in all, and how long each answer may, in seconds."""

    deadline_seconds: float = 5.0
    answer_seconds: float = 1.5


class StoreDisk(Protocol):
    """The disk under the store, where we can see it."""

    def free_bytes(self) -> int:
        """What it has left. Raises ``OSError``."""
        ...

    async def recover(self) -> None:
        """Have the server write again if it says that it cannot, although its disk has room."""
        ...


class UnseenDisk:
    """The disk of somebody else's server: taken to have room."""

    def free_bytes(self) -> int:
        """No limit that we know of."""
        return sys.maxsize

    async def recover(self) -> None:
        """Its operator's business."""


async def taken_as_it_is() -> None:
    """For a stream that nobody watches."""


class Publisher:
    """Stores messages on one stream, all of one call or none, exactly once.

    ``prove``: asked before each attempt whether the stream is still the one it was; raises
    ``ReadOnly`` when it is not, ``NoAnswer`` while nobody can say. ``in_doubt``: the same question
    after an attempt without a clear answer; raises what makes another one vain.
    """

    def __init__(
        self,
        connection: Connection,
        stream: str,
        patience: Patience,
        disk: StoreDisk,
        prove: Callable[[], Awaitable[None]] = taken_as_it_is,
        in_doubt: Callable[[], Awaitable[None]] = taken_as_it_is,
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._patience = patience
        self._disk = disk
        self._was_full = False
        self._prove = prove
        self._in_doubt = in_doubt

    async def store(self, messages: list[Message]) -> int:
        """The sequence of the first message; the others follow without a gap.

        Raises ``Conflict``, ``StoreFull``, ``Unavailable`` (nothing was stored), ``ReadOnly``,
        ``OutcomeUnknown``, ``Corrupt`` (the stream lost what the guard names).
        """
        deadline = time.monotonic() + self._patience.deadline_seconds
        if not await self._connection.wait_connected(self._patience.deadline_seconds):
            raise Unavailable("the NATS server cannot be reached; nothing was sent")
        await self._recover_disk()
        pause, doubt = PAUSE_SECONDS_MIN, Doubt.NONE
        while True:
            try:
                await self._prove()
                return await self._attempt(messages)
            except NotAllowed as error:
                raise Unavailable(f"nothing was stored: {error}") from error
            except NoAnswer:
                doubt = Doubt.OUTCOME
            except ApiError as error:
                doubt = max(doubt, _judge(error))
            if doubt and (found := await self._look(messages, deadline)) is not None:
                return found
            await self._in_doubt()
            self._check_disk()
            await self._disk.recover()
            await self._pause(pause, deadline, messages, doubt)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    async def _attempt(self, messages: list[Message]) -> int:
        """Publish once. Raises ``NoAnswer`` and ``ApiError``, a duplicate included."""
        if len(messages) == 1:
            ack = await self._send(messages[0], self._headers(messages[0]))
            if ack.duplicate:
                raise ApiError(400, 10201, "a message with this id was seen before")
            return ack.seq
        ack = await self._batch(messages)
        return ack.seq - len(messages) + 1

    async def _batch(self, messages: list[Message]) -> PubAck:
        batch = uuid.uuid4().hex
        for place, message in enumerate(messages[:-1], start=1):
            headers = self._headers(message, batch, place)
            if place == 1:
                await self._open(message, headers)
            else:
                await self._connection.publish(message.subject, message.data, headers)
        headers = self._headers(messages[-1], batch, len(messages)) | {BATCH_COMMIT: "1"}
        ack = await self._send(messages[-1], headers)
        if ack.batch != batch or ack.count != len(messages):
            raise ApiError(400, 10176, f"the batch was committed with {ack.count} messages")
        return ack

    async def _open(self, message: Message, headers: dict[str, str]) -> None:
        seconds = self._patience.answer_seconds
        answer = await self._connection.request(message.subject, message.data, seconds, headers)
        if answer.data:
            api.check(answer.data)

    async def _send(self, message: Message, headers: dict[str, str]) -> PubAck:
        seconds = self._patience.answer_seconds
        answer = await self._connection.request(message.subject, message.data, seconds, headers)
        ack = msgspec.json.decode(api.check(answer.data), type=PubAck)
        if ack.stream != self._stream or ack.seq < 1:
            raise Corrupt(f"stream {ack.stream!r} acknowledged what was meant for {self._stream!r}")
        return ack

    def _headers(self, message: Message, batch: str = "", place: int = 0) -> dict[str, str]:
        headers = {EXPECTED_STREAM: self._stream, MESSAGE_ID: message.id}
        if message.guard is not None:
            headers[EXPECTED_SEQUENCE] = str(message.guard)
            headers[EXPECTED_SUBJECT] = message.filter
        if batch:
            headers |= {BATCH_ID: batch, BATCH_SEQUENCE: str(place)}
        return headers

    async def _look(self, messages: list[Message], deadline: float) -> int | None:
        """The sequence of our first event if it is stored; None when nothing follows the guards.

        Raises ``Conflict`` when something else did, ``OutcomeUnknown`` when nobody can say.
        """
        guarded = [(place, m) for place, m in enumerate(messages) if m.guard is not None]
        looks = (self._first_after(message, deadline) for _, message in guarded)
        found = await asyncio.gather(*looks, return_exceptions=True)
        for (place, message), after in zip(guarded, found, strict=True):
            if isinstance(after, Raw) and (after.id, after.data) == (message.id, message.data):
                return after.sequence - place
        for after in found:
            if isinstance(after, BaseException):
                raise after
        if any(after is not None for after in found):
            raise Conflict("another event was appended first; load again and decide again")
        return None

    async def _first_after(self, message: Message, deadline: float) -> Raw | None:
        guard = message.guard or 0
        while True:
            try:
                await self._connection.wait_connected(deadline - time.monotonic())
                return await next_on(
                    self._connection,
                    self._stream,
                    message.filter,
                    guard + 1,
                    self._answer(deadline),
                )
            except (NoAnswer, ApiError) as error:
                if time.monotonic() >= deadline:
                    raise OutcomeUnknown(
                        f"it may have been stored, and the stream cannot be asked: {error}"
                    ) from error
                await self._in_doubt()
                await asyncio.sleep(PAUSE_SECONDS_MIN)

    def _answer(self, deadline: float) -> float:
        left = deadline - time.monotonic()
        return max(min(self._patience.answer_seconds, left), PAUSE_SECONDS_MIN)

    async def _pause(
        self, seconds: float, deadline: float, messages: list[Message], doubt: "Doubt"
    ) -> None:
        """Wait before the next attempt. Raises when there is no time for one."""
        if time.monotonic() + seconds < deadline:
            await asyncio.sleep(seconds)
            await self._connection.wait_connected(deadline - time.monotonic())
            return
        if doubt is Doubt.NONE:
            raise Unavailable("the stream has too many batches in flight; nothing was stored")
        if doubt is Doubt.GUARD:
            await self._check_not_lost(messages)
        raise OutcomeUnknown("no clear answer in time: it may still be stored")

    def _check_disk(self) -> None:
        """Measured: when its disk is full a nats-server stores nothing and says nothing useful.

        A single publish gets no answer, a batch is "incomplete" (10176).
        """
        free = self._disk.free_bytes()
        if free < FREE_BYTES_MIN:
            self._was_full = True
            raise StoreFull(f"the disk of the store has {free} bytes left; nothing was stored")

    async def _recover_disk(self) -> None:
        """Measured: a stream whose write failed refuses every later one, until a restart."""
        if self._was_full and self._disk.free_bytes() >= FREE_BYTES_MIN:
            self._was_full = False
            await self._disk.recover()

    async def _check_not_lost(self, messages: list[Message]) -> None:
        """The guard was refused, yet nothing came after it: is what it names still there?"""
        for message in messages:
            try:
                last = await last_on(
                    self._connection, self._stream, message.filter, self._patience.answer_seconds
                )
            except (NoAnswer, ApiError):
                continue
            ends = last.sequence if last else 0
            if message.guard is not None and ends < message.guard:
                raise Corrupt(
                    f"{message.filter} ends at {ends} in the stream, but ended at"
                    f" {message.guard} before: the stream has lost events"
                )


class Doubt(IntEnum):
    """What is not known after an attempt. NONE: nothing was stored, for certain."""

    NONE = 0
    GUARD = 1
    OUTCOME = 2


def _judge(error: ApiError) -> Doubt:
    """What a refusal leaves in doubt. Raises what needs no second attempt."""
    number = error.err_code
    if number in api.FULL:
        raise StoreFull(f"the store has no room ({error}); nothing was stored") from error
    if number in api.WRONG_LAST_SEQUENCE:
        return Doubt.GUARD
    if number in api.IN_FLIGHT_OR_DUPLICATE or number in api.NOT_THERE_NOW:
        return Doubt.OUTCOME
    if number in api.TRY_AGAIN:
        return Doubt.NONE
    raise Unavailable(f"the stream refused the event ({error}); nothing was stored") from error
