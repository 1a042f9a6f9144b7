"""``countermand restore``: a stream from a backup takes the place of the one there is, if any.

As a mend does it (``mend``): the new stream is made in a store of its own, by a nats-server of its
own, and looked at like ``countermand fsck`` looks; only when it is whole, the directories are
switched. Each step can be done again: the plan (``plan``) says how far it came.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Raw, Struct

from adapters.bootstrap.backup_file import Header, data_of, verified
from adapters.bootstrap.evidence import (
    Nats,
    directory_of,
    journal_path,
    locked,
    mark_file,
    nats,
    opened,
    stream_spec,
)
from adapters.bootstrap.loss import files_of, marked_by, put_in_place, write_journal
from adapters.bootstrap.marker import Marker, write_marker
from adapters.bootstrap.mend import empty, move_store, replace_directory
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
from adapters.bootstrap.system import Uuid7Ids
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.connection import Connection
from adapters.jetstream.lock import DataLock
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import grow
from adapters.jetstream.snapshot_api import put_back
from adapters.jetstream.strangers import refuse_strangers
from adapters.jetstream.whole import info_of, whole_stream
from adapters.journal import SqliteJournal
from adapters.mark import sync_directory
from adapters.snapshots.shelf import SqliteShelf
from application.checking import Checker
from application.fsck import Book, look_through
from application.mending import sentence
from application.ports import Mark
from application.settings import Settings
from domain.errors import Corrupt, Misconfigured, Refused
from domain.events import StreamRestored

RESTORING: Final = "restoring"
ASIDE: Final = "replaced"


Told = Callable[[str], Callable[[int, int], None]]
"""Gives, for what is counted, who is told how many are done, and how many there are."""


class Wish(Struct, frozen=True):
    """What to restore. ``journal_aside``: also where the journal there is knows more, or other."""

    file: Path
    journal_aside: bool


class Restored(Struct, frozen=True):
    """What was done, in words. ``missing``: events that are nowhere, so that no service starts."""

    words: str
    missing: int


async def restore(settings: Settings, wish: Wish, told: Told) -> Restored:
    """Put the backup in the stream's place. Goes on where an interrupted one stopped.

    Raises ``Corrupt`` for a damaged backup, ``Refused`` when the journal has what the backup lacks,
    ``Misconfigured`` for the backup of another stream, or a stream on an outside server.
    """
    refuse_outside(settings)
    directory = directory_of(settings)
    async with locked(settings) as lock:
        plan = read_plan(directory)
        refuse_other(plan, Work.RESTORE)
        if plan is None:
            header = matching(settings, verified(wish.file, told("bytes checked")))
            refuse_strangers(lock.directory / STORE)
            plan = await Restoring(settings, wish, header, told).prepared()
        return switched(settings, plan)


def refuse_outside(settings: Settings) -> None:
    """Raise ``Misconfigured``: an outside server's streams are its operator's."""
    if settings.nats_urls:
        raise Misconfigured(
            "the stream is on an outside nats-server: restore makes one on the embedded server "
            "only. Restore the backup there, into a data directory without nats_urls"
        )


def matching(settings: Settings, header: Header) -> Header:
    """The header of a backup of this cluster's stream."""
    if (header.cluster, header.stream) != (settings.cluster, settings.stream):
        raise Misconfigured(
            f"this is a backup of the stream {header.stream} of cluster {header.cluster}; the "
            f"settings say {settings.stream} of {settings.cluster}"
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
            staged = replace_directory(self._settings, place)
            async with nats(staged, lock) as server:
                await self._put_back(server)
                await grow(server.address(NatsRole.OPERATOR), self._spec)
                kept, last = await self._looked_at(server)
                plan = await self._recorded(staged, server, kept, last)
            sync_tree(place / STORE)
        finally:
            lock.release()
        return write_plan(self._directory, plan)

    async def _put_back(self, server: Nats) -> None:
        header, told = self._header, self._told("bytes unpacked")
        connection = await Connection.open(server.address(NatsRole.OPERATOR))
        try:
            await put_back(
                connection,
                header.stream,
                for_one_server(header.config),
                header.state,
                data_of(self._wish.file),
                lambda sent: told(sent, header.data_bytes),
            )
        finally:
            await connection.close()

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
            path, shelf = journal_path(self._settings), SqliteShelf()
            compared = path.exists() and not self._wish.journal_aside
            journal = SqliteJournal(path, self._settings.cluster) if compared else None
            try:
                if journal is not None:
                    refuse_newer(journal, last)
                book, checker = Book(1), Checker(self._spec.cluster, shelf)
                stream = whole_stream(connection, self._spec, info)
                told = self._told("events")
                tell = lambda position: told(position, last)  # noqa: E731
                await look_through(stream, last, checker, journal, book, tell)
            finally:
                shelf.close()
                if journal is not None:
                    journal.close()
        finally:
            await connection.close()
        if book.kept:
            raise Corrupt(disagreement(book, sentence(book.kept[0])))
        return compared, last

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
                await write_journal(log, new_journal(self._settings), self._spec.cluster)
            return Plan(
                work=Work.RESTORE,
                aside=f"{ASIDE}/{time}",
                event_id=event_id,
                damage="",
                known_stream=self._header.log_id,
                last=last,
                missing=missing,
                log_id=log.id,
                mark=Mark(log.id, known.position, known.sha256) if missing else head,
                journal_kept=kept,
            )
        finally:
            await log.close()


def for_one_server(config: Raw) -> Raw:
    """A stream's configuration for the embedded server, which keeps one replica."""
    keys = msgspec.json.decode(config, type=dict[str, Raw])
    return Raw(msgspec.json.encode(keys | {"num_replicas": Raw(b"1")}))


def refuse_newer(journal: SqliteJournal, last: int) -> None:
    """Raise ``Refused`` when the journal has events that the backup has not."""
    copied = journal.mark()
    if copied is not None and copied.position > last:
        raise Refused(
            f"the backup ends at event {last}, and the journal has {copied.position}: 'countermand "
            "mend' makes the stream again from the journal, and loses nothing. If that cannot be "
            "done, --journal-aside restores the backup; the journal is kept beside"
        )


def disagreement(book: Book, words: str) -> str:
    """What is wrong with a backup that cannot be used."""
    if book.kept[0].kind == "journal":
        return (
            f"the backup and the journal disagree: {words}. See which of them is right; "
            "--journal-aside restores the backup, and keeps the journal beside"
        )
    return f"the stream in the backup is damaged: {words}. Nothing was changed"


def known_by(settings: Settings) -> Mark:
    """The highest position that the journal or the mark there is has seen."""
    found, path = [Mark("", 0, "")], journal_path(settings)
    mark = marked_by(settings)
    if mark is not None:
        found.append(mark)
    if path.exists():
        with closing(SqliteJournal(path, settings.cluster)) as journal:
            copied = journal.mark()
            found += [copied] if copied is not None else []
    return max(found, key=lambda x: x.position)


def known_before(settings: Settings) -> bool:
    """Whether there is a stream or a mark to be kept aside."""
    return (directory_of(settings) / STORE).is_dir() or mark_file(settings).path.exists()


def new_journal(settings: Settings) -> Path:
    """Where a journal is written that is to take the place of the one there is."""
    path = journal_path(settings)
    return path.with_name(f"{path.name}.new")


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


# --- taking its place -----------------------------------------------------------------------------


def switched(settings: Settings, plan: Plan) -> Restored:
    """The new stream in its place. Each step may have been done before."""
    directory = directory_of(settings)
    keep_mark(settings, plan)
    move_store(directory, plan, RESTORING)
    if plan.journal_kept:
        with closing(SqliteJournal(journal_path(settings), settings.cluster)) as journal:
            journal.succeed(plan.log_id)
    else:
        renew_journal(settings, plan)
    write_marker(directory, Marker(plan.log_id))
    if plan.mark is not None:
        mark_file(settings).begin(plan.mark)
    for made in (RESTORING, "snapshots"):  # folded jobs may be ahead of what was restored
        shutil.rmtree(directory / made, ignore_errors=True)
    remove_plan(directory)
    return Restored(words_of(settings, plan), plan.missing)


def keep_mark(settings: Settings, plan: Plan) -> None:
    """The mark of before, copied aside; once."""
    mark, aside = mark_file(settings).path, directory_of(settings) / plan.aside
    known = marked_by(settings)
    if not mark.exists() or (known is not None and known.log_id == plan.log_id):
        return
    aside.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy2(mark, aside / "mark.new")
    (aside / "mark.new").rename(aside / "mark")
    sync_directory(aside)


def renew_journal(settings: Settings, plan: Plan) -> None:
    """The journal that was written from the restored stream in its place."""
    path, new = journal_path(settings), new_journal(settings)
    if new.exists():
        put_in_place(path, journal_aside(settings, plan), new)


def journal_aside(settings: Settings, plan: Plan) -> Path:
    """Where the journal of before is kept: beside the new one, for it may be on another disk."""
    path = journal_path(settings)
    return path.with_name(f"{path.name}.{Path(plan.aside).name}")


def words_of(settings: Settings, plan: Plan) -> str:
    """What was done."""
    words = (
        f"the stream {settings.stream} was restored: events 1 to {plan.last}, as they were; event "
        f"{plan.last + 1} tells of it."
    )
    aside, journal = directory_of(settings) / plan.aside, journal_aside(settings, plan)
    if aside.exists():
        words += f" What was there before is kept at {aside}."
    if any(old.exists() for old in files_of(journal)):
        words += f" The journal of before is kept at {journal}."
    if plan.missing:
        words += (
            f" {plan.missing} later events that were acknowledged are nowhere: the service starts "
            "when their loss is accepted ('countermand accept-loss')."
        )
    return words
