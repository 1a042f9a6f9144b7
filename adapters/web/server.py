"""Uvicorn inside our own event loop: several sockets, no signal handlers, a prompt end."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any, Final, TypeAlias

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.web.authentication import Peer
from adapters.web.closing import Closing
from adapters.web.cutting_off import SILENCE_SECONDS_MAX, CutsOff
from adapters.web.request_log import RequestCounts, RequestLog

BACKLOG: Final = 2048
KEEP_ALIVE_SECONDS: Final = 30
HANDSHAKE_SECONDS: Final = 10.0
UCRED: Final = struct.Struct("3i")
Listener: TypeAlias = tuple[socket.socket, ssl.SSLContext | None]


class WebServer:
    """Serves an ASGI application on sockets that are bound already.

    ``closing`` is said when the end begins, so that the application ends its streams. ``counts``:
    where answers are counted. ``silence_seconds_max``: who takes
    or sends nothing for so long, when it is its turn, is cut off. ``secure``: sockets on which TLS
    is spoken, with how.
    """

    def __init__(
        self,
        app: Any,
        sockets: Sequence[socket.socket],
        closing: Closing,
        counts: RequestCounts | None = None,
        silence_seconds_max: float = SILENCE_SECONDS_MAX,
        *,
        secure: Sequence[tuple[socket.socket, ssl.SSLContext]] = (),
    ) -> None:
        self._closing = closing
        self._listeners = (*((sock, None) for sock in sockets), *secure)
        config = uvicorn.Config(
            RequestLog(CutsOff(app, silence_seconds_max), counts or RequestCounts()),
            http=PeerProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        self._server = _Server(config, self._listeners)
        self._serving: asyncio.Task[None] | None = None

    @property
    def tcp_port(self) -> int | None:
        """The port of the first TCP socket, or None."""
        return self._server.tcp_port

    @property
    def busy(self) -> int:
        """How many requests are being answered, open streams included."""
        return len(self._server.server_state.tasks)

    async def start(self) -> None:
        """Listen. Raises what keeps it from listening."""
        self._serving = asyncio.create_task(self._server.serve())
        listening = asyncio.create_task(self._server.listening.wait())
        try:
            await asyncio.wait({self._serving, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            listening.cancel()
        if self._serving.done():
            self._serving.result()

    async def wait(self) -> None:
        """Return when the server has ended; raises when it broke."""
        assert self._serving is not None, "start comes first"
        await asyncio.shield(self._serving)

    async def stop(self, timeout_seconds: float = 2.0) -> None:
        """Take nothing more, let answers under way go out, cut off what is left. Idempotent."""
        self._closing.begin()
        if self._serving is None:
            for sock, _ in self._listeners:
                sock.close()
            return
        # Uvicorn looks every 0.1 s; what is left of the time is for answers under way.
        self._server.end(max(0.1, timeout_seconds - 0.5))
        await asyncio.shield(self._serving)


class PeerProtocol(HttpToolsProtocol):
    """HTTP that knows the process at the other end of a Unix socket."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        state = self.app_state | {"abort": transport.abort}
        if sock is not None and sock.family == socket.AF_UNIX:
            pair = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size)
            state["peer"] = Peer(*UCRED.unpack(pair))
        self.app_state = state


class _Server(uvicorn.Server):
    """Uvicorn on our sockets; signals are for the composition root."""

    def __init__(self, config: uvicorn.Config, listeners: Sequence[Listener]) -> None:
        super().__init__(config)
        self._listeners = listeners
        self.listening = asyncio.Event()
        self._ending = asyncio.Event()
        self.tcp_port = next(
            (s.getsockname()[1] for s, _ in listeners if s.family != socket.AF_UNIX), None
        )

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self.lifespan.startup()
        self.servers = [await self._listen(*one) for one in self._listeners]
        self.started = True
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):  # which also sets the date of the answers
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), timeout=1.0)

    def end(self, graceful_seconds: float) -> None:
        """Begin the end."""
        self.config.timeout_graceful_shutdown = graceful_seconds  # type: ignore[assignment]
        self.should_exit = True
        self._ending.set()

    async def _listen(self, sock: socket.socket, tls: ssl.SSLContext | None) -> Any:
        loop = asyncio.get_running_loop()
        if sock.family == socket.AF_UNIX:
            return await loop.create_unix_server(self._protocol, sock=sock, backlog=BACKLOG)
        return await loop.create_server(
            self._protocol,
            sock=sock,
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=HANDSHAKE_SECONDS if tls else None,
        )

    def _protocol(self) -> asyncio.Protocol:
        return PeerProtocol(self.config, self.server_state, self.lifespan.state)
