"""The composition root: every part is chosen and joined here, and nowhere else."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from adapters.bootstrap.alarms import alarms_of
from adapters.bootstrap.disk import DiskReserve
from adapters.bootstrap.marker import Marker, check_marker, read_marker, write_marker
from adapters.bootstrap.people import known_people
from adapters.bootstrap.supervise import Supervision
from adapters.bootstrap.system import SystemClock, Uuid7Ids
from adapters.bootstrap.view_builder import ViewSource
from adapters.bootstrap.view_process import beside
from adapters.engines.local.engine import LocalEngine
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.durability import prove_durability
from adapters.jetstream.lock import DataLock
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import grow, provision
from adapters.jetstream.publish import UnseenDisk
from adapters.jetstream.server import EmbeddedServer
from adapters.journal import SqliteJournal
from adapters.views.files import SqliteViewFiles
from application.administration import Administration
from application.board import Board
from application.carrier import Carrier
from application.dispatcher import Dispatcher
from application.job_maker import JobKeys, JobMaker
from application.journal_keeper import JournalKeeper
from application.ledger import Ledger
from application.listing import Listing
from application.ports import Reporter
from application.projector import Projector
from application.queries import Queries
from application.retention import Retention
from application.room import Room
from application.run_limits import RunLimits
from application.runs import Runs
from application.scheduler import Limits, Scheduler
from application.settings import REBUILD_JOURNAL, SLOTS_MAX, Settings
from application.startup_check import compare
from application.stopper import Stopper
from application.tail import Tail
from application.throttle import RefusalLimit
from application.view_building import ViewBuilder
from application.visibility import Visibility
from domain.errors import Misconfigured, Unavailable
from domain.policy import TablePolicy

CAUGHT_UP_SECONDS_MAX = 5.0


class Nats(Struct, frozen=True):
    """Where the stream is: addresses by role, monitoring, and the embedded server if it is ours."""

    urls: tuple[str, ...]
    monitor_urls: tuple[str, ...]
    credentials: dict[NatsRole, Path]
    server: EmbeddedServer | None

    def address(self, role: NatsRole) -> ServerAddress:
        """How to connect in a role."""
        return ServerAddress(self.urls, self.credentials[role], str(role))


class Views(Struct, frozen=True):
    """The views: kept up, built anew, and asked."""

    projector: Projector
    builder: ViewBuilder
    listing: Listing
    administration: Administration


class Parts(Struct, frozen=True):
    """Everything that runs, joined."""

    settings: Settings
    nats: Nats
    log: JetStreamLog
    journal: SqliteJournal
    keeper: JournalKeeper
    engine: LocalEngine
    ledger: Ledger
    board: Board
    dispatcher: Dispatcher
    carrier: Carrier
    retention: Retention
    run_limits: RunLimits
    room: Room
    scheduler: Scheduler
    queries: Queries
    views: Views
    supervision: Supervision
    reporter: Reporter
    clock: SystemClock
    ids: Uuid7Ids


def directory_of(settings: Settings) -> Path:
    """The data directory."""
    return Path(settings.data_directory)


def journal_path(settings: Settings) -> Path:
    """Where the journal lies; it may be another disk."""
    chosen = Path(settings.journal) if settings.journal else None
    return chosen or directory_of(settings) / "journal" / "journal.sqlite"


def stream_spec(settings: Settings) -> StreamSpec:
    """The stream as it must be."""
    return StreamSpec(
        cluster=settings.cluster,
        stream=settings.stream,
        max_bytes=settings.stream_bytes_max,
        replicas=settings.stream_replicas,
    )


@asynccontextmanager
async def locked(settings: Settings) -> AsyncIterator[DataLock]:
    """The data directory, ours alone. Others may enter a new one, but it hides what is in it."""
    directory = directory_of(settings)
    try:
        new = not directory.exists()
        lock = await DataLock.acquire(directory)
    except OSError as error:
        raise unusable(directory, error) from None
    try:
        open_to_others(directory, new)
        yield lock
    finally:
        lock.release()


def open_to_others(directory: Path, new: bool) -> None:
    """Others may pass through a directory that we made, to the socket in ``run``."""
    run = directory / "run"
    try:
        if new:
            directory.chmod(0o711)
        run.mkdir(exist_ok=True)
        run.chmod(0o711)
    except OSError as error:
        raise unusable(directory, error) from None


def unusable(directory: Path, error: OSError) -> Misconfigured:
    """A data directory that cannot be one."""
    why = error.strerror or str(error)
    return Misconfigured(
        f"{directory} cannot be the data directory: {why}; choose a directory that this account "
        "may make or write"
    )


@asynccontextmanager
async def nats(settings: Settings, lock: DataLock) -> AsyncIterator[Nats]:
    """The embedded server, started and ended here, or an outside one."""
    if settings.nats_urls:
        yield outside_nats(settings)
        return
    server = await EmbeddedServer.start(lock, cluster=settings.cluster, stream=settings.stream)
    try:
        files = {role: server.credentials_file(role) for role in NatsRole}
        yield Nats((server.url,), (server.monitor_url,), files, server)
    finally:
        await server.stop()


def outside_nats(settings: Settings) -> Nats:
    """What the settings say of a server that is not ours."""
    files = {
        NatsRole.SERVICE: Path(settings.nats_service_credentials_file),
        NatsRole.PROVISIONER: Path(settings.nats_provisioner_credentials_file),
        NatsRole.READER: Path(settings.nats_reader_credentials_file),
    }
    return Nats(settings.nats_urls, settings.nats_monitor_urls, files, None)


async def provision_stream(settings: Settings, server: Nats) -> bool:
    """Make the stream; whether it was made now. The one place that does.

    Durability is proven before: nothing is made on a server that would be refused.
    """
    await prove_durability(server.monitor_urls, frozenset(), settings.accept_loss)
    address, spec = server.address(NatsRole.PROVISIONER), stream_spec(settings)
    return await provision(address, spec, may_create=not knows_a_stream(settings))


async def grow_stream(settings: Settings, server: Nats) -> int | None:
    """Give our own stream the room that the settings say; the bytes it had, None for no change."""
    if server.server is None:
        return None  # an outside server's streams are its operator's
    return await grow(server.address(NatsRole.OPERATOR), stream_spec(settings))


def knows_a_stream(settings: Settings) -> bool:
    """Whether this data directory has ever had a stream."""
    return read_marker(directory_of(settings)) is not None or journal_path(settings).exists()


class Makers(Struct, frozen=True):
    """Which classes the stream and the engine are made of; a test hands in ones that crash."""

    log: type[JetStreamLog] = JetStreamLog
    engine: type[LocalEngine] = LocalEngine


@asynccontextmanager
async def evidence(
    settings: Settings, server: Nats, makers: Makers
) -> AsyncIterator[tuple[JetStreamLog, SqliteJournal]]:
    """The log and its second copy, proven to belong together."""
    log = await makers.log.open(
        server.address(NatsRole.SERVICE),
        stream_spec(settings),
        monitor_urls=server.monitor_urls,
        accept_loss=settings.accept_loss,
        disk=server.server or UnseenDisk(),
    )
    try:
        identity = await log.identity()
        path = journal_path(settings)
        rebuild = settings.rebuild_journal == REBUILD_JOURNAL
        marker = read_marker(directory_of(settings))
        check_marker(marker, identity.id, path.exists(), rebuild)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        journal = SqliteJournal(path, settings.cluster)
        try:
            await compare(log, journal)
            if marker is None:
                write_marker(directory_of(settings), Marker(identity.id))
            yield log, journal
        finally:
            journal.close()
    finally:
        await log.close()


def local_engine(settings: Settings, makers: Makers = Makers()) -> LocalEngine:  # noqa: B008
    """Runs on this machine, under wardens that outlive the service."""
    return makers.engine(
        directory_of(settings) / "runs",
        node=settings.node or socket.gethostname(),
        slots=settings.slots or min(len(os.sched_getaffinity(0)), SLOTS_MAX),
        task_account=settings.task_account,
        allow_root_tasks=bool(settings.allow_root_tasks),
        use_cgroups=settings.use_cgroups,
        kill_deadline_seconds=settings.kill_deadline_seconds,
        run_as_accounts=frozenset(settings.run_as_accounts),
    )


def join(
    settings: Settings,
    server: Nats,
    log: JetStreamLog,
    journal: SqliteJournal,
    reporter: Reporter,
    makers: Makers,
) -> Parts:
    """All parts, none of them running yet."""
    clock, ids, policy = SystemClock(), Uuid7Ids(), TablePolicy()
    ledger, keys = Ledger(log, journal, clock, ids, settings.cluster), JobKeys()
    board, tail = Board(log, ledger, keys), Tail(journal)
    keeper = JournalKeeper(log, journal, tail)
    engine = local_engine(settings, makers)
    runs = Runs(ledger, engine)
    room, supervision = room_of(settings, log, reporter), Supervision(reporter)
    dispatcher = Dispatcher(board, engine, runs, reporter, room.refusal)
    maker = JobMaker(ledger, keys, caught_up_of(board, log))
    may_write = permission_of(room, supervision, keeper)
    return Parts(
        settings=settings,
        nats=server,
        log=log,
        journal=journal,
        keeper=keeper,
        engine=engine,
        ledger=ledger,
        board=board,
        dispatcher=dispatcher,
        carrier=carrier_of(settings, board, ledger, engine, runs, dispatcher, reporter),
        retention=Retention(board, ledger, engine, runs, clock, reporter),
        run_limits=RunLimits(board, runs, clock, reporter),
        room=room,
        scheduler=scheduler_of(settings, ledger, policy, clock, maker, may_write),
        queries=Queries(ledger, log, journal, board, policy, tail),
        views=views_of(settings, server, log, journal, ledger, board, policy, clock, reporter),
        supervision=supervision,
        reporter=reporter,
        clock=clock,
        ids=ids,
    )


def views_of(
    settings: Settings,
    server: Nats,
    log: JetStreamLog,
    journal: SqliteJournal,
    ledger: Ledger,
    board: Board,
    policy: TablePolicy,
    clock: SystemClock,
    reporter: Reporter,
) -> Views:
    """What is folded from the stream, in files of its own; long builds go to a process beside."""
    directory = directory_of(settings) / "views"
    files = SqliteViewFiles(directory, log.id)
    projector = Projector(log, reporter)
    build = beside(
        ViewSource(
            urls=server.urls,
            credentials_file=str(server.credentials[NatsRole.SERVICE]),
            monitor_urls=server.monitor_urls,
            accept_loss=settings.accept_loss,
            spec=stream_spec(settings),
            directory=str(directory),
            log_id=log.id,
        )
    )
    builder = ViewBuilder(log, journal, projector, files, build, clock, reporter)
    known = lambda: max(board.position, ledger.position)  # noqa: E731
    return Views(
        projector,
        builder,
        Listing(projector, Visibility(policy), clock, known),
        Administration(policy, projector, builder, known, known_people(settings)),
    )


def room_of(settings: Settings, log: JetStreamLog, reporter: Reporter) -> Room:
    """What watches the room in the stream and on the disk."""
    disk = DiskReserve(directory_of(settings), settings.disk_reserve_bytes, reporter)
    return Room(log.store_use, disk.look, reporter, lambda: log.appended_bytes_total)


def caught_up_of(board: Board, log: JetStreamLog) -> Callable[[], Awaitable[None]]:
    """Returns when the board knows all that is stored now."""

    async def caught_up() -> None:
        await board.wait_until((await log.identity()).last, CAUGHT_UP_SECONDS_MAX)

    return caught_up


def permission_of(
    room: Room, supervision: Supervision, keeper: JournalKeeper
) -> Callable[[], None]:
    """What every new command passes: room in the store, every part alive, the journal kept."""

    def may_write() -> None:
        room.check()
        supervision.check()
        if keeper.failure is not None:
            raise Unavailable(
                f"the journal has stopped: {keeper.failure}; see the service's health"
            )

    return may_write


def carrier_of(
    settings: Settings,
    board: Board,
    ledger: Ledger,
    engine: LocalEngine,
    runs: Runs,
    dispatcher: Dispatcher,
    reporter: Reporter,
) -> Carrier:
    """What carries out."""
    stop_signal = int(signal.Signals[settings.stop_signal])
    stopper = Stopper(ledger, engine, runs, stop_signal, reporter)
    return Carrier(board, engine, runs, stopper, dispatcher, reporter, stop_signal)


def scheduler_of(
    settings: Settings,
    ledger: Ledger,
    policy: TablePolicy,
    clock: SystemClock,
    maker: JobMaker,
    may_write: Callable[[], None],
) -> Scheduler:
    """The commands people give."""
    limits = Limits(settings.message_units_max)
    refusals = RefusalLimit(settings.refusals_per_minute, settings.refusals_per_minute)
    return Scheduler(ledger, policy, clock, limits, refusals, maker, may_write)


async def background(parts: Parts) -> None:
    """Everything that goes on by itself, until cancelled; an outage restarts a part."""
    async with asyncio.TaskGroup() as group:
        for name, part in (
            ("board", parts.board.run),
            ("journal", parts.keeper.run),
            ("carrier", parts.carrier.run),
            ("retention", parts.retention.run),
            ("run-limits", parts.run_limits.run),
            ("room", parts.room.watch),
            ("views", parts.views.projector.run),
            ("building of views", parts.views.builder.run),
            ("alarms", alarms_of(parts.log, parts.nats.server, parts.reporter)),
        ):
            group.create_task(parts.supervision.keep(name, part), name=name)
