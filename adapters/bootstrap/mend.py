"""``countermand mend``: a new stream from the journal takes the place of a damaged one.

JetStream cannot rename a stream, nor give one another's subjects while both are there. So the new
one is made in a store of its own, by a nats-server of its own, under the same name; and when it is
whole, the store's directory is moved into the place of the damaged one, which is moved aside. Each
step can be done again: the plan (``plan``) says how far it came.
"""

import shutil
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from adapters.bootstrap.done import Switched, and_missing
from adapters.bootstrap.evidence import (
    Nats,
    directory_of,
    journal_path,
    locked,
    mark_file,
    marked_by,
    nats,
    opened,
    stream_spec,
)
from adapters.bootstrap.marker import Marker, write_marker
from adapters.bootstrap.plan import (
    Plan,
    Work,
    read_plan,
    refuse_other,
    remove_plan,
    stamp,
    write_plan,
)
from adapters.bootstrap.reaching import STORE
from adapters.bootstrap.recording import record
from adapters.bootstrap.renewing import how_to_renew
from adapters.bootstrap.system import Uuid7Ids
from adapters.durable_file import sync_directory
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.api import StreamInfo
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import Connection
from adapters.jetstream.lock import LOCK_FILE, DataLock
from adapters.jetstream.log import JetStreamLog, identity_of
from adapters.jetstream.provision import provision
from adapters.jetstream.restoring import Restorer
from adapters.jetstream.strangers import refuse_strangers
from adapters.jetstream.whole import info_of, whole_copy, whole_stream
from adapters.journal import SqliteJournal
from adapters.snapshots.shelf import SqliteShelf
from application.checking import Checker
from application.fsck import Beside, Book, look_through
from application.judging import Judge, judged, told
from application.mending import Verified, pages, sentence, tail_of
from application.ports import Mark
from application.settings import Settings
from application.startup_check import journal_flaws, problems_in, said
from domain.errors import Corrupt, Misconfigured, Refused
from domain.events import StreamMended

MENDING: Final = "mending"
ASIDE: Final = "damaged"
HURTS: Final = frozenset({"missing", "subject", "version", "chain", "journal"})
"""Damage that a stream made again from the journal does not have."""

BY_HAND: Final = (
    "Nothing was changed. Somebody was at it by hand: put back a copy of the journal, or, when its"
    " events are all there (mend has looked), what is missing: see Mend in docs/operations.md"
)
"""What to do about a journal's file that lacks what keeps it as it is."""

Told = Callable[[int, int], None]
"""Told the position that was restored, and the last one there is."""


async def mend(settings: Settings, told: Told) -> Switched:
    """Make the stream again and put it in its place. Goes on where an interrupted one stopped.

    Raises ``Refused`` when nothing is damaged, ``Corrupt`` when the journal cannot be trusted,
    ``Misconfigured`` when there is no journal, or the stream is on an outside server.
    """
    refuse_outside(settings)
    directory = directory_of(settings)
    if not directory.is_dir():
        raise Misconfigured(f"{directory} is not there")
    async with locked(settings) as lock:
        plan = read_plan(directory)
        refuse_other(plan, Work.SWITCH)
        if plan is None:
            plan = await Mending(settings, lock, told).prepared()
        return switched(settings, plan)


def refuse_outside(settings: Settings) -> None:
    """Raise ``Misconfigured``: an outside server's streams are its operator's."""
    if settings.nats_urls:
        raise Misconfigured(
            "the stream is on an outside nats-server: its operator restores it there from a"
            " backup; mend makes one again on the embedded server only"
        )


class Refusal(Struct, frozen=True):
    """Why a start refuses the stream: for what the journal says, and in all; "" for not at all."""

    by_journal: str
    in_all: str

    @property
    def only_by_mark(self) -> str:
        """What to do when the journal has nothing that the stream lacks."""
        if not self.in_all:
            return ""
        return (
            f"the journal has nothing that the stream lacks, and only the mark knows of more "
            f"({self.in_all}): 'countermand accept-loss' gives it up"
        )


class Mending:
    """From a damaged stream to a new one that is whole, in a store of its own."""

    def __init__(self, settings: Settings, lock: DataLock, told: Told) -> None:
        self._settings = settings
        self._lock = lock
        self._told = told
        self._spec = stream_spec(settings)
        self._directory = directory_of(settings)

    async def prepared(self) -> Plan:
        """The plan, at the point where the new stream takes its place."""
        path = journal_path(self._settings)
        if not path.exists():
            raise Misconfigured(f"there is no journal at {path} to make the stream again from")
        refuse_strangers(self._directory / STORE)
        shelf = SqliteShelf()
        try:
            with closing(SqliteJournal(path, self._settings.cluster)) as journal:
                verified = Verified(Checker(self._settings.cluster, shelf))
                plan = await self._planned(journal, verified)
                plan = await self._restored(plan, journal)
                return write_plan(self._directory, plan)
        finally:
            shelf.close()

    # --- what is damaged, and what there is -------------------------------------------------------

    async def _planned(self, journal: SqliteJournal, verified: Verified) -> Plan:
        """What is wrong with the stream; all that can be restored is in the journal then."""
        copied = journal.mark()
        if copied is None or not copied.position:
            raise Refused(
                "the journal holds no event: there is nothing to make a stream again from"
            )
        damage, known, added = await self._looked_at(journal, copied, verified)
        flaws = journal.flaws()
        if flaws:
            raise Corrupt(f"the journal's file is not as it was made: {flaws}. {BY_HAND}")
        return Plan(
            work=Work.SWITCH,
            aside=f"{ASIDE}/{stamp()}",
            event_id=Uuid7Ids().new(),
            damage=damage,
            known_stream=known,
            last=verified.last,
            added=added,
        )

    async def _looked_at(
        self, journal: SqliteJournal, copied: Mark, verified: Verified
    ) -> tuple[str, str, int]:
        """The damage in words, the stream's identity, and how many events the journal got now."""
        if not (self._directory / STORE).is_dir():
            self._believe(journal, copied, verified)
            return "its store is not there", "", 0
        async with AsyncExitStack() as stack:
            try:
                server = await stack.enter_async_context(nats(self._settings, self._lock))
            except Misconfigured as error:  # no server can open it
                self._believe(journal, copied, verified)
                return problems_in(error.message), "", 0
            connection = await Connection.open(server.address(NatsRole.SERVICE))
            try:
                info = await self._info(connection)
                if info is not None:
                    await self._judge(connection, info, journal, copied)
                self._believe(journal, copied, verified)
                if info is None:
                    return f"there is no stream {self._spec.stream}", "", 0
                added = await self._tail(connection, info, journal, copied, verified)
                refused = await self._refusal(server, journal)
                damage = refused.by_journal or await self._hurt(connection, info, journal)
            finally:
                await connection.close()
        if not damage:
            raise Refused(
                refused.only_by_mark or "the stream is whole, as far as the journal can tell"
            )
        return refused.in_all or damage, identity_of(info), added

    def _believe(self, journal: SqliteJournal, copied: Mark, verified: Verified) -> None:
        """Raise ``Corrupt`` unless the journal holds by itself: its chain, and its end."""
        try:
            for page in pages(journal, copied.position):
                found = (whole_copy(copy, self._settings.cluster) for copy in page)
                verified.take(found, "the journal")
            flaws = journal_flaws(journal, copied)
            if flaws:
                last = f"the journal's last event, {copied.position}, is not what was copied"
                raise Corrupt(f"{last}: {'; '.join(flaws)}")
        except Corrupt as error:
            raise Corrupt(f"{error.message}. {how_to_renew(self._settings)}") from None

    async def _judge(
        self, connection: Connection, info: StreamInfo, journal: SqliteJournal, copied: Mark
    ) -> None:
        """Raise ``Corrupt`` where both have an event, it differs, and not the journal is right."""
        if identity_of(info) != copied.log_id:
            return
        judge = Judge(
            ("the mark names it", marked_by(self._settings)),
            ("the journal's head names it", copied),
        )
        stream = whole_stream(connection, self._spec, info)
        read = lambda copy: whole_copy(copy, self._settings.cluster)  # noqa: E731
        found = await judged(stream, journal, read, judge)
        unclear = [x for x in found if x.is_open]
        if unclear:
            raise Corrupt(
                "stream and journal have other bytes, and which are right is not proven:\n"
                f"{told(unclear)}\nNothing was changed. An older 'countermand backup' may tell. "
                f"If the stream is right: {how_to_renew(self._settings)} If the journal is right: "
                f"move {self._directory / STORE} away and run mend again"
            )
        wrong = [x for x in found if x.stream_is_right]
        if wrong:
            raise Corrupt(
                f"the journal is damaged itself: {told(wrong).lstrip(' -')}\nNothing was changed. "
                f"{how_to_renew(self._settings)}"
            )

    async def _info(self, connection: Connection) -> StreamInfo | None:
        try:
            return await info_of(connection, self._spec)
        except Misconfigured:
            return None

    async def _tail(
        self,
        connection: Connection,
        info: StreamInfo,
        journal: SqliteJournal,
        copied: Mark,
        verified: Verified,
    ) -> int:
        """What the stream has beyond the journal goes into it, if it continues it; how many."""
        if identity_of(info) != copied.log_id or info.state.last_seq <= copied.position:
            return 0
        stream = whole_stream(connection, self._spec, info, copied.position)
        async for batch in tail_of(stream, verified):
            journal.append([x.stored for x in batch if x.stored is not None])
        return verified.last - copied.position

    async def _refusal(self, server: Nats, journal: SqliteJournal) -> Refusal:
        """What a start would refuse the stream for."""
        try:
            log = await opened(self._settings, server, JetStreamLog)
        except (Corrupt, Misconfigured) as error:
            return Refusal(problems_in(error.message), problems_in(error.message))
        copied = journal.mark()
        try:
            mark = marked_by(self._settings)
            return Refusal(await said(log, copied, None), await said(log, copied, mark))
        finally:
            await log.close()

    async def _hurt(self, connection: Connection, info: StreamInfo, journal: SqliteJournal) -> str:
        """The first damage within the stream that the journal has not; "" for none."""
        book = Book(1, HURTS)
        await looked_through(connection, self._spec, info, journal, book)
        return sentence(book.kept[0]) if book.kept else ""

    # --- the new stream ---------------------------------------------------------------------------

    async def _restored(self, plan: Plan, journal: SqliteJournal) -> Plan:
        """The new stream, whole, with the event that tells of it; its server has ended."""
        place = self._directory / MENDING
        lock = await DataLock.acquire(place)  # an interrupted one's server has ended
        try:
            empty(place)
            staged = replace_directory(self._settings, place)
            async with nats(staged, lock) as server:
                await provision(server.address(NatsRole.PROVISIONER), self._spec)
                await self._copied(server, journal, plan)
                plan = await self._recorded(staged, server, plan)
                await self._proven(server, journal, plan)
        finally:
            lock.release()
        return plan

    async def _copied(self, server: Nats, journal: SqliteJournal, plan: Plan) -> None:
        connection = await Connection.open(server.address(NatsRole.SERVICE))
        try:
            restorer = Restorer(connection, self._spec)
            for page in pages(journal, plan.last):
                await restorer.put(page)
                self._told(restorer.last, plan.last)
        finally:
            await connection.close()

    async def _recorded(self, staged: Settings, server: Nats, plan: Plan) -> Plan:
        """The next event; the stream, and the mark as it must be from now on."""
        log = await opened(staged, server, JetStreamLog)
        try:
            mark = marked_by(self._settings)
            missing = max(0, mark.position - plan.last) if mark is not None else 0
            fact = StreamMended(
                request_id=plan.event_id,
                damage=plan.damage,
                damaged_stream=plan.known_stream,
                stream=log.id,
                restored=plan.last,
                from_stream=plan.added,
                missing=missing,
                kept_as=plan.aside if (self._directory / STORE).exists() else "",
            )
            head = await record(log, self._spec.cluster, fact, plan.event_id)
            if mark is not None and missing:
                head = Mark(log.id, mark.position, mark.sha256)
            return replace(plan, log_id=log.id, mark=head, missing=missing)
        finally:
            await log.close()

    async def _proven(self, server: Nats, journal: SqliteJournal, plan: Plan) -> None:
        """Raise ``Corrupt`` unless the new stream is the journal, byte for byte."""
        connection = await Connection.open(server.address(NatsRole.SERVICE))
        try:
            info = await info_of(connection, self._spec)
            if info.state.last_seq != plan.last + 1:
                raise Corrupt(f"the new stream ends at {info.state.last_seq}: run mend again")
            hurt = await self._hurt(connection, info, journal)
        finally:
            await connection.close()
        if hurt:
            raise Corrupt(f"the new stream is not as it must be: {hurt}")


async def looked_through(
    connection: Connection,
    spec: StreamSpec,
    info: StreamInfo,
    journal: SqliteJournal | None,
    book: Book,
    told: Told = lambda position, last: None,
    mark: Mark | None = None,
) -> None:
    """All that is wrong with the stream, by itself and beside journal and mark, is in ``book``."""
    last = info.state.last_seq
    with closing(SqliteShelf()) as shelf:
        checker, stream = Checker(spec.cluster, shelf), whole_stream(connection, spec, info)
        side, tell = Beside(journal, book), lambda n: told(n, last)
        await look_through(stream, last, checker, side, book, tell, mark)


def empty(place: Path) -> None:
    """What an interrupted mend left in it goes; it was made of copies."""
    for path in place.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != LOCK_FILE:
            path.unlink()


def replace_directory(settings: Settings, directory: Path) -> Settings:
    """The settings for a server on another directory."""
    return replace(settings, data_directory=str(directory))


# --- taking its place -----------------------------------------------------------------------------


def switched(settings: Settings, plan: Plan) -> Switched:
    """The new stream in the place of the damaged one. Each step may have been done before."""
    directory = directory_of(settings)
    move_store(directory, plan, MENDING)
    with closing(SqliteJournal(journal_path(settings), settings.cluster)) as journal:
        journal.succeed(plan.log_id)
    write_marker(directory, Marker(plan.log_id))
    if plan.mark is not None:
        mark_file(settings).begin(plan.mark)
    shutil.rmtree(directory / MENDING, ignore_errors=True)
    remove_plan(directory)
    return Switched(words_of(settings, plan), plan.missing)


def move_store(directory: Path, plan: Plan, made_in: str) -> None:
    """The store there is aside, the new one in its place: two moves within one directory."""
    new, store, aside = directory / made_in / STORE, directory / STORE, directory / plan.aside
    if not new.is_dir():
        return
    if store.is_dir():
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        store.rename(aside / STORE)
        sync_directory(aside)
        sync_directory(directory)
    new.rename(store)
    sync_directory(directory)


def words_of(settings: Settings, plan: Plan) -> str:
    """What was done."""
    words = (
        f"the stream {settings.stream} was made again from the journal: events 1 to {plan.last},"
        f" as they were; event {plan.last + 1} tells of it. What was wrong: {plan.damage}."
    )
    aside = directory_of(settings) / plan.aside
    if aside.exists():
        words += f" The damaged one is kept at {aside}."
    return words + and_missing(plan.missing)
