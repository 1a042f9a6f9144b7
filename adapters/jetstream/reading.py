"""Reading the stream in order: backlog, marker, live; across reconnects and restarts.

One ``_Session`` is the life of one short-lived pull consumer, without acknowledgements. Whenever it
may have missed something (a lost connection, missed heartbeats, a hole in its own numbering) it
ends, and the next one starts after the last sequence delivered. So nothing is lost or comes twice.
"""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

from msgspec import Struct

from adapters.jetstream.api import STREAM_NOT_FOUND, ApiError, NoAnswer, NotAllowed, StreamInfo
from adapters.jetstream.client import Arrived
from adapters.jetstream.config import SECOND
from adapters.jetstream.connection import Connection
from adapters.jetstream.direct import Raw
from adapters.jetstream.pull import Lost, Pull
from domain.errors import Corrupt, Unavailable

BATCH_EVENTS_MAX: Final = 1000
INACTIVE_SECONDS: Final = 300
ANSWER_SECONDS: Final = 2.0
RETRY_SECONDS_MIN: Final = 0.05
RETRY_SECONDS_MAX: Final = 2.0
BACKLOG_PATIENCE_SECONDS: Final = 30.0
"""Without ``follow``: how long the stream may stay unreachable before the read gives up."""

ACK_TOKENS: Final = 9
"""$JS.ACK.stream.consumer.delivered.sequence.place.time.pending; newer servers put two before."""


class Place(Struct, frozen=True):
    """Where a delivered message lies: in the stream, and in its consumer's own numbering."""

    sequence: int
    delivery: int
    pending: int


class End(Struct, frozen=True):
    """The backlog ends here."""

    sequence: int


class Reader:
    """Reads one stream. ``check`` is asked at each start whether it is still the same stream."""

    def __init__(
        self, connection: Connection, stream: str, check: Callable[[StreamInfo], None]
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._check = check

    async def read(
        self, after: int, filters: list[str], follow: bool, *, holes: bool = False
    ) -> AsyncGenerator[list[Raw] | End, None]:
        """Messages above ``after`` on ``filters`` (none: all), in batches of at most 1000.

        ``holes``: also of an unfiltered stream that has gaps.

        One ``End`` when what was there at the call has been delivered. Raises ``Corrupt`` when the
        stream is shorter than ``after`` or, without filters and ``holes``, has a gap;
        ``Unavailable`` without ``follow`` when it cannot be reached for 30 s.
        """
        progress = _Progress(after, filters, holes)
        patience = time.monotonic() + BACKLOG_PATIENCE_SECONDS
        pause = RETRY_SECONDS_MIN
        while True:
            last = progress.last
            try:
                async with aclosing(self._session(progress)) as items:
                    async for item in items:
                        yield item
                        if isinstance(item, End) and not follow:
                            return
            except (NoAnswer, ApiError, Lost) as error:
                if isinstance(error, ApiError) and error.err_code == STREAM_NOT_FOUND:
                    raise Corrupt(f"the stream {self._stream} is gone: {error}") from error
                hopeless = isinstance(error, NotAllowed) or time.monotonic() > patience
                if not follow and hopeless:
                    raise Unavailable(f"the stream cannot be read: {error}") from error
            if progress.last > last:
                patience = time.monotonic() + BACKLOG_PATIENCE_SECONDS
                pause = RETRY_SECONDS_MIN
            await asyncio.sleep(pause)
            await self._connection.wait_connected(RETRY_SECONDS_MAX)
            pause = min(pause * 2, RETRY_SECONDS_MAX)

    async def _session(self, progress: "_Progress") -> AsyncGenerator[list[Raw] | End, None]:
        info = await self._info()
        self._check(info)
        progress.begin(info.state.last_seq)
        if progress.backlog_is_done():
            yield progress.end()
        session = _Session(self._connection, self._stream, progress)
        try:
            async with aclosing(session.run()) as items:
                async for item in items:
                    yield item
        finally:
            await session.close()

    async def _info(self) -> StreamInfo:
        subject = f"$JS.API.STREAM.INFO.{self._stream}"
        return await self._connection.call(subject, None, StreamInfo, ANSWER_SECONDS)


class _Progress:
    """How far the reader has come, across sessions."""

    def __init__(self, after: int, filters: list[str], holes: bool) -> None:
        self.last = after
        self._holes = holes
        self.filters = filters
        self._target: int | None = None
        self._ended = False

    def begin(self, last_seq: int) -> None:
        """A session starts while the stream ends at ``last_seq``."""
        if last_seq < self.last:
            raise Corrupt(f"the stream ends at {last_seq}, but {self.last} was there before")
        if self._target is None:
            self._target = last_seq

    def backlog_is_done(self) -> bool:
        return not self._ended and self._target is not None and self.last >= self._target

    def end(self) -> End:
        """The marker; once."""
        self._ended = True
        return End(max(self._target or 0, self.last))

    @property
    def ended(self) -> bool:
        return self._ended

    def passes_target(self, sequence: int) -> bool:
        """Whether ``sequence`` came after the call, so that the marker goes before it."""
        return not self._ended and self._target is not None and sequence > self._target

    def follows(self, sequence: int) -> bool:
        """Whether ``sequence`` may come next."""
        return bool(self.filters) or self._holes or sequence == self.last + 1

    def note(self, sequence: int) -> None:
        """``sequence`` goes out now. Raises ``Corrupt`` for a gap in an unfiltered stream."""
        if not self.follows(sequence):
            raise Corrupt(f"the stream has no event {self.last + 1}, but {sequence}")
        self.last = sequence


class _Session:
    """One consumer: what it delivers, in order, until something may have been missed."""

    def __init__(self, connection: Connection, stream: str, progress: _Progress) -> None:
        self._connection = connection
        self._stream = stream
        self._progress = progress
        self._pull = Pull(connection, stream, f"r{uuid.uuid4().hex}")
        self._deliveries = 0
        self._caught_up = False

    async def run(self) -> AsyncGenerator[list[Raw] | End, None]:
        """Batches and the marker. Raises ``Lost``, ``NoAnswer``, ``ApiError``, ``Corrupt``."""
        created = await self._pull.start(self._consumer())
        self._caught_up = created.num_pending == 0
        while True:
            if self._caught_up and not self._progress.ended:
                yield self._progress.end()
            await self._pull.renew()
            await self._pull.wait()
            batch = self._take()
            if batch:
                yield batch
                await asyncio.sleep(0)
            elif not self._progress.ended:
                self._caught_up = self._caught_up or await self._nothing_left()

    async def close(self) -> None:
        """Give the consumer up."""
        await self._pull.close()

    def _consumer(self) -> dict[str, object]:
        return {
            "name": self._pull.name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": self._progress.last + 1,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": INACTIVE_SECONDS * SECOND,
            "filter_subjects": self._progress.filters,
        }

    def _take(self) -> list[Raw]:
        """What arrived, up to the marker's place. A hole ends the batch; it raises when first."""
        batch: list[Raw] = []
        queue = self._pull.queue
        while queue and len(batch) < BATCH_EVENTS_MAX:
            place = place_of(queue[0])
            if self._progress.passes_target(place.sequence):
                self._caught_up = True
                break
            if place.delivery != self._deliveries + 1:
                if batch:
                    break
                raise Lost(f"delivery {place.delivery} came after {self._deliveries}")
            if batch and not self._progress.follows(place.sequence):
                break
            self._progress.note(place.sequence)
            self._deliveries = place.delivery
            message = queue.popleft()
            batch.append(Raw(place.sequence, message.subject, message.data))
            self._caught_up = self._caught_up or place.pending == 0
        return batch

    async def _nothing_left(self) -> bool:
        """Whether the server has nothing more for this consumer; asked when it has gone quiet."""
        if self._pull.queue or self._caught_up:
            return False
        info = await self._pull.info()
        return info.num_pending == 0 and info.delivered.consumer_seq == self._deliveries


def place_of(message: Arrived) -> Place:
    """The place of a delivered message, from its reply subject."""
    tokens = message.reply.split(".")
    shift = 0 if len(tokens) == ACK_TOKENS else 2
    try:
        return Place(int(tokens[5 + shift]), int(tokens[6 + shift]), int(tokens[8 + shift]))
    except (IndexError, ValueError) as error:
        raise Lost(f"the reply subject {message.reply!r} names no place") from error
