"""Ten thousand ended jobs that leave the view at once, and what commands notice of it."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from adapters.bootstrap.compose import Parts
from adapters.bootstrap.configuration import load
from adapters.bootstrap.running import service
from adapters.bootstrap.system import LogReporter
from tests.benchmarks.figures import CALLER, Figure
from tests.benchmarks.history import EVENTS_A_JOB, events
from tests.benchmarks.rebuild import CANCELS, HOURS, built, cancels, fill, told

JOBS: Final = 10_000
LOOK_SECONDS: Final = 0.01


async def measure(directory: Path) -> list[Figure]:
    """A stream of jobs that have ended, then a service on it, which has none of them in memory."""
    settings = load({"data_directory": str(directory / "data"), "http_port": 0}, None)
    began = datetime.now(UTC) - timedelta(hours=HOURS)
    made = events(JOBS * EVENTS_A_JOB, cluster=settings.cluster, start=began)
    await fill(settings, began, made)
    async with service(settings, LogReporter("error")) as (parts, _):
        return await figures(parts)


async def figures(parts: Parts) -> list[Figure]:
    """Cancels with nothing else going on, then with all of the jobs due, then what is left."""
    await built(parts)
    last = (await parts.log.identity()).last
    await parts.board.wait_until(last, 600)
    await parts.keeper.wait_for(last, 600)
    alone = await cancels(parts, CANCELS // 4)
    began = time.perf_counter()
    await parts.scheduler.set_cluster_parameter(CALLER, "TTLCompletedJobs", "0", "bench")
    removed = asyncio.create_task(none_left(parts, began))
    beside = list[float]()
    while not removed.done():
        beside += await cancels(parts, 10)
    seconds = await removed
    await parts.views.projector.wait_for((await parts.log.identity()).last, 60)
    viewed = time.perf_counter() - began
    return [
        Figure(f"{JOBS} jobs removed", "seconds", (seconds,)),
        Figure("removals", "per second", (JOBS / seconds,)),
        Figure("until the views know", "seconds", (viewed,)),
        *told("one cancel, nothing else going on", alone),
        *told("one cancel, while they are removed", beside),
    ]


async def none_left(parts: Parts, began: float) -> float:
    """Seconds until none of the jobs is waiting to be removed."""
    while any(job <= JOBS for job in parts.board.ended):  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)
    return time.perf_counter() - began
