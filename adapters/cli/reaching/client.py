"""HTTP/1.1 over a Unix socket or TCP, on ``socket`` alone. One request a connection.

Two errors: ``Unreachable`` (nothing was sent), ``Lost`` (sent; what became of it is unknown).
"""

import os
import socket
from collections.abc import Iterator, Mapping
from io import BufferedReader
from typing import Final, NamedTuple, Self

CONNECT_SECONDS_MAX: Final = 5.0
LINE_BYTES_MAX: Final = 64 * 1024
HEADERS_MAX: Final = 100
INTERIM_ANSWERS_MAX: Final = 10
BODY_BYTES_MAX: Final = 256 * 1024 * 1024
PIECE_BYTES_MAX: Final = 64 * 1024
SOCKET_PATH_BYTES_MAX: Final = 107


class Unreachable(Exception):
    """There is no connection; the server has not seen the request."""


class Lost(Exception):
    """The connection ended, or fell silent, before the whole answer was here."""


class Unix(NamedTuple):
    """A Unix socket: the kernel tells the server who we are."""

    path: str

    @property
    def host(self) -> str:
        return "localhost"

    def __str__(self) -> str:
        return self.path


class Tcp(NamedTuple):
    """A host and a port."""

    name: str
    port: int

    @property
    def host(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{name}:{self.port}"

    def __str__(self) -> str:
        return f"http://{self.host}"


Address = Unix | Tcp


class Response:
    """An answer whose head has been read. Close it, or use it as a context manager."""

    def __init__(self, connection: socket.socket, silence_seconds_max: float) -> None:
        self._connection = connection
        self._stream = connection.makefile("rb")
        connection.settimeout(silence_seconds_max)
        self.status, self.headers = read_head(self._stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._stream.close()
        self._connection.close()

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives. ``Lost`` when it is cut short, or silent for too long."""
        try:
            yield from self._pieces()
        except (OSError, ValueError) as e:
            raise Lost(f"the connection was lost: {reason(e)}") from e

    def read(self) -> bytes:
        """The whole body."""
        body = bytearray()
        for piece in self.pieces():
            body += piece
            if len(body) > BODY_BYTES_MAX:
                raise Lost(f"the answer is longer than {BODY_BYTES_MAX} bytes")
        return bytes(body)

    def _pieces(self) -> Iterator[bytes]:
        if self.status in (204, 304):
            return
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            yield from chunks(self._stream)
        elif "content-length" in self.headers:
            yield from exactly(self._stream, int(self.headers["content-length"]))
        else:
            while piece := self._stream.read1(PIECE_BYTES_MAX):
                yield piece


def ask(
    address: Address,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes = b"",
    silence_seconds_max: float = 30.0,
    connect_seconds_max: float = CONNECT_SECONDS_MAX,
) -> Response:
    """Send one request and return the answer when its head is here."""
    connection = connect(address, connect_seconds_max)
    try:
        connection.settimeout(silence_seconds_max)
        connection.sendall(request_bytes(address, method, target, headers, body))
    except OSError:
        pass  # the server may have answered before it read everything (413); its answer decides
    try:
        return Response(connection, silence_seconds_max)
    except (OSError, ValueError) as e:
        connection.close()
        raise Lost(f"{address} did not answer: {reason(e)}") from e


def request_bytes(
    address: Address, method: str, target: str, headers: Mapping[str, str], body: bytes
) -> bytes:
    """The request as it goes over the wire."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {address.host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body or method != "GET":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def connect(address: Address, seconds_max: float = CONNECT_SECONDS_MAX) -> socket.socket:
    """A connected socket, or ``Unreachable``."""
    try:
        if isinstance(address, Tcp):
            return socket.create_connection((address.name, address.port), seconds_max)
        return connect_unix(address.path, seconds_max)
    except (OSError, ValueError) as e:
        raise Unreachable(f"{address} cannot be reached: {reason(e)}") from e


def connect_unix(path: str, seconds_max: float) -> socket.socket:
    """Connect to a path of any length: a long one goes through its directory's descriptor."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(seconds_max)
    try:
        if len(os.fsencode(path)) <= SOCKET_PATH_BYTES_MAX:
            connection.connect(path)
            return connection
        directory = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY)
        try:
            connection.connect(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        finally:
            os.close(directory)
    except BaseException:
        connection.close()
        raise
    return connection


def read_head(stream: BufferedReader) -> tuple[int, dict[str, str]]:
    """Status and headers (names in lower case) of the first answer that is not an interim one."""
    for _ in range(INTERIM_ANSWERS_MAX):
        version, _, rest = line_of(stream).partition(" ")
        if not version.startswith("HTTP/1."):
            raise ValueError("this is not HTTP")
        status = int(rest[:3])
        headers = read_headers(stream)
        if status >= 200:
            return status, headers
    raise ValueError("too many interim answers")


def read_headers(stream: BufferedReader) -> dict[str, str]:
    """Header lines up to the empty one."""
    headers: dict[str, str] = {}
    for _ in range(HEADERS_MAX):
        line = line_of(stream)
        if not line:
            return headers
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    raise ValueError("too many headers")


def line_of(stream: BufferedReader) -> str:
    """One line without its end. ValueError when the stream ends first."""
    line = stream.readline(LINE_BYTES_MAX)
    if not line.endswith(b"\n"):
        raise ValueError("it was cut short" if line else "it was closed")
    return line.rstrip(b"\r\n").decode("latin-1")


def chunks(stream: BufferedReader) -> Iterator[bytes]:
    """The pieces of a chunked body. ValueError when the last chunk is missing."""
    while size := int(line_of(stream).partition(";")[0], 16):
        yield from exactly(stream, size)
        line_of(stream)
    read_headers(stream)


def exactly(stream: BufferedReader, size: int) -> Iterator[bytes]:
    """``size`` bytes as they arrive. ValueError when there are fewer."""
    while size > 0:
        piece = stream.read1(min(size, PIECE_BYTES_MAX))
        if not piece:
            raise ValueError("it was cut short")
        size -= len(piece)
        yield piece


def reason(e: Exception) -> str:
    """Why, in a few words."""
    if isinstance(e, TimeoutError):
        return "no answer in time"
    return (e.strerror if isinstance(e, OSError) else None) or str(e)
