"""``countermand restore``: a stream from a backup takes the place of the one there is, if any.

As a mend does it (``mend``): the new stream is made in a store of its own, by a nats-server of its
own, and looked at like ``countermand fsck`` looks; only when it is whole, the directories are
switched. Each step can be done again: the plan (``plan``) says how far it came.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Raw, Struct

from adapters.bootstrap.backup_file import Header, data_of, verified
from adapters.bootstrap.done import Switched
from adapters.bootstrap.evidence import (
    Nats,
    copied_by,
    directory_of,
    furthest,
    journal_path,
    locked,
    mark_file,
    marked_by,
    nats,
    opened,
    stream_spec,
)
from adapters.bootstrap.loss import write_journal
from adapters.bootstrap.mend import empty, looked_through, replace_directory
from adapters.bootstrap.plan import Plan, Work, read_plan, refuse_other, stamp, write_plan
from adapters.bootstrap.reaching import STORE
from adapters.bootstrap.recording import record
from adapters.bootstrap.restore_place import RESTORING, new_journal, switched
from adapters.bootstrap.system import Uuid7Ids
from adapters.durable_file import sync_directory
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.api import StreamInfo
from adapters.jetstream.connection import Connection
from adapters.jetstream.lock import DataLock
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import grow
from adapters.jetstream.snapshot_api import put_back
from adapters.jetstream.strangers import refuse_strangers
from adapters.jetstream.whole import info_of
from adapters.journal import SqliteJournal
from application.fsck import Book
from application.mending import sentence
from application.ports import Mark
from application.settings import Settings
from domain.errors import Corrupt, CountermandError, Misconfigured, Refused, Unavailable
from domain.events import StreamRestored

ASIDE: Final = "replaced"
ALL_THE_SAME: Final = (
    "--journal-aside restores the backup all the same; what was there before is kept aside"
)
"""What to say of a backup that the witnesses are against."""

Told = Callable[[str], Callable[[int, int], None]]
"""Gives, for what is counted, who is told how many are done, and how many there are."""


class Wish(Struct, frozen=True):
    """What to restore. ``journal_aside``: also where the journal there is knows more, or other."""

    file: Path
    journal_aside: bool


async def restore(settings: Settings, wish: Wish, told: Told) -> Switched:
    """Put the backup in the stream's place. Goes on where an interrupted one stopped.

    Then it is the interrupted one's backup that is restored, whatever file is named. Raises
    ``Corrupt`` for a damaged backup, ``Refused`` when the journal has what the backup lacks,
    ``Misconfigured`` for the backup of another stream, or a stream on an outside server.
    """
    refuse_outside(settings)
    directory = directory_of(settings)
    # Before anything is made: what is no backup leaves no trace.
    header = checked(settings, wish, told) if read_plan(directory) is None else None
    async with locked(settings) as lock:
        plan = read_plan(directory)
        refuse_other(plan, Work.RESTORE)
        if plan is None:
            header = header or checked(settings, wish, told)
            refuse_strangers(lock.directory / STORE)
            plan = await Restoring(settings, wish, header, told).prepared()
        return switched(settings, plan)


def checked(settings: Settings, wish: Wish, told: Told) -> Header:
    """The header of a backup whose every byte is what was written, and which fits."""
    return fitting(settings, verified(wish.file, told("bytes checked")))


def refuse_outside(settings: Settings) -> None:
    """Raise ``Misconfigured``: an outside server's streams are its operator's."""
    if settings.nats_urls:
        raise Misconfigured(
            "the stream is on an outside nats-server: restore makes one on the embedded server "
            "only. Restore the backup there, into a data directory without nats_urls"
        )


def fitting(settings: Settings, header: Header) -> Header:
    """The header of a backup of this cluster's stream, for which the settings have room."""
    if (header.cluster, header.stream) != (settings.cluster, settings.stream):
        raise Misconfigured(
            f"this is a backup of the stream {header.stream} of cluster {header.cluster}; the "
            f"settings say {settings.stream} of {settings.cluster}"
        )
    if header.room_bytes > settings.stream_bytes_max:
        raise Misconfigured(
            f"the stream in the backup may take {header.room_bytes} bytes, and stream_bytes_max "
            f"is {settings.stream_bytes_max}: set it to {header.room_bytes} or more"
        )
    return header


class Restoring:
    """From a backup that is whole to a stream that is, in a store of its own."""

    def __init__(self, settings: Settings, wish: Wish, header: Header, told: Told) -> None:
        self._settings = settings
        self._wish = wish
        self._header = header
        self._told = told
        self._spec = stream_spec(settings)
        self._directory = directory_of(settings)

    async def prepared(self) -> Plan:
        """The plan, at the point where the new stream takes its place."""
        place = self._directory / RESTORING
        lock = await DataLock.acquire(place)  # an interrupted one's server has ended
        try:
            empty(place)
            plan = await self._made(place, lock)
            sync_tree(place / STORE)
        except CountermandError:
            shutil.rmtree(place)  # what is not used needs no room
            raise
        finally:
            lock.release()
        return write_plan(self._directory, plan)

    async def _made(self, place: Path, lock: DataLock) -> Plan:
        """The new stream, whole, with the event that tells of it; its server has ended."""
        staged = replace_directory(self._settings, place)
        async with nats(staged, lock) as server:
            told = self._told("bytes unpacked")
            await put_back_into(server, self._wish.file, self._header, told)
            await grow(server.address(NatsRole.OPERATOR), self._spec)
            kept, last = await self._looked_at(server)
            return await self._recorded(staged, server, kept, last)

    # --- is it whole, and does the journal agree? -------------------------------------------------

    async def _looked_at(self, server: Nats) -> tuple[bool, int]:
        """Whether the journal there is can go on, and the stream's last position."""
        connection = await Connection.open(server.address(NatsRole.SERVICE))
        try:
            info = await info_of(connection, self._spec)
            last = info.state.last_seq
            if last < self._header.last:
                raise Corrupt(
                    f"the backup ends at event {last}, and was taken at {self._header.last}"
                )
            with journal_there(self._settings, self._wish) as journal:
                refuse_newer(journal, last)
                refuse_marked(self._settings, self._wish, last)
                book = await self._book(connection, info, journal)
        finally:
            await connection.close()
        if book.kept:
            raise Corrupt(disagreement(book.kept[0].kind, sentence(book.kept[0])))
        return journal is not None, last

    async def _book(
        self, connection: Connection, info: StreamInfo, journal: SqliteJournal | None
    ) -> Book:
        """The first damage in it, or the first difference from the journal or the mark."""
        book, told = Book(1), self._told("events")
        mark = None if self._wish.journal_aside else marked_by(self._settings)
        await looked_through(connection, self._spec, info, journal, book, told, mark)
        return book

    # --- on the record ----------------------------------------------------------------------------

    async def _recorded(self, staged: Settings, server: Nats, kept: bool, last: int) -> Plan:
        """The next event, the mark as it must be from now on, and a journal if there is none."""
        log = await opened(staged, server, JetStreamLog)
        try:
            known = known_by(self._settings)
            missing = max(0, known.position - last)
            event_id, time = Uuid7Ids().new(), stamp()
            fact = StreamRestored(
                request_id=event_id,
                backup_stream=self._header.log_id,
                backup_sha256=self._header.data_sha256,
                taken_at=self._header.taken_at,
                stream=log.id,
                restored=last,
                missing=missing,
                kept_as=f"{ASIDE}/{time}" if known_before(self._settings) else "",
            )
            head = await record(log, self._spec.cluster, fact, event_id)
            if not kept:
                new = new_journal(self._settings)
                await write_journal(log, new, self._spec.cluster)
                sync_directory(new.parent)  # it is there as long as the plan is
            return Plan(
                work=Work.RESTORE,
                aside=f"{ASIDE}/{time}",
                event_id=event_id,
                damage="",
                known_stream=self._header.log_id,
                taken_at=self._header.taken_at,
                last=last,
                missing=missing,
                log_id=log.id,
                mark=Mark(log.id, known.position, known.sha256) if missing else head,
                journal_kept=kept,
            )
        finally:
            await log.close()


async def put_back_into(
    server: Nats, file: Path, header: Header, told: Callable[[int, int], None]
) -> None:
    """The snapshot in ``file`` becomes the stream of a server that has none."""
    connection = await Connection.open(server.address(NatsRole.OPERATOR))
    try:
        await put_back(
            connection,
            header.stream,
            for_one_server(header.config),
            header.state,
            data_of(file),
            lambda sent: told(sent, header.data_bytes),
        )
    finally:
        await connection.close()


def for_one_server(config: Raw) -> Raw:
    """A stream's configuration for the embedded server, which keeps one replica."""
    keys = msgspec.json.decode(config, type=dict[str, Raw])
    return Raw(msgspec.json.encode(keys | {"num_replicas": Raw(b"1")}))


@contextmanager
def journal_there(settings: Settings, wish: Wish) -> Iterator[SqliteJournal | None]:
    """The journal that the stream is compared with and that goes on, if there is one.

    Raises ``Misconfigured`` for one that cannot be opened.
    """
    path = journal_path(settings)
    if wish.journal_aside or not path.exists():
        yield None
        return
    try:
        journal = SqliteJournal(path, settings.cluster)
    except Misconfigured as error:
        raise Misconfigured(f"{error.message}; {ALL_THE_SAME}") from None
    with closing(journal):
        yield journal


def refuse_newer(journal: SqliteJournal | None, last: int) -> None:
    """Raise ``Refused`` when the journal has events that the backup has not."""
    copied = journal.mark() if journal is not None else None
    if copied is not None and copied.position > last:
        raise Refused(
            f"the backup ends at event {last}, and the journal has {copied.position}: 'countermand "
            "mend' makes the stream again from the journal, and loses nothing. If that cannot be "
            f"done, {ALL_THE_SAME}"
        )


def refuse_marked(settings: Settings, wish: Wish, last: int) -> None:
    """Raise ``Refused`` when the mark knows of more, and a stream is there that may have it."""
    mark = marked_by(settings)
    there = (directory_of(settings) / STORE).is_dir()
    if there and not wish.journal_aside and mark is not None and mark.position > last:
        raise Refused(
            f"the backup ends at event {last}, and the mark knows of {mark.position}: see with "
            f"'countermand fsck' what the stream there has. If it is lost, {ALL_THE_SAME}"
        )


def disagreement(kind: str, words: str) -> str:
    """What is wrong with a backup that cannot be used."""
    if kind in ("journal", "mark"):
        return (
            f"the backup and the {kind} disagree: {words}. See which of them is right; "
            f"{ALL_THE_SAME}"
        )
    return f"the stream in the backup is damaged: {words}. Nothing was changed"


def known_by(settings: Settings) -> Mark:
    """The highest position that the journal or the mark there is has seen."""
    try:
        copied = copied_by(settings)
    except (Corrupt, Misconfigured, Unavailable):
        copied = None  # it is put aside as it is
    return furthest(marked_by(settings), copied)


def known_before(settings: Settings) -> bool:
    """Whether there is a stream or a mark to be kept aside."""
    return (directory_of(settings) / STORE).is_dir() or mark_file(settings).path.exists()


def sync_tree(top: Path) -> None:
    """Everything below it is on the disk: nats-server does not say so of what it unpacked."""
    for directory, _, names in os.walk(top):
        for name in names:
            handle = os.open(Path(directory) / name, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_directory(Path(directory))
