"""Clients for benchmarks, in a process of their own: many that follow the stream, one that cancels.

``python -m tests.benchmarks.followers SOCKET COUNT`` says ``ready`` when all are caught up; to each
line with a position it answers ``done`` when every client has had that event.
``python -m tests.benchmarks.followers SOCKET cancel JOB...`` prints a JSON array of seconds.
"""

import asyncio
import json
import re
import socket
import sys
import time
from http.client import HTTPConnection
from typing import Final

EVENTS: Final = b"GET /api/v1/events HTTP/1.1\r\nHost: bench\r\n\r\n"
POSITION: Final = re.compile(rb"^id: (\d+)", re.MULTILINE)
PIECE_BYTES: Final = 256 * 1024
OVERLAP_BYTES: Final = 32


class Follower:
    """One client; ``position``: the last event it had."""

    def __init__(self) -> None:
        self.caught_up = asyncio.Event()
        self.position = 0

    async def run(self, path: str, moved: asyncio.Event) -> None:
        """Read until the connection ends, looking for nothing but positions and the marker."""
        reader, writer = await asyncio.open_unix_connection(path, limit=PIECE_BYTES)
        writer.write(EVENTS)
        rest = b""
        while piece := await reader.read(PIECE_BYTES):
            seen = rest + piece
            if not self.caught_up.is_set() and b"event: caught-up" in seen:
                self.caught_up.set()
            last = seen.rfind(b"\nid: ")
            found = POSITION.match(seen, last + 1) if last >= 0 else None
            if found and found.end() < len(seen):
                self.position = int(found[1])
                moved.set()
            rest = seen[-OVERLAP_BYTES:]


async def follow(path: str, count: int) -> None:
    """All clients, and the conversation with whoever measures."""
    moved = asyncio.Event()
    followers = [Follower() for _ in range(count)]
    running = [asyncio.create_task(one.run(path, moved)) for one in followers]
    await asyncio.gather(*(one.caught_up.wait() for one in followers))
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        while min(one.position for one in followers) < int(line):
            moved.clear()
            await moved.wait()
        print("done", flush=True)
    for task in running:
        task.cancel()


class UnixConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("bench")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def cancel(path: str, jobs: list[str]) -> list[float]:
    """Seconds of each cancel, one after the other on one connection."""
    connection, took = UnixConnection(path), []
    for job in jobs:
        began = time.perf_counter()
        connection.request("POST", f"/api/v1/jobs/{job}/cancel", b'{"message":"benchmark"}')
        answer = connection.getresponse()
        answer.read()
        took.append(time.perf_counter() - began)
        assert answer.status == 200, answer.status
    connection.close()
    return took


def main() -> None:
    """As the module says."""
    path, what, *jobs = sys.argv[1:]
    if what == "cancel":
        print(json.dumps(cancel(path, jobs)))
    else:
        asyncio.run(follow(path, int(what)))


if __name__ == "__main__":
    main()
