"""Server-sent events: the stream of events to one client, as fast as the client reads.

A client holds up nobody but itself: what it does not take is not read for it, and after a time it
is cut off. It comes back with ``Last-Event-ID``, which moves on also while nothing is shown to it.
The stream ends at once when the client leaves or the service ends.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any, Final

import msgspec
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send
from msgspec import Struct

from adapters.http.bodies.events import PositionBody, streamed_body
from adapters.http.problem import Problem
from adapters.web.closing import Closing, ended
from adapters.web.cutting_off import SILENCE_SECONDS_MAX, cut_off
from application.ports import CaughtUp, Stored
from application.tail import Passage

RETRY: Final = b"retry: 1000\n\n"
"""How many milliseconds a client lets pass before it connects again."""

HEARTBEAT: Final = b": still here\n\n"
CHUNK_BYTES: Final = 64 * 1024
FRAMES_BYTES_MAX: Final = 16 * 1024 * 1024
LAST_WORD_SECONDS_MAX: Final = 0.5
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

Source = AsyncGenerator[Passage | CaughtUp, None]


class StreamLimits(Struct, frozen=True):
    """``heartbeat_seconds``: no stream is silent for longer. ``send_seconds_max``: a client that
    takes nothing for so long is cut off. ``streams_max``: clients at once;
    ``streams_per_person_max``: of one person; ``streams_kept``: the last of them are for people who
    may see everything, so that others cannot shut them out."""

    heartbeat_seconds: float = 15.0
    send_seconds_max: float = SILENCE_SECONDS_MAX
    streams_max: int = 1000
    streams_per_person_max: int = 400
    streams_kept: int = 100

    @property
    def look_seconds(self) -> float:
        """How often a quiet stream looks whether a heartbeat is due, and any who is following."""
        return self.heartbeat_seconds / 3


async def as_long_as(
    allowed: Callable[[], Awaitable[bool]], source: Source, look_seconds: float
) -> Source:
    """What the source gives, until it is not ``allowed`` any more; asked every ``look_seconds``.

    Ends then, so that the client comes again as whoever it is now; raises what ``allowed`` does.
    """
    now = asyncio.get_running_loop().time
    asked_at = now()
    async with aclosing(source):
        async for item in source:
            if now() - asked_at >= look_seconds:
                if not await allowed():
                    return
                asked_at = now()
            yield item


class Frames:
    """Events as they go out, each encoded once for all clients; the newest are kept."""

    def __init__(self, bytes_max: int = FRAMES_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._kept: dict[int, bytes] = {}
        self._bytes = 0

    def of(self, stored: Stored) -> bytes:
        """The event's frame."""
        frame = self._kept.get(stored.position)
        if frame is None:
            frame = encoded(stored)
            self._kept[stored.position] = frame
            self._bytes += len(frame)
            while self._bytes > self._bytes_max:
                self._bytes -= len(self._kept.pop(next(iter(self._kept))))
        return frame

    def chunks(self, events: tuple[Stored, ...]) -> Iterator[bytes]:
        """The events, in pieces of about 64 KiB."""
        parts: list[bytes] = []
        size = 0
        for stored in events:
            parts.append(self.of(stored))
            size += len(parts[-1])
            if size >= CHUNK_BYTES:
                yield b"".join(parts)
                parts, size = [], 0
        if parts:
            yield b"".join(parts)


class TooSlow(Exception):
    """The client took nothing for too long."""


class Telling:
    """What one client is told: ``first``, and then what follows in ``source``.

    ``named``: the position that the client would come back with by itself, None when it knows none.
    ``problem_of`` turns what goes wrong into the problem that ends the stream.
    """

    def __init__(
        self,
        first: Passage | CaughtUp,
        source: Source,
        named: int | None,
        frames: Frames,
        limits: StreamLimits,
        problem_of: Callable[[Exception], Problem],
    ) -> None:
        self._first = first
        self._source = source
        self._named = named
        self._frames = frames
        self._limits = limits
        self._problem_of = problem_of
        self._told_at = 0.0

    async def run(self, send: Send) -> None:
        """Until the source ends, the end of the answer included. Raises ``TooSlow``."""
        await self._say(send, RETRY)
        try:
            await self._tell(send, self._first)
            async for item in self._source:
                await self._tell(send, item)
        except TooSlow:
            raise
        except Exception as error:
            await self._say(send, field("error", msgspec.json.encode(self._problem_of(error))))
        await self._say(send, b"", more=False)

    async def close(self) -> None:
        """Let the source go. Idempotent."""
        await self._source.aclose()

    async def _tell(self, send: Send, item: Passage | CaughtUp) -> None:
        if isinstance(item, CaughtUp):
            self._named = item.position
            await self._say(send, at_position("caught-up", item.position))
        elif item.events:
            for chunk in self._frames.chunks(item.events):
                await self._say(send, chunk)
            self._named = item.events[-1].position
        elif self._named is None or self._is_quiet():
            known, self._named = self._named, item.position
            moved = known != item.position
            await self._say(send, at_position("position", item.position) if moved else HEARTBEAT)

    def _is_quiet(self) -> bool:
        """Whether a heartbeat is due: at the next look it would be late."""
        due_at = self._told_at + self._limits.heartbeat_seconds - self._limits.look_seconds
        return asyncio.get_running_loop().time() >= due_at

    async def _say(self, send: Send, chunk: bytes, more: bool = True) -> None:
        try:
            async with asyncio.timeout(self._limits.send_seconds_max):
                await send(body(chunk, more))
        except TimeoutError:
            raise TooSlow from None
        self._told_at = asyncio.get_running_loop().time()


class EventStream(ASGIResponse):
    """The answer: one client is told, until there is no more, the client or the service ends."""

    _should_set_content_length = False

    def __init__(self, telling: Telling, closing: Closing, left: Callable[[], None]) -> None:
        super().__init__(media_type="text/event-stream", headers=dict(HEADERS))
        self._telling = telling
        self._closing = closing
        self._left = left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one client."""
        gone = asyncio.create_task(client_left(receive))
        closed = asyncio.create_task(self._closing.wait())
        telling = asyncio.create_task(self._tell(send))
        try:
            await asyncio.wait({telling, gone, closed}, return_when=asyncio.FIRST_COMPLETED)
            if not gone.done() and not await self._is_over(telling, send):
                cut_off(scope)
                await asyncio.wait({gone}, timeout=1.0)
        finally:
            await ended(telling, gone, closed)
            await self._telling.close()
            self._left()

    async def _tell(self, send: Send) -> None:
        await self.start_response(send)
        await self._telling.run(send)

    async def _is_over(self, telling: "asyncio.Task[None]", send: Send) -> bool:
        """Whether the answer has ended properly; if the service ends before, that is tried."""
        if not telling.done():
            await ended(telling)
            return await is_last_word_out(send)
        try:
            telling.result()
        except TooSlow:
            return False
        return True


async def is_last_word_out(send: Send) -> bool:
    """End the answer properly; False when the client does not take it."""
    try:
        async with asyncio.timeout(LAST_WORD_SECONDS_MAX):
            await send(body(b"", more=False))
    except TimeoutError:
        return False
    return True


async def client_left(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def body(chunk: bytes, more: bool = True) -> Any:
    """A piece of the answer, or its end."""
    return {"type": "http.response.body", "body": chunk, "more_body": more}


# --- what goes over the wire ----------------------------------------------------------------------


def encoded(stored: Stored) -> bytes:
    """An event with its position as id."""
    return field(stored.type, msgspec.json.encode(streamed_body(stored)), stored.position)


def at_position(name: str, position: int) -> bytes:
    """All up to here has been said: the marker after the backlog, or ``position`` in between."""
    return field(name, msgspec.json.encode(PositionBody(position)), position)


def field(name: str, data: bytes, position: int | None = None) -> bytes:
    """One server-sent event. Line breaks between JSON's tokens become lines of ``data``."""
    word = "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-_."))
    lines = b"".join(b"data: %b\n" % line for line in data.splitlines())
    head = b"" if position is None else b"id: %d\n" % position
    return head + b"event: %b\n" % word.encode() + lines + b"\n"
