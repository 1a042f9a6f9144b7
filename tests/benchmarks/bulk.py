"""Ten thousand jobs canceled at once: inside the service, as one request, and as raw publishes.

Each job is decided, guarded and recorded on its own. Raw are as many single guarded publishes in
flight at once, with nats-py alone, on a stream of their own that nobody follows.
"""

import asyncio
import json
import time
from pathlib import Path
from typing import Final

import httpx
import msgspec

from adapters.bootstrap.compose import Parts
from adapters.bootstrap.configuration import load
from adapters.bootstrap.running import Endpoint, service
from adapters.bootstrap.system import LogReporter
from application.receipts import Receipt
from domain.bulk import BULK_JOBS_MAX, HowToCancel
from domain.outcome import Outcome
from domain.states import CancelMode
from tests.benchmarks.figures import CALLER, ROUNDS, Figure, held_jobs
from tests.benchmarks.writing import Act, Rate, added_jobs, bare, settled

AT_ONCE: Final = 1000
SECONDS_MAX: Final = 300.0


async def measure(directory: Path) -> list[Figure]:
    """All figures, on one service and one bare stream."""
    settings = load({"data_directory": str(directory / "data"), "http_port": 0}, None)
    raw, http = list[float](), list[float]()
    inside = list[Rate]()
    async with (
        bare(directory / "bare") as publish,
        service(settings, LogReporter("error")) as (parts, endpoint),
    ):
        await held_jobs(parts, 1)
        for _ in range(ROUNDS):
            raw.append(await published(publish))
            inside.append(await canceled(parts))
            http.append(await requested(parts, endpoint))
    ratios = tuple(x.per_second / theirs for x, theirs in zip(inside, raw, strict=True))
    rates, cpu = tuple(x.per_second for x in inside), tuple(x.cpu_us for x in inside)
    return [
        Figure("raw guarded publishes, 1,000 in flight", "per second", tuple(raw)),
        Figure("cancels of one bulk, inside the service", "per second", rates),
        Figure("processor time of each, its end included", "microseconds", cpu),
        Figure("ratio of the two", "times", ratios),
        Figure("cancels of one request over HTTP, an answer for each", "per second", tuple(http)),
    ]


async def published(publish: Act) -> float:
    """As many single publishes."""
    left = iter(range(BULK_JOBS_MAX))

    async def some() -> None:
        for _ in left:
            await publish()

    began = time.perf_counter()
    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return BULK_JOBS_MAX / (time.perf_counter() - began)


async def fresh(parts: Parts) -> list[str]:
    """As many jobs that can be canceled; everybody knows them."""
    jobs = await added_jobs(parts, BULK_JOBS_MAX)
    await settled(parts)
    return jobs


async def canceled(parts: Parts) -> Rate:
    """All of them by the use case."""
    jobs, how = await fresh(parts), HowToCancel(CancelMode.NORMAL, "benchmark", "")
    named = tuple(int(number) for number in jobs)
    began, cpu = time.perf_counter(), time.process_time()
    asked = await parts.bulk.request(CALLER, named, how, parts.ids.new())
    assert asked is not None
    answers = await parts.bulk.cancel(CALLER, asked, asked.jobs)
    took = time.perf_counter() - began
    assert all(isinstance(x, Receipt) and x.outcome is Outcome.ACCEPTED for x in answers)
    await settled(parts)
    used = time.process_time() - cpu
    return Rate(BULK_JOBS_MAX / took, used / BULK_JOBS_MAX * 1e6)


async def requested(parts: Parts, endpoint: Endpoint) -> float:
    """All of them by one request; the client waits for the last byte of the answer."""
    jobs = [int(number) for number in await fresh(parts)]
    took = await asyncio.to_thread(ask, endpoint.socket, jobs)
    await settled(parts)
    return BULK_JOBS_MAX / took


def ask(socket: str, jobs: list[int]) -> float:
    """Seconds of the request."""
    transport = httpx.HTTPTransport(uds=socket)
    with httpx.Client(transport=transport, timeout=SECONDS_MAX) as client:
        began = time.perf_counter()
        answer = client.post(
            "http://localhost/api/v1/cancellations",
            content=msgspec.json.encode({"jobs": jobs, "message": "benchmark"}),
        )
        took = time.perf_counter() - began
    found = json.loads(answer.content)
    assert (found["done"], found["failed"]) == (len(jobs), 0), answer.text[:1000]
    return took
