"""HTTP clients in a process of their own, each with one connection that it keeps.

``python -m tests.benchmarks.flood SOCKET CLIENTS`` reads requests, one JSON array of method, path
and body a line, until the input ends; then sends them all, each client the next one when it has its
answer, and prints a JSON array of them in the order in which they were answered: the place of the
request, when it was sent and answered (seconds of the monotonic clock, which all processes share),
the status, and the answer.
"""

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Final

Request = tuple[str, str, object]
Sent = tuple[int, float, float, int, object]

LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD_END: Final = b"\r\n\r\n"


def request_bytes(method: str, path: str, body: object) -> bytes:
    """A request of HTTP/1.1."""
    content = json.dumps(body).encode()
    head = f"{method} /api/v1{path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


async def client(path: str, left: Iterator[tuple[int, bytes]], sent: list[Sent]) -> None:
    """One connection, one request after the other."""
    reader, writer = await asyncio.open_unix_connection(path)
    for place, request in left:
        began = time.monotonic()
        writer.write(request)
        head = await reader.readuntil(HEAD_END)
        found = LENGTH.search(head)
        assert found is not None, head
        body = await reader.readexactly(int(found[1]))
        ended = time.monotonic()
        sent.append((place, began, ended, int(head.split(b" ", 2)[1]), json.loads(body)))
    writer.close()
    await writer.wait_closed()


async def flood(path: str, clients: int, requests: Sequence[Request]) -> list[Sent]:
    """All requests."""
    left = enumerate([request_bytes(*one) for one in requests])
    sent: list[Sent] = []
    await asyncio.gather(*(client(path, left, sent) for _ in range(clients)))
    return sent


def main() -> None:
    """As the module says."""
    path, clients = sys.argv[1:]
    requests = [json.loads(line) for line in sys.stdin]
    print(json.dumps(asyncio.run(flood(path, int(clients), requests))))


if __name__ == "__main__":
    main()
