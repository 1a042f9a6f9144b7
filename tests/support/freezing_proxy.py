"""A proxy that can stop passing bytes on and leave every connection open: a network gone silent."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CHUNK_BYTES = 64 * 1024


class FreezingProxy:
    """Passes bytes both ways between a Unix socket and another one, until it is frozen."""

    def __init__(self, listening: socket.socket, server: Path) -> None:
        self._listening = listening
        self._server = server
        self._flowing = threading.Event()
        self._flowing.set()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def freeze(self) -> None:
        """From now on nothing passes, and nobody is told; new connections are taken and kept."""
        self._flowing.clear()

    def thaw(self) -> None:
        """What waited passes, and all that follows."""
        self._flowing.set()

    def close(self) -> None:
        """Break all connections."""
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.thaw()
        for thread in self._threads:
            thread.join()
        for one in (self._listening, *self._open):
            one.close()

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                self._open += [client, server]
                server.connect(str(self._server))
                self._start(self._pass, client, server)
                self._start(self._pass, server, client)

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(CHUNK_BYTES):
                self._flowing.wait()
                other.sendall(data)
        self._flowing.wait()
        with suppress(OSError):
            other.shutdown(socket.SHUT_WR)


@contextmanager
def freezing(at: Path, server: Path) -> Iterator[FreezingProxy]:
    """A proxy at one socket before the server at another one."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(at))
        listening.listen()
        proxy = FreezingProxy(listening, server)
        try:
            yield proxy
        finally:
            proxy.close()
