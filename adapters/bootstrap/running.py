"""The life of a service: start, ready, stop, in this order and no other."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.bootstrap.compose import Makers, Parts, background, join
from adapters.bootstrap.evidence import (
    directory_of,
    evidence,
    knows_a_stream,
    locked,
    nats,
    provision_stream,
)
from adapters.bootstrap.plan import refuse_unfinished
from adapters.bootstrap.web import Web, web
from adapters.jetstream.accounts import NatsRole
from application.ports import Reporter
from application.scheduler import Cancel
from application.settings import Settings
from domain.errors import CountermandError
from domain.identity import SYSTEM, Caller, Origin
from domain.job import Job
from domain.states import TASK_ON_NODE, CancelMode

STARTS_SECONDS: Final = 1.0
STOP_TASKS_SECONDS: Final = 2.5
STOPPING: Final = "the service is ending, and was told to end its tasks with it"


class Endpoint(Struct, frozen=True):
    """``DIR/run/endpoint.json`` (0600): where everything is, for those who may read it.

    ``https`` and ``https_certificate`` are "" where HTTPS is not served.
    """

    http: str
    https: str
    https_certificate: str
    socket: str
    token_file: str
    nats_url: str
    nats_credentials_file: str
    stream: str
    cluster: str
    pid: int


@asynccontextmanager
async def service(
    settings: Settings,
    reporter: Reporter,
    makers: Makers = Makers(),  # noqa: B008
) -> AsyncIterator[tuple[Parts, Endpoint]]:
    """A service that answers; at the end it stops in order and leaves wardens and tasks running,
    unless the settings say ``stop_tasks``."""
    os.umask(0o077)
    refuse_unfinished(directory_of(settings))
    async with locked(settings) as lock, nats(settings, lock) as server:
        if not knows_a_stream(settings):
            made = await provision_stream(settings, server)
            reporter("stream_provisioned", stream=settings.stream, made=made)
        async with evidence(settings, server, makers.log) as (log, journal):
            parts = join(settings, server, log, journal, reporter, makers)
            if settings.quick_start:
                await parts.board_snapshots.begin()
            await parts.policy.keeper.load()
            async with carried_on(parts), web(parts) as faces:
                await parts.supervision.until_started(parts.board.caught_up)
                await parts.supervision.until_started(parts.emergency.began)
                await parts.supervision.until_started(parts.policy.keeper.begun)
                parts.supervision.refuse_damage()
                endpoint = endpoint_of(parts, faces)
                path = write_endpoint(settings, endpoint)
                try:
                    yield parts, endpoint
                finally:
                    path.unlink(missing_ok=True)
                    if settings.stop_tasks:
                        await end_tasks(parts)


@asynccontextmanager
async def carried_on(parts: Parts) -> AsyncIterator[None]:
    """The background, for as long as this lasts."""
    work = asyncio.create_task(background(parts), name="background")
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        parts.views.projector.close()
        parts.views.files.close()
        await parts.engine.close(stop_tasks=parts.settings.stop_tasks)


async def end_tasks(parts: Parts) -> None:
    """Cancel by force, as facts, every job that has something running; wait a little for it."""
    await parts.dispatcher.pause(STARTS_SECONDS)
    caller = Caller(SYSTEM, origin=Origin.AUTOMATION)
    running = [job.id for job in parts.board.jobs.values() if runs(job)]
    for job_id in running:
        try:
            await parts.scheduler.cancel_job_2(
                caller, str(job_id), Cancel(CancelMode.FORCED, STOPPING), parts.ids.new()
            )
        except CountermandError as error:
            parts.reporter("job_not_ended", job=job_id, reason=error.message)
    over = [
        parts.board.wait_for(n, lambda j: j is None or not runs(j), STOP_TASKS_SECONDS)
        for n in running
    ]
    await asyncio.gather(*over)


def runs(job: Job) -> bool:
    """Whether anything of the job is on a node."""
    return any(run.state in TASK_ON_NODE for run in job.runs)


def endpoint_of(parts: Parts, faces: Web) -> Endpoint:
    """Where everything is."""
    reader = parts.nats.credentials.get(NatsRole.READER, Path())
    return Endpoint(
        http=faces.http,
        https=faces.https,
        https_certificate=faces.certificate,
        socket=faces.socket,
        token_file=faces.token_file,
        nats_url=parts.nats.urls[0],
        nats_credentials_file=str(reader),
        stream=parts.settings.stream,
        cluster=parts.settings.cluster,
        pid=os.getpid(),
    )


def write_endpoint(settings: Settings, endpoint: Endpoint) -> Path:
    """Written beside and moved into place, so nobody reads half of it."""
    path = directory_of(settings) / "run" / "endpoint.json"
    new = path.with_suffix(".new")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump({f: getattr(endpoint, f) for f in Endpoint.__struct_fields__}, file, indent=1)
    new.rename(path)
    return path
