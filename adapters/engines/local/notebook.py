"""The warden's notes: one JSON object a line, synced before what they say is done or told.

Standard library only; writes its JSON by hand, because ``json`` would double a warden's memory.
"""

from __future__ import annotations

import os
import time

Value = str | int | bool | None


def json_line(fields: dict[str, Value]) -> bytes:
    """A flat object as one line of ASCII JSON."""
    pairs = (f"{_string(name)}:{_value(value)}" for name, value in fields.items())
    return ("{" + ",".join(pairs) + "}\n").encode("ascii")


def _value(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _string(value)


def _string(text: str) -> str:
    return '"' + "".join(_character(char) for char in text) + '"'


def _character(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    if " " <= char <= "~":
        return char
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join("\\u" + units[i : i + 4] for i in range(0, len(units), 4))


class Notebook:
    """An append-only file of numbered notes. Never raises: an act must not fail for a full disk.

    What could not be written stays in memory, is told to whoever asks, and is tried again at the
    next ``sync``. ``lines`` holds every note; there are few, for the keeper limits its orders.
    """

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self.lines: list[bytes] = []
        self._synced_lines = 0
        self._size = 0

    @property
    def synced(self) -> bool:
        """Every note is on the disk."""
        return self._synced_lines == len(self.lines)

    def add(self, note: str, **fields: Value) -> None:
        """Note something; durable after the next ``sync`` that answers True."""
        numbered: dict[str, Value] = {"n": len(self.lines) + 1, "note": note}
        at_ms = time.time_ns() // 1_000_000
        self.lines.append(json_line({**numbered, "at_ms": at_ms, **fields}))

    def sync(self) -> bool:
        """Write and fsync what is new; False when the disk would not take it."""
        if self.synced:
            return True
        data, count = b"".join(self.lines[self._synced_lines :]), len(self.lines)
        try:
            self._write(data)
            os.fsync(self._fd)
        except OSError:
            return False
        self._size += len(data)
        self._synced_lines = count
        return True

    def _write(self, data: bytes) -> None:
        """At the end of what is known to be good, so that a torn line is written over."""
        offset = self._size
        while data:
            written = os.pwrite(self._fd, data, offset)
            data, offset = data[written:], offset + written


def sync_directory(path: str) -> None:
    """Make new names in a directory durable. (``durable_file`` is more than a warden may load.)"""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
