"""The warden's side of the conversation with the service: lines over a Unix socket.

A command is ``<number> <word> <argument>...``; the answer is one JSON object with ``reply`` and the
number. Notes are sent as they stand in the file. Standard library only: part of the warden.
"""

from __future__ import annotations

import os
import select
import socket
import struct

from adapters.engines.local.launch import Spec
from adapters.engines.local.notebook import json_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

CLIENTS_MAX: Final = 8
COMMAND_BYTES_MAX: Final = 4096
SPEC_BYTES_MAX: Final = 256 * 1024
SPEC_SECONDS_MAX: Final = 10
SOCKET_NAME: Final = "sock"

Command = tuple[int, str, list[str]]


class Listener:
    """Accepts services with the warden's own uid (or root), whatever the file's mode says."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(SOCKET_NAME)
        os.chmod(SOCKET_NAME, 0o600)
        self._socket.listen(CLIENTS_MAX)
        self._socket.setblocking(False)
        self.fd = self._socket.fileno()

    def accept(self) -> int | None:
        """The descriptor of a service that may command, else None."""
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return None
        size = struct.calcsize("3i")
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        if struct.unpack("3i", credentials)[1] in (0, os.geteuid()):
            return connection.detach()
        connection.close()
        return None


class Client:
    """One service that is connected. One that does not read is let go: it may come again."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self.fd = fd
        self.open = True
        self._buffer = b""

    def commands(self) -> list[Command]:
        """The whole commands that have arrived."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self.open = bool(data) and len(self._buffer) <= COMMAND_BYTES_MAX
        return [found for line in lines if (found := _command(line)) is not None]

    def send(self, data: bytes) -> None:
        """Send whole lines, or let the client go."""
        try:
            complete = os.write(self.fd, data) == len(data)
        except OSError:
            complete = False
        self.open = self.open and complete

    def reply(self, number: int, error: str = "") -> None:
        """Answer one command."""
        self.send(json_line({"reply": number, "error": error}))


def _command(line: bytes) -> Command | None:
    words = line.decode("ascii", "replace").split()
    if len(words) < 2 or not words[0].isdigit():
        return None
    return int(words[0]), words[1], words[2:]


def read_spec(fd: int) -> Spec | None:
    """What to keep, as the service sent it; None when the service ended before it was whole.

    ``<length>`` and a newline, then NUL-terminated name and value in turn.
    """
    head, _, body = _read_until(fd, b"", lambda data: b"\n" in data).partition(b"\n")
    if not head.isdigit() or int(head) > SPEC_BYTES_MAX:
        return None
    body = _read_until(fd, body, lambda data: len(data) >= int(head))
    return _spec(body) if len(body) == int(head) else None


def _read_until(fd: int, data: bytes, enough: Callable[[bytes], bool]) -> bytes:
    while not enough(data) and select.select([fd], [], [], SPEC_SECONDS_MAX)[0]:
        part = os.read(fd, 65536)
        if not part:
            break
        data += part
    return data


def _spec(body: bytes) -> Spec:
    parts = [os.fsdecode(part) for part in body.split(b"\0")[:-1]]
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    fields = {name: value for name, value in pairs if not name.startswith("env ")}
    return Spec(fields, {name[4:]: value for name, value in pairs if name.startswith("env ")})
