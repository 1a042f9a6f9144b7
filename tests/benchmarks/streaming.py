"""What two hundred who follow the stream cost: the time of a cancel, and events delivered."""

import asyncio
import json
import os
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from adapters.bootstrap.compose import Parts
from adapters.bootstrap.running import Endpoint
from tests.benchmarks.figures import ROUNDS, Figure, cancel, held_jobs, milliseconds

FOLLOWERS: Final = 200
CANCELS: Final = 100
IN_FLIGHT: Final = 64
BURST: Final = 512


async def streaming(parts: Parts, endpoint: Endpoint) -> list[Figure]:
    """With nobody, then with everybody connected."""
    alone = [milliseconds(await cancels(parts, endpoint)) for _ in range(ROUNDS)]
    before = resident_mib()
    async with followers(endpoint, FOLLOWERS) as child:
        crowd = [milliseconds(await cancels(parts, endpoint)) for _ in range(ROUNDS)]
        rates = [await delivered(parts, child) for _ in range(ROUNDS)]
        grown = resident_mib() - before
    return [
        Figure("cancel over HTTP, nobody follows", "ms", tuple(alone)),
        Figure(f"cancel over HTTP, {FOLLOWERS} follow", "ms", tuple(crowd)),
        Figure(
            f"events to {FOLLOWERS} followers, 64 cancels in flight", "per second", tuple(rates)
        ),
        Figure(f"memory that {FOLLOWERS} followers added", "MiB", (grown,)),
    ]


def resident_mib() -> float:
    """Memory of this process, the service."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**2


async def cancels(parts: Parts, endpoint: Endpoint) -> list[float]:
    """Seconds of each of a hundred cancels by a client in a process of its own."""
    jobs = await held_jobs(parts, CANCELS)
    command = [sys.executable, "-m", "tests.benchmarks.followers", endpoint.socket, "cancel"]
    child = await asyncio.create_subprocess_exec(*command, *jobs, stdout=PIPE)
    out, _ = await child.communicate()
    found: list[float] = json.loads(out)
    return found


@asynccontextmanager
async def followers(endpoint: Endpoint, count: int) -> AsyncIterator[Process]:
    """So many clients of the live stream, caught up."""
    command = [sys.executable, "-m", "tests.benchmarks.followers", endpoint.socket, str(count)]
    child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    try:
        await said(child, b"ready\n")
        yield child
    finally:
        child.kill()
        await child.wait()


async def said(child: Process, word: bytes) -> None:
    """Return when the clients have said it."""
    assert child.stdout is not None
    line = await child.stdout.readline()
    assert line == word, line


async def delivered(parts: Parts, child: Process) -> float:
    """Events a second, counted once for each client, while many cancels are under way."""
    jobs = await held_jobs(parts, BURST)
    before = (await parts.log.identity()).last
    turns: Iterator[str] = iter(jobs)

    async def worker() -> None:
        for job in turns:
            await cancel(parts, job)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    last = before + 2 * BURST
    assert child.stdin is not None
    child.stdin.write(b"%d\n" % last)
    await said(child, b"done\n")
    return (last - before) * FOLLOWERS / (time.perf_counter() - began)
