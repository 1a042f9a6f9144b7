"""The composition root: every part is chosen and joined here, and nowhere else."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable

from msgspec import Struct

from adapters.bootstrap.alarms import alarms_of
from adapters.bootstrap.backtests_kept import kept_backtests
from adapters.bootstrap.disk import DiskReserve
from adapters.bootstrap.emergency import spool_of, stopper_of, unreachable_of
from adapters.bootstrap.evidence import Nats, directory_of, mark_file, stream_spec
from adapters.bootstrap.people import administrators, known_people, roles_now
from adapters.bootstrap.supervise import Supervision
from adapters.bootstrap.system import SystemClock, Uuid7Ids
from adapters.bootstrap.view_builder import ViewSource
from adapters.bootstrap.view_place import view_files
from adapters.bootstrap.view_process import beside
from adapters.engines.local.engine import LocalEngine
from adapters.filters.programs import LocalFilters
from adapters.hpcpack.filter_file import HpcJobFiles
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.log import JetStreamLog
from adapters.journal import SqliteJournal
from adapters.policy import CedarPolicy, default_policy, objection, schema_text
from adapters.snapshots.board_file import BoardFile
from adapters.snapshots.files import SnapshotFiles
from adapters.snapshots.fold import BOARD_BY, fold_digest
from application.administration import Administration
from application.admission import Admission
from application.board import Board
from application.board_snapshots import BoardSnapshots
from application.bulk_cancel import BulkCancels
from application.carrier import Carrier
from application.dispatcher import Dispatcher
from application.emergency import EmergencyStops
from application.engine import Node
from application.holds import Holds
from application.job_maker import JobKeys, JobMaker
from application.journal_keeper import JournalKeeper
from application.ledger import Ledger
from application.listing import Listing
from application.mark_keeper import MarkKeeper
from application.node_use import NodeUses
from application.nodes import NAME, NAME_WORDS, SLOTS_MAX
from application.pending import PendingCancels
from application.policy_commands import PolicyCommands
from application.policy_in_force import PolicyInForce
from application.policy_keeper import PolicyKeeper
from application.policy_library import PolicyLibrary
from application.ports import Policy, Reporter, Rules
from application.projector import Projector
from application.queries import Queries
from application.retention import Retention
from application.reviews import Reviews
from application.room import Room
from application.run_limits import RunLimits
from application.runs import Runs
from application.scheduler import Limits, Scheduler
from application.second_copy import SecondCopy
from application.settings import Settings
from application.site_filters import SiteFilters
from application.snapshots import Snapshots
from application.stopper import Stopper
from application.tail import Tail
from application.throttle import RefusalLimit
from application.view_building import ViewBuilder
from application.view_sharing import ViewSharing
from application.view_store import ViewFiles
from application.visibility import Visibility
from application.waiting_cancels import WaitingCancels
from application.watchdog import Watchdog
from domain.errors import Misconfigured, Unavailable

CAUGHT_UP_SECONDS_MAX = 5.0


class Views(Struct, frozen=True):
    """The views: kept up, built anew, shared with other services, and asked."""

    files: ViewFiles
    projector: Projector
    builder: ViewBuilder
    sharing: ViewSharing
    listing: Listing
    administration: Administration


class PolicyLife(Struct, frozen=True):
    """The policy: what answers, what keeps it as the stream has it, how it is changed and told."""

    in_force: PolicyInForce
    keeper: PolicyKeeper
    commands: PolicyCommands
    library: PolicyLibrary


class Parts(Struct, frozen=True):
    """Everything that runs, joined. ``may_write``: what every new command passes, or raises."""

    settings: Settings
    nats: Nats
    log: JetStreamLog
    journal: SqliteJournal
    keeper: JournalKeeper
    marks: MarkKeeper
    engine: LocalEngine
    nodes: NodeUses
    pending: PendingCancels
    reviews: Reviews
    snapshots: Snapshots
    ledger: Ledger
    board: Board
    board_snapshots: BoardSnapshots
    dispatcher: Dispatcher
    carrier: Carrier
    retention: Retention
    run_limits: RunLimits
    holds: Holds
    waiting_cancels: WaitingCancels
    room: Room
    may_write: Callable[[], None]
    scheduler: Scheduler
    bulk: BulkCancels
    queries: Queries
    policy: PolicyLife
    views: Views
    supervision: Supervision
    watchdog: Watchdog
    emergency: EmergencyStops
    reporter: Reporter
    clock: SystemClock
    ids: Uuid7Ids


class Makers(Struct, frozen=True):
    """What stream, engine, clock and policy are made by; a test hands in others."""

    log: type[JetStreamLog] = JetStreamLog
    engine: type[LocalEngine] = LocalEngine
    clock: type[SystemClock] = SystemClock
    policy: Callable[[], Rules] = default_policy


def nodes_of(settings: Settings) -> tuple[Node, ...]:
    """The nodes of the settings, in their order; this machine as one node where they name none."""
    if settings.nodes:
        return tuple(Node(name, slots) for name, slots in settings.nodes.items())
    name = settings.node or socket.gethostname()
    if not NAME.fullmatch(name):
        raise Misconfigured(f"this machine is called {name!r}; give node a name: {NAME_WORDS}")
    return (Node(name, settings.slots or min(len(os.sched_getaffinity(0)), SLOTS_MAX)),)


def local_engine(settings: Settings, makers: Makers = Makers()) -> LocalEngine:  # noqa: B008
    """Runs on this machine, under wardens that outlive the service."""
    return makers.engine(
        directory_of(settings) / "runs",
        nodes=nodes_of(settings),
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
    clock, ids, shipped = makers.clock(), Uuid7Ids(), makers.policy()
    policy = PolicyInForce(shipped, schema_text(), CedarPolicy)
    snapshots = snapshots_of(settings, journal, reporter)
    ledger = Ledger(log, journal, clock, ids, settings.cluster, snapshots)
    keys = JobKeys()
    tail = Tail(journal)
    keeper = JournalKeeper(log, journal, tail)
    board = Board(log, ledger, keys, SecondCopy(journal, keeper.position).compare)
    marks = MarkKeeper(mark_file(settings), clock, log.id)
    log.stored = marks.note
    ledger.crowded = lambda: log.crowded
    engine = local_engine(settings, makers)
    runs = Runs(ledger, engine)
    room, supervision = room_of(settings, log, reporter), Supervision(reporter)
    filters = filters_of(settings, board, ledger, runs, clock, reporter)
    watchdog = Watchdog(log.guard, reporter)
    no_start = lambda: watchdog.refusal() or room.refusal()  # noqa: E731
    dispatcher = Dispatcher(board, engine, runs, reporter, no_start, clock, filters)
    maker = JobMaker(ledger, keys, caught_up_of(board, log))
    policies = PolicyKeeper(ledger, log, policy, shipped, schema_text(), board.caught_up, reporter)
    emergency = EmergencyStops(
        ledger,
        board,
        stopper_of(settings, engine, policy, reporter),
        spool_of(settings),
        reporter,
        unreachable_of(log, watchdog),
        settings.review_seconds,
    )
    ledger.first = emergency.first
    may_write = permission_of(
        watchdog, room, supervision, keeper, marks, board, emergency, policies
    )
    refusals = RefusalLimit(settings.refusals_per_minute, settings.refusals_per_minute)
    admission = Admission(may_write, refusals, clock)
    limits = Limits(
        message_units_max=settings.message_units_max,
        freeze_windows=settings.freeze_windows,
        approval_seconds=settings.approval_seconds,
        review_seconds=settings.review_seconds,
    )
    accounts = engine.account_refused
    scheduler = Scheduler(ledger, policy, clock, limits, refusals, maker, may_write, accounts)
    queries = Queries(ledger, log, journal, board, policy, tail)
    return Parts(
        settings=settings,
        nats=server,
        log=log,
        journal=journal,
        keeper=keeper,
        marks=marks,
        engine=engine,
        nodes=NodeUses(engine.nodes, board, policy),
        pending=PendingCancels(board, ledger, policy),
        reviews=Reviews(board, ledger, policy, clock, reporter),
        snapshots=snapshots,
        ledger=ledger,
        board=board,
        board_snapshots=board_snapshots_of(settings, board, log, reporter),
        dispatcher=dispatcher,
        carrier=carrier_of(settings, board, ledger, engine, runs, dispatcher, reporter),
        retention=Retention(board, ledger, engine, runs, clock, reporter, watchdog.refusal),
        run_limits=RunLimits(board, runs, clock, reporter),
        holds=Holds(board, clock),
        waiting_cancels=WaitingCancels(
            board,
            ledger,
            policy,
            clock,
            reporter,
            may_write,
            roles_now(settings),
            settings.freeze_windows,
        ),
        room=room,
        may_write=may_write,
        scheduler=scheduler,
        bulk=BulkCancels(scheduler, ledger, board, Visibility(policy), may_write),
        queries=queries,
        policy=PolicyLife(
            policy,
            policies,
            PolicyCommands(
                ledger,
                policy,
                clock,
                admission,
                administrators(settings),
                objection,
                kept_backtests(settings).rules_of,
                settings.freeze_windows,
            ),
            PolicyLibrary(ledger, queries, policy, clock, settings.freeze_windows),
        ),
        views=views_of(settings, server, log, journal, ledger, board, policy, clock, reporter),
        supervision=supervision,
        watchdog=watchdog,
        emergency=emergency,
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
    policy: Policy,
    clock: SystemClock,
    reporter: Reporter,
) -> Views:
    """What is folded from the stream; long builds go to a process beside."""
    directory = directory_of(settings) / "views"
    files = view_files(settings.views, directory, log.id)
    projector = Projector(log, reporter)
    build = beside(
        ViewSource(
            urls=server.urls,
            credentials_file=str(server.credentials[NatsRole.SERVICE]),
            monitor_urls=server.monitor_urls,
            accept_loss=settings.accept_loss,
            spec=stream_spec(settings),
            directory=str(directory),
            database=settings.views,
            log_id=log.id,
        ),
        reporter,
    )
    builder = ViewBuilder(log, journal, projector, files, build, clock, reporter)
    known = lambda: max(board.position, ledger.position)  # noqa: E731
    return Views(
        files,
        projector,
        builder,
        ViewSharing(projector, files, reporter),
        Listing(projector, Visibility(policy), clock, known),
        Administration(policy, projector, builder, known, known_people(settings)),
    )


def snapshots_of(settings: Settings, journal: SqliteJournal, reporter: Reporter) -> Snapshots:
    """Folded jobs, kept by the version of the fold that this program is."""
    files = SnapshotFiles(directory_of(settings) / "snapshots", fold_digest(), reporter)
    return Snapshots(files, journal, reporter)


def board_snapshots_of(
    settings: Settings, board: Board, log: JetStreamLog, reporter: Reporter
) -> BoardSnapshots:
    """What the board knows, kept by the version of the program."""
    path = directory_of(settings) / "snapshots" / "board"
    return BoardSnapshots(BoardFile(path, fold_digest(BOARD_BY)), board, log, log.id, reporter)


def room_of(settings: Settings, log: JetStreamLog, reporter: Reporter) -> Room:
    """What watches the room in the stream and on the disk."""
    disk = DiskReserve(directory_of(settings), settings.disk_reserve_bytes, reporter)
    return Room(log.store_use, disk.seen, reporter, lambda: log.appended_bytes_total)


def caught_up_of(board: Board, log: JetStreamLog) -> Callable[[], Awaitable[None]]:
    """Returns when the board knows all that is stored now; ``ReadOnly`` when that is lost."""

    async def caught_up() -> None:
        log.guard.check()
        await board.wait_until((await log.identity()).last, CAUGHT_UP_SECONDS_MAX)

    return caught_up


def permission_of(
    watchdog: Watchdog,
    room: Room,
    supervision: Supervision,
    keeper: JournalKeeper,
    marks: MarkKeeper,
    board: Board,
    emergency: EmergencyStops,
    policies: PolicyKeeper,
) -> Callable[[], None]:
    """What every new command passes: the stream as it was, read to its end and found whole, what
    was stopped without it recorded, room in the store, every part alive, the policy that decides
    recorded."""

    def may_write() -> None:
        watchdog.check()
        room.check()
        supervision.check()
        if keeper.failure is not None:
            raise Unavailable(
                f"the journal has stopped: {keeper.failure}; see the service's health"
            )
        marks.check()
        board.check()
        emergency.check()
        policies.check()

    return may_write


def filters_of(
    settings: Settings,
    board: Board,
    ledger: Ledger,
    runs: Runs,
    clock: SystemClock,
    reporter: Reporter,
) -> SiteFilters:
    """The site's own programs, asked before a job is queued and before it starts."""
    programs = LocalFilters(directory_of(settings) / "filters")
    return SiteFilters(board, ledger, runs, programs, HpcJobFiles(), clock, reporter)


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


async def background(parts: Parts) -> None:
    """Everything that goes on by itself, until cancelled; an outage restarts a part."""
    shared = [("sharing of views", parts.views.sharing.run)] if parts.settings.views else []
    kept = [("board snapshots", parts.board_snapshots.run)] if parts.settings.quick_start else []
    async with asyncio.TaskGroup() as group:
        for name, part in (
            ("board", parts.board.run),
            ("journal", parts.keeper.run),
            ("mark", parts.marks.run),
            ("snapshots", parts.snapshots.run),
            ("emergency stops", parts.emergency.run),
            ("carrier", parts.carrier.run),
            ("retention", parts.retention.run),
            ("run-limits", parts.run_limits.run),
            ("holds", parts.holds.run),
            ("policy", parts.policy.keeper.run),
            ("waiting-cancels", parts.waiting_cancels.run),
            ("reviews", parts.reviews.run),
            ("room", parts.room.watch),
            ("views", parts.views.projector.run),
            ("building of views", parts.views.builder.run),
            ("watchdog", parts.watchdog.run),
            ("alarms", alarms_of(parts.log, parts.nats.server, parts.reporter)),
            *shared,
            *kept,
        ):
            group.create_task(parts.supervision.keep(name, part), name=name)
