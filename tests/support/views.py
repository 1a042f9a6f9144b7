"""The views of a service in one process, as the composition root joins them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.views.files import SqliteViewFiles
from application.listing import Listing
from application.ports import Clock, EventLog, Journal, Policy, Reporter
from application.projector import Projector
from application.view_building import Build, Told, ViewBuilder, fill
from application.view_store import ViewFiles
from application.view_writer import ViewWriter
from application.visibility import Visibility

LOG_ID: Final = "test/1"


class Views(Struct, frozen=True):
    """All parts, none of them running yet."""

    files: SqliteViewFiles
    projector: Projector
    builder: ViewBuilder
    listing: Listing


def joined(
    directory: Path,
    log: EventLog,
    journal: Journal,
    policy: Policy,
    clock: Clock,
    known: Callable[[], int],
    reporter: Reporter,
) -> Views:
    """Views in files of ``directory``, built in this process."""
    files = SqliteViewFiles(directory, LOG_ID)
    projector = Projector(log, reporter)
    builder = ViewBuilder(log, journal, projector, files, built_here(files, log), clock, reporter)
    return Views(files, projector, builder, Listing(projector, Visibility(policy), clock, known))


def built_here(files: ViewFiles, log: EventLog) -> Build:
    """A build in this process; the service has a process beside it for that."""

    async def build(name: str, told: Told) -> None:
        store = files.open(name)
        try:
            await fill(log, ViewWriter(store), told)
        finally:
            store.close()

    return build


@asynccontextmanager
async def kept_up(views: Views) -> AsyncIterator[None]:
    """The views follow the log, for as long as this lasts."""
    parts = [asyncio.create_task(x.run()) for x in (views.projector, views.builder)]
    try:
        yield
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)
        views.projector.close()
