"""``countermand accept-loss``: the stream as it is becomes what is known here, on the record.

The journal of before is kept beside the new one, which is written from the stream. Each step can be
done again: the plan says what was decided.
"""

from collections.abc import Iterator
from contextlib import aclosing, closing
from pathlib import Path
from typing import Final

from adapters.bootstrap.done import Done
from adapters.bootstrap.evidence import (
    copied_by,
    directory_of,
    furthest,
    journal_path,
    locked,
    mark_file,
    marked_by,
    nats,
    opened,
)
from adapters.bootstrap.lost import lost_events
from adapters.bootstrap.marker import Marker, read_marker, write_marker
from adapters.bootstrap.plan import (
    Plan,
    Work,
    read_plan,
    refuse_other,
    remove_plan,
    stamp,
    write_plan,
)
from adapters.bootstrap.reaching import refuse_no_store
from adapters.bootstrap.recording import record
from adapters.bootstrap.renewing import flaws_of, how_to_renew
from adapters.bootstrap.system import Uuid7Ids
from adapters.durable_file import sync_directory
from adapters.jetstream.log import JetStreamLog
from adapters.journal import SqliteJournal
from application.ports import CaughtUp
from application.settings import Settings
from application.startup_check import said
from domain.errors import Misconfigured, Refused
from domain.events import LossAccepted

BESIDE: Final = ("", "-wal", "-shm")


async def accept_loss(settings: Settings, reason: str) -> Done:
    """Accept the stream as it is. Goes on where an interrupted one stopped, with its reason.

    Raises ``Refused`` when nothing is lost, and as a start does for a stream that cannot be used
    at all: one that is missing or has holes can be mended, not accepted.
    """
    directory = directory_of(settings)
    if not settings.nats_urls:
        refuse_no_store(settings)
    async with locked(settings) as lock:
        plan = read_plan(directory)
        refuse_other(plan, Work.LOSS)
        async with nats(settings, lock) as server:
            log = await opened(settings, server, JetStreamLog)
            try:
                plan = plan or write_plan(directory, await planned(settings, log, reason))
                return await accepted(settings, log, plan)
            finally:
                await log.close()


# --- what is lost ---------------------------------------------------------------------------------


async def planned(settings: Settings, log: JetStreamLog, reason: str) -> Plan:
    """What was known and is not there. Raises ``Refused`` when that is nothing."""
    identity, marker = await log.identity(), read_marker(directory_of(settings))
    flaws, mark = flaws_of(settings), marked_by(settings)
    copied = None if flaws else copied_by(settings)  # what a damaged head says is no knowledge
    by_journal, by_mark = await said(log, copied, None), await said(log, None, mark)
    other = "" if marker is None or marker.log_id == identity.id else f"it was {marker.log_id}"
    lost = await lost_events(settings, log, identity, (copied, mark))
    problems = [x for x in (by_journal, by_mark, other) if x]
    if not problems and not lost.spans:
        unknown = "".join(f"; {x}" for x in lost.unknown)
        if flaws:
            unknown += f"; {flaws}. {how_to_renew(settings)}"
        raise Refused(f"nothing is lost, as far as the journal and the mark can tell{unknown}")
    same = copied is not None and not by_journal and journal_path(settings).name not in lost.copies
    return Plan(
        work=Work.LOSS,
        aside=f"{journal_path(settings).name}.{stamp()}",
        event_id=Uuid7Ids().new(),
        damage="; ".join(x for x in (*problems, flaws, lost.number, lost.details) if x),
        known_stream=marker.log_id if marker is not None else identity.id,
        last=identity.last,
        reason=reason,
        known_last=max(furthest(copied, mark).position, *(end for _, end in lost.spans), 0),
        log_id=identity.id,
        journal_kept=same,
        lost=f"{lost.number}. {lost.details[:1].upper()}{lost.details[1:]}" if lost.spans else "",
    )


# --- accepted -------------------------------------------------------------------------------------


async def accepted(settings: Settings, log: JetStreamLog, plan: Plan) -> Done:
    """Everything that follows. Each step may have been done before."""
    if log.id != plan.log_id:
        raise Misconfigured(f"the stream is {log.id}, and the loss of {plan.log_id} was accepted")
    fact = LossAccepted(
        request_id=plan.event_id,
        reason=plan.reason,
        damage=plan.damage,
        stream=log.id,
        known_stream=plan.known_stream,
        last=plan.last,
        known_last=plan.known_last,
        kept_as="" if plan.journal_kept else plan.aside,
    )
    head = await record(log, settings.cluster, fact, plan.event_id)
    if not plan.journal_kept:
        await renew_journal(settings, log, plan)
    write_marker(directory_of(settings), Marker(log.id))
    mark_file(settings).begin(head)
    remove_plan(directory_of(settings))
    return Done(words_of(settings, plan))


async def renew_journal(settings: Settings, log: JetStreamLog, plan: Plan) -> None:
    """A journal of the stream as it is; that of before is kept beside it."""
    path = journal_path(settings)
    aside, new = path.with_name(plan.aside), path.with_name(f"{path.name}.new")
    if aside.exists() and path.exists():
        return  # it was put in its place before
    await write_journal(log, new, settings.cluster)
    put_in_place(path, aside, new)


async def write_journal(log: JetStreamLog, path: Path, cluster: str) -> None:
    """A journal of all there is in the log, in place of whatever is at ``path``."""
    for old in files_of(path):
        old.unlink(missing_ok=True)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with closing(SqliteJournal(path, cluster)) as journal:
        journal.adopt(log.id)
        async with aclosing(log.read(0)) as items:
            async for item in items:
                if not isinstance(item, CaughtUp):
                    journal.append(item)


def put_in_place(path: Path, aside: Path, new: Path) -> None:
    """The old journal beside, the new one in its place."""
    for old, kept in reversed([*zip(files_of(path), files_of(aside), strict=True)]):
        if old.exists():
            old.rename(kept)
    sync_directory(path.parent)
    new.rename(path)
    sync_directory(path.parent)


def files_of(path: Path) -> Iterator[Path]:
    """The files of an SQLite database."""
    return (path.with_name(path.name + end) for end in BESIDE)


def words_of(settings: Settings, plan: Plan) -> str:
    """What was done."""
    lost = plan.lost or "how many events were replaced by others is not known"
    words = (
        f"accepted: {lost}. The stream {settings.stream} ends at {plan.last}, and event "
        f"{plan.last + 1} tells of it. What was wrong: {plan.damage}."
    )
    if not plan.journal_kept:
        aside = journal_path(settings).with_name(plan.aside)
        words += f" The journal of before is kept at {aside}."
    return words
