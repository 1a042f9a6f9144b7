"""``countermand fsck``: the whole stream, the journal, the mark and the views, looked at."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from msgspec import Struct

from adapters.bootstrap.evidence import Nats, stream_spec
from adapters.bootstrap.marker import FILE
from adapters.bootstrap.reaching import stream_reached
from adapters.bootstrap.view_check import views_checked
from adapters.bootstrap.witnesses import Witnesses, witnesses
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.api import StreamInfo
from adapters.jetstream.config import differences
from adapters.jetstream.connection import Connection
from adapters.jetstream.log import identity_of
from adapters.jetstream.whole import NoStream, info_of, whole_stream
from adapters.policy import default_policy
from adapters.snapshots.shelf import SqliteShelf
from application.checking import Checker, Damage
from application.fsck import (
    Beside,
    Book,
    Report,
    beyond_the_end,
    general,
    look_through,
)
from application.ports import LogIdentity
from application.settings import Settings
from domain.errors import CountermandError

Told = Callable[[int, int], None]
"""Told the position that was looked at, and the last one there is."""


class Wish(Struct, frozen=True):
    """What to look at. ``limit``: how much damage is told in full; ``views``: them too."""

    limit: int
    views: bool = True


async def fsck(settings: Settings, wish: Wish, told: Told) -> Report:
    """Look at everything. Raises ``Misconfigured`` or ``Unavailable`` when that cannot be done.

    That there is no stream where one is known is damage.
    """
    try:
        return await all_looked_at(settings, wish, told)
    except NoStream as error:
        report = without_stream(settings, wish, error.message)
        if report is None:
            raise
        return report


def without_stream(settings: Settings, wish: Wish, why: str) -> Report | None:
    """What is known of a stream that is not there; None where nobody knows of one."""
    found = witnesses(settings)
    try:
        book = Book(wish.limit)
        last = max(x.position if x is not None else 0 for x in (found.copied, found.mark))
        if not found.known and not last:
            return None
        if found.known:
            book.note([general("identity", f"the stream {found.known}, as {FILE} has it", why)])
        book.note(found.damage)
        side = Beside(found.journal, book, found.copied)
        book.note(side.gone(last, why), times=last)
        return Report("", 0, 0, tuple(book.kept), book.counts, 0, tuple(found.notes))
    finally:
        found.close()


async def all_looked_at(settings: Settings, wish: Wish, told: Told) -> Report:
    """The same of a stream that is there. Raises ``NoStream`` when it is not."""
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
    found = witnesses(settings)  # before the stream: all go on
    try:
        info = await info_of(connection, stream_spec(settings))
        return await Looking(settings, server, connection, info, wish).report(found, told)
    finally:
        found.close()


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

    async def report(self, found: Witnesses, told: Told) -> Report:
        """The witnesses first, then every event, then the views."""
        spec, last = stream_spec(self._settings), self._info.state.last_seq
        identity = LogIdentity(identity_of(self._info), self._info.state.first_seq, last)
        self._witnesses(identity, found)
        shelf = SqliteShelf()
        checker = Checker(self._settings.cluster, shelf, frozenset({default_policy().digest}))
        views = asyncio.create_task(self._views(identity.id))
        try:
            stream = whole_stream(self._connection, spec, self._info)
            tell = lambda position: told(position, last)  # noqa: E731
            side = Beside(found.journal, self._book, found.copied)
            behind = await look_through(stream, last, checker, side, self._book, tell, found.mark)
            self._book.note(side.beyond(last), times=side.claimed - last)
            self._book.note(beyond_the_end(last, found.mark))
            if behind:
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

    def _witnesses(self, identity: LogIdentity, found: Witnesses) -> None:
        self._notes += found.notes
        self._book.note(found.differ(identity))
        self._book.note(found.damage)
        other = differences(stream_spec(self._settings), self._info.config)
        self._book.note(general("configuration", "as it was provisioned", x) for x in other)

    async def _views(self, log_id: str) -> tuple[Damage, ...]:
        """Where the views are other than a rebuild."""
        if not self._wish.views:
            return ()
        looked = await views_checked(self._settings, self._server, log_id)
        self._notes += looked.notes
        return looked.damage
