"""Server-sent events: the stream of events to one client, as fast as the client reads.

A reader task fills a bounded queue, so a client that does not read holds up nobody but itself: the
log is read no further for it, and after a time it is cut off. It comes back with ``Last-Event-ID``.
The stream ends at once when the client leaves or the service ends.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any, Final

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send
from msgspec import Struct

from adapters.http.answers import CaughtUpBody, streamed_body
from adapters.http.closing import Closing, ended
from adapters.http.problem import Problem
from application.ports import CaughtUp, Stored

HEARTBEAT: Final = b": still here\n\n"
CHUNK_BYTES: Final = 64 * 1024
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Source = AsyncGenerator[Stored | CaughtUp, None]


class StreamLimits(Struct, frozen=True):
    """``send_seconds_max``: a client that takes nothing for so long is cut off."""

    heartbeat_seconds: float = 15.0
    send_seconds_max: float = 60.0
    queue_events_max: int = 256
    streams_max: int = 1000


class Feed:
    """A source read ahead by a task of its own, at most ``queue_events_max`` events.

    ``problem_of`` turns what goes wrong into the problem that ends the stream.
    """

    def __init__(
        self, source: Source, limits: StreamLimits, problem_of: Callable[[Exception], Problem]
    ) -> None:
        self._source = source
        self._problem_of = problem_of
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(limits.queue_events_max)
        self._first = asyncio.create_task(following(source))
        self._reading: asyncio.Task[None] | None = None
        self._over = False
        self._patience_seconds = limits.heartbeat_seconds

    async def begin(self) -> None:
        """Read ahead. Raises what is wrong already with the first item, if that is soon known."""
        await asyncio.wait({self._first}, timeout=self._patience_seconds)
        if self._first.done():
            self._first.result()
        self._reading = asyncio.create_task(self._read())

    async def chunk(self) -> bytes:
        """The next events, together about 64 KiB at most; b"" after the end of the source."""
        parts: list[bytes] = []
        size = 0
        while not self._over and (not parts or (size < CHUNK_BYTES and not self._queue.empty())):
            parts.append(await self._queue.get())
            size += len(parts[-1])
            self._over = parts[-1] == b""
        return b"".join(parts)

    async def close(self) -> None:
        """Stop reading and let the source go. Idempotent."""
        await ended(self._first, *filter(None, [self._reading]))
        await self._source.aclose()

    async def _read(self) -> None:
        try:
            item = await self._first
            while item is not None:
                await self._queue.put(encoded(item))
                item = await following(self._source)
        except Exception as error:
            await self._queue.put(field("error", msgspec.json.encode(self._problem_of(error))))
        await self._queue.put(b"")


class EventStream(ASGIResponse):
    """The answer: a source sent until it, the client or the service ends."""

    _should_set_content_length = False

    def __init__(
        self, feed: Feed, closing: Closing, limits: StreamLimits, left: Callable[[], None]
    ) -> None:
        super().__init__(media_type="text/event-stream", headers=dict(HEADERS))
        self._feed = feed
        self._closing = closing
        self._limits = limits
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client."""
        gone = asyncio.create_task(client_left(receive))
        closed = asyncio.create_task(self._closing.wait())
        try:
            await self.start_response(send)
            if await self._pump(send, {gone, closed}):
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif not gone.done():
                cut_off(scope)
                await asyncio.wait({gone}, timeout=1.0)
        finally:
            await ended(gone, closed)
            await self._feed.close()
            self._left()

    async def _pump(self, send: Send, ends: set["asyncio.Task[None]"]) -> bool:
        """Send until something ends; False when the client took nothing for too long, or left."""
        taking = asyncio.create_task(self._feed.chunk())
        try:
            while True:
                heartbeat = self._limits.heartbeat_seconds
                done = await first_of({taking, *ends}, heartbeat)
                if done & ends:
                    return True
                chunk = taking.result() if taking in done else HEARTBEAT
                if chunk == b"":
                    return True
                if taking in done:
                    taking = asyncio.create_task(self._feed.chunk())
                if not await self._sent(send, chunk, ends):
                    return False
        finally:
            await ended(taking)

    async def _sent(self, send: Send, chunk: bytes, ends: set["asyncio.Task[None]"]) -> bool:
        message: Any = {"type": "http.response.body", "body": chunk, "more_body": True}
        sending: asyncio.Task[None] = asyncio.ensure_future(send(message))
        try:
            await first_of({sending, *ends}, self._limits.send_seconds_max)
            return sending.done()
        finally:
            await ended(sending)


async def following(source: Source) -> Stored | CaughtUp | None:
    """The next item, or None at the end."""
    return await anext(source, None)


async def first_of(
    tasks: set["asyncio.Task[Any]"], timeout_seconds: float
) -> set["asyncio.Task[Any]"]:
    """Those that are done, as soon as one is, or none when the time is over."""
    done, _ = await asyncio.wait(
        tasks, timeout=timeout_seconds, return_when=asyncio.FIRST_COMPLETED
    )
    return done


async def client_left(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def cut_off(scope: Scope) -> None:
    """End the connection without waiting for a client that does not read."""
    abort = scope["state"].get("abort")
    if callable(abort):
        abort()


def encoded(item: Stored | CaughtUp) -> bytes:
    """An event with its position as id, or the marker, which has none."""
    if isinstance(item, CaughtUp):
        return field("caught-up", msgspec.json.encode(CaughtUpBody(item.position)))
    return field(item.type, msgspec.json.encode(streamed_body(item)), item.position)


def field(name: str, data: bytes, position: int | None = None) -> bytes:
    """One server-sent event. Line breaks between JSON's tokens become lines of ``data``."""
    word = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-_."))
    lines = b"".join(b"data: %b\n" % line for line in data.splitlines())
    head = b"" if position is None else b"id: %d\n" % position
    return head + b"event: %b\n" % word.encode() + lines + b"\n"
