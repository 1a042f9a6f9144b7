"""Are the views what the stream folds to? It is folded anew into a scratch file, and compared."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from adapters.bootstrap.evidence import Nats, directory_of, stream_spec
from adapters.bootstrap.view_builder import ViewSource
from adapters.bootstrap.view_place import refuse_missing
from adapters.bootstrap.view_process import beside
from adapters.jetstream.accounts import NatsRole
from adapters.views.compare import SqliteComparison
from adapters.views.files import SqliteViewFiles
from application.checking import Damage
from application.fsck import general
from application.settings import ACCEPT_LOSS, Settings
from application.view_store import Difference
from domain.errors import CountermandError

NONE_THERE: Final = "there are no views of this stream to compare"

Build = Callable[[int], Awaitable[None]]
"""Folds the stream up to a position into the scratch file."""


class Looked(Struct, frozen=True):
    """Where the views are other than a rebuild, and what is no damage."""

    damage: tuple[Damage, ...] = ()
    notes: tuple[str, ...] = ()


class Compared(Protocol):
    """Tables that differ, found when the scratch file is built up to the views' position."""

    async def __call__(self, new: Path, build: Build) -> tuple[int, tuple[Difference, ...]] | None:
        """The position and the differences; None where there are no views."""
        ...


async def views_checked(settings: Settings, server: Nats, log_id: str) -> Looked:
    """The views of the settings. What keeps it from being told is a note."""
    try:
        found = await in_scratch(settings, server, log_id)
    except CountermandError as error:
        return Looked(notes=(f"the views were not compared: {error.message}",))
    if found is None:
        return Looked(notes=(NONE_THERE,))
    position, differences = found
    return Looked(tuple(damage(position, one) for one in differences))


def damage(position: int, found: Difference) -> Damage:
    """A table that differs."""
    expected = f"as a rebuild up to event {position} has it"
    words = f"{found.table} differs in {found.rows} rows, the first is {found.first}"
    return general("views", expected, words, position)


async def in_scratch(
    settings: Settings, server: Nats, log_id: str
) -> tuple[int, tuple[Difference, ...]] | None:
    """Compare, with a scratch file that is gone afterwards.

    It is not made in a thread, which would go on making it where all is given up and cleared away.
    """
    compared: Compared = (
        InDatabase(settings, log_id) if settings.views else InFile(settings, log_id)
    )
    with tempfile.TemporaryDirectory(prefix="countermand-fsck-") as scratch:
        files = SqliteViewFiles(Path(scratch), log_id)
        name = files.begin()
        files.open(name).close()

        async def build(until: int) -> None:
            """In a process beside. It only reads the stream: durability is not asked."""
            source = ViewSource(
                urls=server.urls,
                credentials_file=str(server.credentials[NatsRole.SERVICE]),
                monitor_urls=(),
                accept_loss=ACCEPT_LOSS,
                spec=stream_spec(settings),
                directory=scratch,
                log_id=log_id,
                until=until,
            )
            await beside(source, lambda event, **facts: None)(name, lambda position, last: None)

        return await compared(files.path(name), build)


class InFile:
    """Views in the data directory."""

    def __init__(self, settings: Settings, log_id: str) -> None:
        self._files = SqliteViewFiles(directory_of(settings) / "views", log_id)

    async def __call__(self, new: Path, build: Build) -> tuple[int, tuple[Difference, ...]] | None:
        store = await asyncio.to_thread(self._files.current)
        if store is None:
            return None
        try:
            comparison = SqliteComparison(store.datastore, new, stand=False)
            try:
                position = comparison.position
                await build(position)
                comparison.see_new()
                return position, await asyncio.to_thread(comparison.differences)
            finally:
                comparison.close()
        finally:
            store.close()


class InDatabase:
    """Views in PostgreSQL, which are only read."""

    def __init__(self, settings: Settings, log_id: str) -> None:
        self._url = settings.views
        self._log_id = log_id

    async def __call__(self, new: Path, build: Build) -> tuple[int, tuple[Difference, ...]] | None:
        refuse_missing()
        from adapters.views.postgres.against import PostgresAgainst
        from adapters.views.postgres.server import PostgresServer

        look = await asyncio.to_thread(PostgresAgainst, PostgresServer(self._url), self._log_id)
        try:
            if not look.schema:
                return None
            position = await asyncio.to_thread(lambda: look.position)
            await build(position)
            return position, await asyncio.to_thread(look.differences, new)
        finally:
            look.close()
