"""Views built from a real stream in the process beside, and what commands notice of it."""

import asyncio
import json
import statistics
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from adapters.bootstrap.compose import Parts
from adapters.bootstrap.configuration import load
from adapters.bootstrap.running import service
from adapters.bootstrap.system import LogReporter
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.lock import DataLock
from adapters.jetstream.provision import provision
from adapters.jetstream.server import EmbeddedServer
from adapters.wire.codec import encode
from application.ports import Stored
from application.settings import Settings
from application.view_building import RebuildStatus
from domain import events as e
from domain.identity import SYSTEM_CALLER
from tests.benchmarks.figures import Figure, cancel, held_jobs
from tests.benchmarks.history import events
from tests.support.filling import publish_all

EVENTS: Final = 220_000
HOURS: Final = 3
"""How long ago the history began: none of its jobs leaves the view meanwhile."""

JOB_IDS: Final = 1_000_000
CANCELS: Final = 2000
LOOK_SECONDS: Final = 0.05


class QuickServer(EmbeddedServer):
    """A server that does not sync every event: for what is made up."""

    def config_text(self) -> str:
        config = json.loads(super().config_text())
        config["jetstream"]["sync_interval"] = "1m"
        return json.dumps(config)


async def measure(directory: Path) -> list[Figure]:
    """A long stream, then a service on it."""
    settings = load({"data_directory": str(directory / "data"), "http_port": 0}, None)
    began = datetime.now(UTC) - timedelta(hours=HOURS)
    await fill(settings, began, events(EVENTS, cluster=settings.cluster, start=began))
    async with service(settings, LogReporter("error")) as (parts, _):
        return await figures(parts)


async def fill(settings: Settings, began: datetime, made: Iterable[Stored]) -> None:
    """The stream, from position 2 on what is ``made``, before any service has seen it."""
    lock = await DataLock.acquire(Path(settings.data_directory))
    server = await QuickServer.start(lock, cluster=settings.cluster, stream=settings.stream)
    try:
        spec = StreamSpec(settings.cluster, settings.stream, settings.stream_bytes_max)
        role = NatsRole.PROVISIONER
        address = ServerAddress((server.url,), server.credentials_file(role), role.value)
        await provision(address, spec, may_create=True)
        address = ServerAddress((server.url,), server.credentials_file(NatsRole.SERVICE))
        await publish_all(address, settings.cluster, [reserved(settings.cluster, began), *made])
    finally:
        await server.stop()
        lock.release()


def reserved(cluster: str, at: datetime) -> Stored:
    """The numbers of the made-up jobs are nobody else's."""
    aggregate, fact = e.Aggregate(e.CLUSTER, cluster), e.JobIdsReserved(1, JOB_IDS)
    event = e.NewEvent("reserved", at, SYSTEM_CALLER, "correlation", "causation", fact)
    raw = encode(event, aggregate, cluster, 1, "")
    return Stored(1, aggregate, "JobIdsReserved", raw, e.Recorded(aggregate, 1, event))


async def figures(parts: Parts) -> list[Figure]:
    """Built at the start, built again when asked, and cancels with and without."""
    status = await built(parts)
    first = rate(status.began_at, status.ended_at, status.position)
    await parts.board.wait_until((await parts.log.identity()).last, 600)
    await parts.keeper.wait_for((await parts.log.identity()).last, 600)
    alone = await cancels(parts, CANCELS)
    await parts.views.builder.ask()
    beside = await cancels(parts, None)
    status = await built(parts)
    again = rate(status.began_at, status.ended_at, status.position)
    assert status.error == ""
    assert status.result is not None
    assert (status.result.compared, status.result.differences) == (True, ())
    return [
        Figure(f"views of {EVENTS} events built at the start", "events per second", (first,)),
        Figure("built again, compared and switched", "events per second", (again,)),
        *told("one cancel, nothing else going on", alone),
        *told("one cancel, while views are rebuilt", beside),
    ]


async def built(parts: Parts) -> RebuildStatus:
    """How the build that is under way ended."""
    while (status := parts.views.builder.status) is None or status.running:  # noqa: ASYNC110
        await asyncio.sleep(LOOK_SECONDS)
    return status


def rate(began: datetime, ended: datetime | None, count: int) -> float:
    """Events a second."""
    assert ended is not None
    return count / (ended - began).total_seconds()


async def cancels(parts: Parts, count: int | None) -> list[float]:
    """Milliseconds of cancels, one at a time: so many, or as long as a rebuild takes."""
    values = list[float]()

    def go_on() -> bool:
        status = parts.views.builder.status
        return len(values) < count if count is not None else bool(status and status.running)

    while go_on():
        for job in await held_jobs(parts, 20):
            began = time.perf_counter()
            await cancel(parts, job)
            values.append((time.perf_counter() - began) * 1000)
    return values


def told(name: str, values: list[float]) -> list[Figure]:
    """The median, and what one in twenty and one in a hundred takes at least."""
    parts = statistics.quantiles(values, n=100)
    return [
        Figure(f"{name} ({len(values)} of them)", "ms", tuple(values)),
        Figure(f"{name}: slowest of twenty", "ms", (parts[94],)),
        Figure(f"{name}: slowest of a hundred", "ms", (parts[98],)),
    ]
