"""A client of the stream that knows nothing of this program: HTTP and server-sent events, by hand.

It does what a browser does: keeps the last id it has seen, and comes back with it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

PIECE_BYTES = 256 * 1024
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Shown(NamedTuple):
    """One event of the stream."""

    id: int
    type: str
    data: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.data)


class Follower:
    """Follows through any number of connections; ``shown`` are the events, as they came.

    ``after``: where it begins. ``last_id``: what it would come back with. ``caught_up``: how often
    the marker came; ``connections``: how many there were.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Pair]], query: str = "", after: int = 0
    ) -> None:
        self._connect = connect
        self._query = query
        self._after = after
        self._moved = asyncio.Condition()
        self.last_id = ""
        self.shown: list[Shown] = []
        self.caught_up = 0
        self.connections = 0

    @property
    def position(self) -> int:
        """All that is to be seen up to here has come."""
        return int(self.last_id or self._after)

    async def run(self) -> None:
        """For ever: what ends is opened again."""
        while True:
            try:
                await self.once()
            except (OSError, EOFError, ValueError):
                continue

    async def once(self) -> None:
        """One connection, to its end. ``EOFError`` and others when it is cut."""
        reader, writer = await self._connect()
        try:
            writer.write(self._request())
            status = await reader.readline()
            if status.split()[1:2] != [b"200"]:
                raise ValueError(f"the answer is {status!r}")
            while await reader.readline() not in (b"\r\n", b""):
                pass
            self.connections += 1
            async for block in blocks(reader):
                await self._take(block)
        finally:
            writer.transport.abort()

    async def reach(self, position: int) -> None:
        """Return when all up to ``position`` has come."""
        async with self._moved:
            await self._moved.wait_for(lambda: self.position >= position)

    def _request(self) -> bytes:
        back = f"Last-Event-ID: {self.last_id}\r\n" if self.last_id else ""
        query = f"?after={self._after}&{self._query}"
        return f"GET /api/v1/events{query} HTTP/1.1\r\nHost: x\r\n{back}\r\n".encode()

    async def _take(self, block: bytes) -> None:
        fields = dict(line.split(b": ", 1) for line in block.split(b"\n") if line[:1] != b":")
        if b"id" in fields:
            self.last_id = fields[b"id"].decode()
        name = fields.get(b"event", b"").decode()
        assert name != "error", block
        if name == "caught-up":
            self.caught_up += 1
        elif name not in ("", "position"):
            self.shown.append(Shown(int(self.last_id), name, fields[b"data"]))
        async with self._moved:
            self._moved.notify_all()


async def blocks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Whole blocks of a chunked body; what a cut left unfinished is not given."""
    rest = b""
    while size := int((await reader.readline()).strip() or b"x", 16):
        *whole, rest = (rest + await reader.readexactly(size)).split(b"\n\n")
        await reader.readexactly(2)
        for block in whole:
            yield block
