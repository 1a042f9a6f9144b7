"""``countermand fsck`` on a long stream that the rules made: events a second, and memory."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.bootstrap.configuration import load
from adapters.bootstrap.evidence import stream_spec
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.lock import DataLock
from adapters.jetstream.provision import provision
from adapters.journal import SqliteJournal
from application.ports import Stored
from application.settings import Settings
from domain import commands as c
from tests.benchmarks.figures import Figure
from tests.benchmarks.rebuild import QuickServer
from tests.domain.builders import SIGTERM, add, cancel, heeds, specs, start
from tests.support.author import Author
from tests.support.filling import publish_all

JOBS: Final = 25_000
"""Ten events each."""

ROUNDS: Final = 3
AT_ONCE: Final = 1000
LOOK_SECONDS: Final = 0.05


def events(cluster: str, jobs: int) -> Iterator[Stored]:
    """Jobs that are submitted, run, are canceled and end; always a thousand of them at a time."""
    author = Author(cluster)
    author.reserve(jobs)
    yield from author.take()
    for first in range(1, jobs + 1, AT_ONCE):
        some = range(first, min(first + AT_ONCE, jobs + 1))
        for step in STEPS:
            for number in some:
                step(author, number)
            yield from author.take()
        for number in some:
            del author.jobs[number]


def submitted(author: Author, number: int) -> None:
    """Three events."""
    command = add(specs(1), submit=True, request_id=f"a{number}")
    author.add(replace(command, job_id=number))
    author.tell(number, c.StartValidation())


def started(author: Author, number: int) -> None:
    """Three events."""
    author.tell(number, c.EndValidation(), c.StartJob(("n1",)), start(1))


def canceled(author: Author, number: int) -> None:
    """Four events."""
    author.ask(number, cancel(f"r{number}", message="enough"))
    author.tell(number, c.OrderStop(SIGTERM), heeds(1, f"r{number}"))
    author.tell(number, c.EndJob(author.asked("").at))


STEPS: Final = (submitted, started, canceled)


async def measure(directory: Path) -> list[Figure]:
    """Fill a stream and its journal, then look at it in a process of its own."""
    settings = load({"data_directory": str(directory / "data"), "http_port": 0}, None)
    count = await fill(settings)
    looks = [await asyncio.to_thread(look, settings) for _ in range(ROUNDS)]
    what = f"fsck of {count} events of {JOBS} jobs"
    return [
        Figure(what, "s", tuple(x.seconds for x in looks)),
        Figure(f"{what}: events", "events/s", tuple(count / x.seconds for x in looks)),
        Figure(f"{what}: memory, peak", "MiB", tuple(x.peak_mib for x in looks)),
    ]


async def fill(settings: Settings) -> int:
    """The stream and the journal; how many events."""
    spec, data = stream_spec(settings), Path(settings.data_directory)
    lock = await DataLock.acquire(data)
    server = await QuickServer.start(lock, cluster=spec.cluster, stream=spec.stream)
    try:
        logins = server.logins
        maker = ServerAddress((server.url,), logins[NatsRole.PROVISIONER], "provisioner")
        await provision(maker, spec)
        return await store(settings, ServerAddress((server.url,), logins[NatsRole.SERVICE]))
    finally:
        await server.stop()
        lock.release()


async def store(settings: Settings, address: ServerAddress) -> int:
    """Every event in both."""
    path = Path(settings.data_directory) / "journal" / "journal.sqlite"
    path.parent.mkdir()
    journal = SqliteJournal(path, settings.cluster)
    journal.adopt("bench")
    count, page = 0, list[Stored]()
    for event in events(settings.cluster, JOBS):
        page.append(event)
        if len(page) == AT_ONCE:
            count += await put(settings, address, journal, page)
            page = []
    count += await put(settings, address, journal, page)
    journal.close()
    return count


async def put(
    settings: Settings, address: ServerAddress, journal: SqliteJournal, page: list[Stored]
) -> int:
    """Some events."""
    if page:
        await publish_all(address, settings.cluster, page)
        await asyncio.to_thread(journal.append, page)
    return len(page)


class Look(Struct, frozen=True):
    """What one look took. ``peak_mib``: of fsck's own process; nats-server has its own."""

    seconds: float
    peak_mib: float


def look(settings: Settings) -> Look:
    """One look. The journal was never the stream's, and no service was: damage, status 10."""
    program = str(Path(sys.executable).with_name("countermand"))
    command = [program, "fsck", "--data", settings.data_directory, "--limit", "3", "-o", "json"]
    began, peak = time.perf_counter(), 0.0
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        while process.poll() is None:
            peak = max(peak, peak_mib(process.pid))
            time.sleep(LOOK_SECONDS)
        seconds = time.perf_counter() - began
        out.seek(0)
        said = msgspec.json.decode(out.read())
    assert said["counts"] == {"identity": 2}, said
    return Look(seconds, peak)


def peak_mib(pid: int) -> float:
    """The most memory that a process has had; 0 for one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(x.split()[1]) / 1024 for x in lines if x.startswith("VmHWM:")), 0.0)
