"""Cancels over HTTP, by clients in a process of their own, of a service in a process of its own.

One at a time beside raw guarded publishes with nats-py; by 64 clients beside an application of the
eventsourcing library on PostgreSQL with eight threads, which answers nobody: each command loads an
aggregate, makes one event and saves it. All of them sync before they answer, and take turns within
each round.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from eventsourcing.application import Application

from tests.benchmarks.figures import ROUNDS, Figure
from tests.benchmarks.flood import Request, Sent
from tests.benchmarks.runner import Asked
from tests.benchmarks.writing import bare
from tests.e2e.service import Service, running_service
from tests.support.postgres import NOT_HERE, running_postgres
from tests.support.waiting import until

SINGLE: Final = 500
CLIENTS: Final = 64
CANCELS: Final = 2000
THREADS: Final = 8
COMMANDS: Final = 2000
HELD: Final = {"name": "bench", "submit": False, "tasks": [{"command": "true"}]}
CANCEL: Final = {"message": "benchmark"}


class Jobs(Application[UUID]):
    """Cancels as the library's documentation would write them."""

    def add(self) -> UUID:
        """One more job."""
        job = Asked()
        self.save(job)
        return job.id

    def cancel(self, job_id: UUID) -> None:
        """Load, decide, save."""
        job: Asked = self.repository.get(job_id)
        job.cancel("benchmark")
        self.save(job)


def measure(directory: Path) -> list[Figure]:
    """All rounds."""
    raw, single, worst, flooded, others = (list[float]() for _ in range(5))
    with running_service(refusals_per_minute=100_000) as service, postgres(directory) as jobs:
        canceled(service, 1, SINGLE)  # a first time, for nobody's figure
        for n in range(ROUNDS):
            raw.append(asyncio.run(raw_publishes(directory / f"bare{n}")))
            times = sorted(end - began for _, began, end, *_ in canceled(service, 1, SINGLE))
            single.append(statistics.median(times) * 1000)
            worst.append(times[SINGLE * 99 // 100] * 1000)
            flooded.append(rate(canceled(service, CLIENTS, CANCELS)))
            others += [commands(jobs)] if jobs else []
    found = [
        Figure("one raw guarded publish, durable, p50", "ms", tuple(raw)),
        Figure("one cancel over HTTP, p50", "ms", tuple(single)),
        Figure("one cancel over HTTP, p99", "ms", tuple(worst)),
        Figure("ratio of the p50s", "times", ratios(single, raw)),
        Figure(f"cancels over HTTP, {CLIENTS} clients", "per second", tuple(flooded)),
    ]
    if others:
        name = f"eventsourcing on PostgreSQL, {THREADS} threads, no HTTP"
        found.append(Figure(name, "commands per second", tuple(others)))
        found.append(Figure("ratio of the two", "times", ratios(flooded, others)))
    return found


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, ...]:
    """Each within its round."""
    return tuple(a / b for a, b in zip(ours, theirs, strict=True))


async def raw_publishes(directory: Path) -> float:
    """The median of as many, in milliseconds."""
    took = []
    async with bare(directory) as publish:
        for _ in range(SINGLE):
            began = time.perf_counter()
            await publish()
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1000


def canceled(service: Service, clients: int, count: int) -> list[Sent]:
    """Cancels of as many new jobs, each its own; the service rests before and after."""
    made = asked(service, CLIENTS, [("POST", "/jobs", HELD)] * count)
    jobs = [answer["job_id"] for *_, answer in made if isinstance(answer, dict)]
    settled(service)
    sent = asked(service, clients, [("POST", f"/jobs/{job}/cancel", CANCEL) for job in jobs])
    settled(service)
    assert len(sent) == count
    return sent


def asked(service: Service, clients: int, requests: Sequence[Request]) -> list[Sent]:
    """All of them, by clients in a process of their own."""
    command = [sys.executable, "-m", "tests.benchmarks.flood"]
    done = subprocess.run(
        [*command, str(service.endpoint["socket"]), str(clients)],
        input="\n".join(map(json.dumps, requests)),
        text=True,
        stdout=subprocess.PIPE,
        check=True,
    )
    sent: list[Sent] = json.loads(done.stdout)
    refused = [(status, answer) for *_, status, answer in sent if status not in (200, 201)]
    assert not refused, refused[0]
    return sent


def settled(service: Service) -> None:
    """Return when every cancel is carried out and the views know it."""

    def rests() -> bool:
        canceling = service.ask("GET", "/jobs?state=Canceling&limit=1")
        return not canceling["jobs"] and canceling["behind"] == 0

    until(rests, "all cancels are carried out", 120)


def rate(sent: Sequence[Sent]) -> float:
    """Answers a second, from the first request to the last answer."""
    return len(sent) / (max(end for _, _, end, *_ in sent) - min(began for _, began, *_ in sent))


@contextmanager
def postgres(directory: Path) -> Iterator[Jobs | None]:
    """The other application; None where PostgreSQL is not installed."""
    with running_postgres(directory) as server:
        if server is None:
            print(f"without PostgreSQL: {NOT_HERE}")
            yield None
            return
        print(f"with PostgreSQL {server.version}")
        with Jobs(server.environment() | {"POSTGRES_POOL_SIZE": str(THREADS)}) as jobs:
            yield jobs


def commands(jobs: Jobs) -> float:
    """Commands a second, each on an aggregate that is there already."""
    with ThreadPoolExecutor(THREADS) as pool:
        made = list(pool.map(lambda _: jobs.add(), range(COMMANDS)))
        began = time.perf_counter()
        for _ in pool.map(jobs.cancel, made):
            pass
        return COMMANDS / (time.perf_counter() - began)
