"""``countermand fsck``: the whole stream, the journal, the mark and the views, looked at."""

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from adapters.bootstrap.evidence import (
    Nats,
    directory_of,
    journal_path,
    mark_file,
    stream_spec,
)
from adapters.bootstrap.marker import read_marker
from adapters.bootstrap.reaching import stream_reached
from adapters.bootstrap.view_builder import ViewSource
from adapters.bootstrap.view_process import beside
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.api import StreamInfo
from adapters.jetstream.config import differences
from adapters.jetstream.connection import Connection
from adapters.jetstream.log import identity_of
from adapters.jetstream.whole import info_of, whole_stream
from adapters.journal import SqliteJournal
from adapters.policy import default_policy
from adapters.snapshots.shelf import SqliteShelf
from adapters.views.compare import SqliteComparison
from adapters.views.files import SqliteViewFiles
from adapters.views.store import SqliteViewStore
from application.checking import Checker, Damage
from application.fsck import (
    Book,
    Report,
    beyond_the_end,
    general,
    look_through,
    witnesses_differ,
)
from application.ports import LogIdentity, Mark
from application.settings import ACCEPT_LOSS, Settings
from domain.errors import CountermandError

Told = Callable[[int, int], None]
"""Told the position that was looked at, and the last one there is."""


IN_POSTGRES = (
    "the views are in PostgreSQL, where nothing is built for a look: 'countermand projections "
    "rebuild' compares them with the stream"
)


class Wish(Struct, frozen=True):
    """What to look at. ``limit``: how much damage is told in full; ``views``: them too."""

    limit: int
    views: bool = True


async def fsck(settings: Settings, wish: Wish, told: Told) -> Report:
    """Look at everything. Raises ``Misconfigured`` or ``Unavailable`` when that cannot be done."""
    async with stream_reached(settings) as server:
        connection = await Connection.open(server.address(NatsRole.SERVICE))
        try:
            return await looked_at(settings, server, connection, wish, told)
        finally:
            await connection.close()


async def looked_at(
    settings: Settings, server: Nats, connection: Connection, wish: Wish, told: Told
) -> Report:
    """The stream that was reached, and what belongs to it."""
    journal = open_journal(settings)
    try:
        copied = journal.mark() if journal is not None else None  # before the stream: all go on
        mark = mark_file(settings).read()
        info = await info_of(connection, stream_spec(settings))
        looking = Looking(settings, server, connection, info, wish)
        return await looking.report(journal, copied, mark, told)
    finally:
        if journal is not None:
            journal.close()


def open_journal(settings: Settings) -> SqliteJournal | None:
    """The journal, if there is one."""
    path = journal_path(settings)
    return SqliteJournal(path, settings.cluster) if path.exists() else None


class Looking:
    """One look at one stream, as it stood at ``info``."""

    def __init__(
        self,
        settings: Settings,
        server: Nats,
        connection: Connection,
        info: StreamInfo,
        wish: Wish,
    ) -> None:
        self._settings = settings
        self._server = server
        self._connection = connection
        self._info = info
        self._wish = wish
        self._book = Book(wish.limit)
        self._notes: list[str] = []

    async def report(
        self, journal: SqliteJournal | None, copied: Mark | None, mark: Mark | None, told: Told
    ) -> Report:
        """The witnesses first, then every event, then the views."""
        spec, last = stream_spec(self._settings), self._info.state.last_seq
        identity = LogIdentity(identity_of(self._info), self._info.state.first_seq, last)
        self._witnesses(identity, copied, mark)
        shelf = SqliteShelf()
        checker = Checker(self._settings.cluster, shelf, frozenset({default_policy().digest}))
        views = asyncio.create_task(self._views(identity))
        try:
            stream = whole_stream(self._connection, spec, self._info)
            tell = lambda position: told(position, last)  # noqa: E731
            behind = await look_through(stream, last, checker, journal, self._book, tell, mark)
            self._beyond(journal, copied, last)
            self._book.note(beyond_the_end(last, mark))
            if journal is None:
                self._notes.append("there is no journal, so no event was compared with its copy")
            elif behind:
                self._notes.append(f"the journal does not hold the last {behind} events yet")
            self._book.note(await views)
        finally:
            views.cancel()
            with suppress(asyncio.CancelledError, CountermandError):
                await views
            shelf.close()
        return self._told_of(identity, checker)

    def _told_of(self, identity: LogIdentity, checker: Checker) -> Report:
        return Report(
            stream=identity.id,
            last=identity.last,
            events=checker.events,
            damage=tuple(self._book.kept),
            counts=self._book.counts,
            unjudged=checker.unjudged,
            notes=tuple(self._notes),
        )

    # --- what else knows the stream ---------------------------------------------------------------

    def _witnesses(self, identity: LogIdentity, copied: Mark | None, mark: Mark | None) -> None:
        if mark is None:
            self._notes.append("there is no mark to compare")
        marker = read_marker(directory_of(self._settings))
        known = marker.log_id if marker is not None else ""
        self._book.note(witnesses_differ(identity, copied, mark, known))
        found = differences(stream_spec(self._settings), self._info.config)
        self._book.note(general("configuration", "as it was provisioned", x) for x in found)

    def _beyond(self, journal: SqliteJournal | None, copied: Mark | None, last: int) -> None:
        """The journal has events that the stream has not."""
        if journal is None or copied is None or copied.position <= last:
            return
        (first,) = journal.copies(last, last + 1, 1) or (None,)
        what = f"{first.type} of {first.aggregate}, which the journal has" if first else "an event"
        end = f"{copied.position}" if copied.position > last + 1 else ""
        found = f"nothing at position {last + 1}{end and f' to {end}'}: the stream ends at {last}"
        place = first.aggregate if first else None
        lost = Damage(
            kind="missing",
            position=last + 1,
            subject=f"{place.kind}.{place.id}.{first.type}" if place and first else "",
            event_id="",
            job=place.id if place and place.kind == "job" else "",
            expected=what,
            found=found,
        )
        self._book.note([lost], times=copied.position - last)

    # --- views ------------------------------------------------------------------------------------

    async def _views(self, identity: LogIdentity) -> list[Damage]:
        """Where the views are other than a rebuild. What keeps it from being told is a note."""
        if not self._wish.views:
            return []
        if self._settings.views:
            self._notes.append(IN_POSTGRES)
            return []
        directory = directory_of(self._settings) / "views"
        store = await asyncio.to_thread(SqliteViewFiles(directory, identity.id).current)
        if store is None:
            self._notes.append("there are no views of this stream to compare")
            return []
        try:
            return await self._compared(store, identity)
        except CountermandError as error:
            self._notes.append(f"the views were not compared: {error.message}")
            return []
        finally:
            store.close()

    async def _compared(self, store: SqliteViewStore, identity: LogIdentity) -> list[Damage]:
        with tempfile.TemporaryDirectory(prefix="countermand-fsck-") as scratch:
            files = SqliteViewFiles(Path(scratch), identity.id)
            name = files.begin()
            (await asyncio.to_thread(files.open, name)).close()
            comparison = SqliteComparison(store.datastore, files.path(name), stand=False)
            try:
                position = comparison.position
                await self._build(Path(scratch), identity, name, position)
                comparison.see_new()
                found = await asyncio.to_thread(comparison.differences)
            finally:
                comparison.close()
        return [
            general(
                "views",
                f"as a rebuild up to event {position} has it",
                f"{x.table} differs in {x.rows} rows, the first is {x.first}",
                position,
            )
            for x in found
        ]

    async def _build(self, scratch: Path, identity: LogIdentity, name: str, until: int) -> None:
        """The stream folded anew, in a process beside. It only reads: durability is not asked."""
        source = ViewSource(
            urls=self._server.urls,
            credentials_file=str(self._server.credentials[NatsRole.SERVICE]),
            monitor_urls=(),
            accept_loss=ACCEPT_LOSS,
            spec=stream_spec(self._settings),
            directory=str(scratch),
            log_id=identity.id,
            until=until,
        )
        await beside(source, lambda event, **facts: None)(name, lambda position, last: None)
