"""JetStream's own snapshots of a stream: taken while it is used, and put back as a stream.

A snapshot is a compressed archive of the stream's blocks, in chunks that are acknowledged, so that
no more than a window of them is under way. Measured (nats-server 2.15.1): the last chunk asks for
no acknowledgement, an empty message with status 204 ends them, another status says what went wrong;
sequences, subjects, headers, bytes and times survive, the time of the stream's creation does not.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Final

import msgspec
from msgspec import Raw, Struct
from nats.aio.msg import Msg
from nats.errors import Error

from adapters.jetstream.api import FULL, ApiError, NoAnswer, State, StreamInfo, check
from adapters.jetstream.connection import Connection, status_of
from domain.errors import Corrupt, StoreFull, Unavailable

CHUNK_BYTES: Final = 128 * 1024
WINDOW_BYTES: Final = 4 * 1024**2
BEGIN_SECONDS: Final = 300.0
"""The server reads every block first, to see that it is whole."""

CHUNK_SECONDS: Final = 60.0
END_SECONDS: Final = 600.0
"""To unpack and open what was put back."""

ENDED: Final = frozenset({"", "204"})


class Snapshot(Struct, frozen=True):
    """A snapshot that is on its way. ``config``, ``state``: as the server says them, in JSON."""

    config: Raw
    state: Raw
    created: str
    chunks: AsyncGenerator[bytes, None]

    @property
    def info(self) -> StreamInfo:
        """The stream as it was at the beginning of it."""
        config = msgspec.json.decode(self.config, type=dict)
        state = msgspec.json.decode(self.state, type=State)
        return StreamInfo(config=config, created=self.created, state=state)


class _Begun(Struct, frozen=True):
    config: Raw
    state: Raw


class _Target(Struct, frozen=True):
    deliver_subject: str


ACKS: Final = "$JS.SNAPSHOT."
"""What the chunks of a snapshot are acknowledged to begins so."""


@asynccontextmanager
async def snapshot_of(connection: Connection, stream: str, created: str) -> AsyncIterator[Snapshot]:
    """A snapshot of a stream, its chunks to be read once. ``created``: as its info says.

    A chunk is acknowledged when the next one is asked for. Raises ``Unavailable``; while the
    chunks are read too, when they end early.
    """
    arrived: asyncio.Queue[Msg | None] = asyncio.Queue()
    inbox = connection.new_inbox()

    async def deliver(message: Msg) -> None:
        arrived.put_nowait(message)

    subscription = await connection.subscribe(inbox, deliver)
    forget = connection.on_lost(lambda: arrived.put_nowait(None))
    end = connection.on_refused(ACKS, lambda words: arrived.put_nowait(None))
    body = {
        "deliver_subject": inbox,
        "no_consumers": True,
        "jsck": True,
        "chunk_size": CHUNK_BYTES,
        "window_size": WINDOW_BYTES,
    }
    try:
        begun = await connection.call(
            f"$JS.API.STREAM.SNAPSHOT.{stream}", body, _Begun, BEGIN_SECONDS
        )
        chunks = _chunks(connection, arrived)
        yield Snapshot(begun.config, begun.state, created, chunks)
    except (NoAnswer, ApiError) as error:
        raise Unavailable(f"no snapshot of the stream {stream} was given: {error}") from error
    finally:
        forget()
        end()
        with suppress(Error, OSError):
            await subscription.unsubscribe()


async def _chunks(
    connection: Connection, arrived: "asyncio.Queue[Msg | None]"
) -> AsyncGenerator[bytes, None]:
    while True:
        try:
            async with asyncio.timeout(CHUNK_SECONDS):
                message = await arrived.get()
        except TimeoutError as error:
            raise Unavailable(f"the snapshot stopped for {CHUNK_SECONDS:.0f} s") from error
        if message is None:
            why = connection.denials[-1] if connection.connected else "the connection was lost"
            raise Unavailable(f"the snapshot ended in its middle: {why}")
        if not message.data:
            if status_of(message) not in ENDED:
                words = (message.headers or {}).get("Description", "")
                raise Unavailable(f"the snapshot ended early: {status_of(message)} {words}")
            return
        yield message.data
        if message.reply:
            await connection.publish(message.reply, b"", {})


async def put_back(
    connection: Connection,
    stream: str,
    config: Raw,
    state: Raw,
    chunks: Iterable[bytes],
    told: Callable[[int], None],
) -> StreamInfo:
    """Make a stream, which must not be there, from a snapshot. ``told``: bytes sent so far.

    Raises ``Corrupt`` when the server does not take it for one, ``StoreFull``, ``Unavailable``.
    """
    subject = f"$JS.API.STREAM.RESTORE.{stream}"
    sent = 0
    try:
        body = {"config": config, "state": state}
        target = await connection.call(subject, body, _Target, CHUNK_SECONDS)
        for chunk in chunks:
            answer = await connection.request(target.deliver_subject, chunk, CHUNK_SECONDS)
            if answer.data:
                check(answer.data)
            sent += len(chunk)
            told(sent)
        end = await connection.request(target.deliver_subject, b"", END_SECONDS)
        return msgspec.json.decode(check(end.data), type=StreamInfo)
    except ApiError as error:
        if error.err_code in FULL:
            raise StoreFull(f"there is no room to put the snapshot back: {error}") from error
        raise Corrupt(f"nats-server does not take the snapshot: {error}") from error
    except NoAnswer as error:
        raise Unavailable(f"the snapshot could not be put back: {error}") from error
