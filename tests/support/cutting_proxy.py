"""A proxy that breaks connections at bytes that nobody chose."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

PIECE_BYTES = 64 * 1024
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class CuttingProxy:
    """Passes bytes both ways. ``cuts``: each new connection takes the next of these numbers, and is
    broken when so many bytes of the server have passed; without one it is left whole.
    ``connected``: how many reached the server; ``made``: how many were broken.
    """

    def __init__(self, server: Callable[[], Awaitable[Pair]], chance: random.Random) -> None:
        self._server = server
        self._chance = chance
        self._serving: set[asyncio.Task[None]] = set()
        self.cuts: list[int] = []
        self.connected = 0
        self.made = 0

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A new client."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await self._server()
        except OSError:
            writer.transport.abort()
            return
        self.connected += 1
        left = self.cuts.pop(0) if self.cuts else None
        asking = asyncio.create_task(passed(reader, up_writer))
        try:
            await passed(up_reader, writer, left)
            self.made += left is not None
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            up_writer.transport.abort()
            await self._broken(writer)

    async def _broken(self, writer: asyncio.StreamWriter) -> None:
        """Now and then what is on its way still arrives, now and then it is gone too."""
        if self._chance.random() < 0.5:
            writer.transport.abort()
            return
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def close(self) -> None:
        """Break what is open."""
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)


async def passed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None = None
) -> None:
    """Bytes from one side to the other, until it ends or ``left`` of them are over."""
    with suppress(OSError):
        while left != 0 and (data := await reader.read(PIECE_BYTES)):
            writer.write(data[:left])
            await writer.drain()
            left = None if left is None else left - len(data[:left])


@asynccontextmanager
async def cutting(
    server: Callable[[], Awaitable[Pair]], chance: random.Random, at: Path | None = None
) -> AsyncIterator[tuple[CuttingProxy, str]]:
    """A proxy before the server, on a Unix socket or on loopback; and where it is."""
    proxy = CuttingProxy(server, chance)
    if at is not None:
        listening, where = await asyncio.start_unix_server(proxy.accept, at), str(at)
    else:
        listening = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
        where = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield proxy, where
    finally:
        listening.close()
        await proxy.close()
        await listening.wait_closed()
