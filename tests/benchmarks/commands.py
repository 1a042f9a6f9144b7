"""Commands of a running service: how long they take, one at a time and many at once."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from adapters.bootstrap.compose import Parts
from adapters.bootstrap.configuration import load
from adapters.bootstrap.running import Endpoint, service
from adapters.bootstrap.system import LogReporter
from application.ports import Token, Write
from application.scheduler import NewJob
from domain.events import Aggregate, JobQueued, NewEvent, TaskSpec
from domain.identity import SYSTEM_CALLER
from tests.benchmarks.figures import CALLER, ROUNDS, Figure, cancel, held_jobs, milliseconds, timed
from tests.benchmarks.streaming import streaming

CANCELS_BY_COMMAND_LINE: Final = 20


async def raw_publishes(parts: Parts, count: int) -> list[float]:
    """Guarded appends of one event each, each to an aggregate of its own, without any decision."""

    async def append() -> object:
        fact = NewEvent(
            parts.ids.new(), parts.clock.now(), SYSTEM_CALLER, "bench", "bench", JobQueued()
        )
        aggregate = Aggregate("bench", parts.ids.new())
        return await parts.log.append([Write(aggregate, (fact,), Token())])

    return [await timed(append) for _ in range(count)]


async def one_at_a_time(parts: Parts) -> list[Figure]:
    """A cancel against a raw guarded append, in turn."""
    cancels, raws, loads = [], [], []
    for _ in range(ROUNDS):
        jobs = await held_jobs(parts, 100)
        took = [await timed(lambda job=job: cancel(parts, job)) for job in jobs]  # type: ignore[misc]
        cancels.append(milliseconds(took))
        raws.append(milliseconds(await raw_publishes(parts, 100)))
        hot = [await timed(lambda job=job: parts.ledger.job(int(job))) for job in jobs]  # type: ignore[misc]
        loads.append(milliseconds(hot) * 1000)
    ratios = tuple(c / r for c, r in zip(cancels, raws, strict=True))
    return [
        Figure("one cancel, decided and durable", "ms", tuple(cancels)),
        Figure("one raw guarded append, durable", "ms", tuple(raws)),
        Figure("ratio of the two", "times", ratios),
        Figure("load of one job, hot", "microseconds", tuple(loads)),
    ]


async def many_at_once(parts: Parts) -> Figure:
    """Cancels with 64 in flight, each of its own job."""
    rates = []
    for _ in range(ROUNDS):
        jobs = iter(await held_jobs(parts, 512))

        async def worker(jobs: Iterator[str] = jobs) -> None:
            for job in jobs:
                await cancel(parts, job)

        took = await timed(lambda w=worker: asyncio.gather(*(w() for _ in range(64))))  # type: ignore[misc]
        rates.append(512 / took)
    return Figure("cancels, 64 in flight, in the service", "per second", tuple(rates))


async def by_command_line(parts: Parts, endpoint: Endpoint) -> Figure:
    """The whole process ``countermand cancel``, from start to end."""
    program = str(Path(sys.executable).with_name("countermand"))
    environment = os.environ | {
        "COUNTERMAND_ENDPOINT": f"{parts.settings.data_directory}/run/endpoint.json"
    }
    values = []
    for _ in range(ROUNDS):
        jobs = await held_jobs(parts, CANCELS_BY_COMMAND_LINE)
        values.append(
            milliseconds(await asyncio.to_thread(cancel_each, program, jobs, environment))
        )
    return Figure("countermand cancel, whole process", "ms", tuple(values))


def cancel_each(program: str, jobs: list[str], environment: dict[str, str]) -> list[float]:
    """Seconds of each command."""
    took = []
    for job in jobs:
        began = time.perf_counter()
        subprocess.run(
            [program, "cancel", job, "-m", "benchmark"],
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        took.append(time.perf_counter() - began)
    return took


async def request_to_signal(parts: Parts) -> Figure:
    """From the accepted request to the end of a process that ends at once on the signal."""
    values = []
    for _ in range(ROUNDS):
        task = TaskSpec(1, "exec sleep 600")
        made = await parts.scheduler.submit_job(CALLER, NewJob("b", (task,)), parts.ids.new())
        number = int(made.job_id)
        await parts.board.wait_until(made.position, 10)
        await parts.board.wait_for(
            number, lambda j: j is not None and j.tasks[1].state == "Running", 10
        )
        began = time.perf_counter()
        await cancel(parts, made.job_id)
        await parts.board.wait_for(number, lambda j: j is None, 30)
        values.append((time.perf_counter() - began) * 1000)
    return Figure("cancel of a running task, request to JobCanceled", "ms", tuple(values))


async def measure(directory: Path) -> list[Figure]:
    """All figures, on one service."""
    settings = load({"data_directory": str(directory / "data"), "http_port": 0}, None)
    async with service(settings, LogReporter("error")) as (parts, endpoint):
        await parts.board.caught_up.wait()
        figures = await one_at_a_time(parts)
        figures.append(await many_at_once(parts))
        figures.append(await request_to_signal(parts))
        figures.append(await by_command_line(parts, endpoint))
        figures += await streaming(parts, endpoint)
    return figures
