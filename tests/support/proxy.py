"""A small TCP proxy that loses a chosen answer of the server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

CHUNK_BYTES = 256 * 1024
TRIES = 100
AGAIN_SECONDS = 0.02


class Proxy:
    """Passes bytes both ways, until told to lose an answer.

    ``lost``: set when an answer was lost, or what ``at`` was told has been done.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._request = b""
        self._answer = b""
        self._never = b""
        self._at = b""
        self._act: Callable[[], None] = self.cut
        self._cut = False
        self._armed = False
        self._silent = False
        self.lost = asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []
        self._serving: set[asyncio.Task[None]] = set()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A new client."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def close(self) -> None:
        """Break every connection, also one that is being made."""
        serving = tuple(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        self.cut()
        await asyncio.sleep(0)

    def lose(self, request: bytes, answer: bytes, *, cut: bool) -> None:
        """After a request that contains ``request``, lose the bytes that contain ``answer``.

        ``cut``: the connection goes with them; otherwise the silence is all there is.
        """
        self._request, self._answer, self._cut = request, answer, cut

    def lose_request(self, request: bytes) -> None:
        """The bytes that contain ``request`` never reach the server; the connection goes too."""
        self._never = request

    def at(self, request: bytes, act: Callable[[], None]) -> None:
        """When the bytes that contain ``request`` have gone to the server, ``act`` once."""
        self._at, self._act = request, act

    def swallow(self) -> None:
        """From now on nothing comes back from the server."""
        self._silent = True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        self._writers.append(writer)
        try:
            upstream_reader, upstream_writer = await self._upstream()
        except OSError:
            writer.close()
            return
        self._writers.append(upstream_writer)
        await asyncio.gather(self._up(reader, upstream_writer), self._down(upstream_reader, writer))

    async def _upstream(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The server's side. One that is just being started again is waited for."""
        for _ in range(TRIES):
            with suppress(OSError):
                return await asyncio.open_connection(*self._target)
            await asyncio.sleep(AGAIN_SECONDS)
        return await asyncio.open_connection(*self._target)

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen = b""
        while data := await _read(reader):
            seen = (seen + data)[-4096 - len(data) :]
            if self._never and self._never in seen:
                self._never = b""
                self.lost.set()
                self.cut()
                return
            if self._request and self._request in seen:
                self._armed, self._request = True, b""
            writer.write(data)
            if self._at and self._at in seen:
                self._at = b""
                await writer.drain()
                self.lost.set()
                self._act()
        writer.close()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await _read(reader):
            if self._silent:
                continue
            if self._armed and self._answer in data:
                self._armed = False
                self.lost.set()
                if self._cut:
                    self.cut()
                    return
                continue
            writer.write(data)
        writer.close()

    def cut(self) -> None:
        """Break every connection now."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read(CHUNK_BYTES)
    except OSError:
        return b""


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy before the NATS server at ``url``, and the URL of the proxy."""
    host, _, port = url.removeprefix("nats://").partition(":")
    proxy = Proxy(host, int(port))
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    try:
        yield proxy, f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await proxy.close()
