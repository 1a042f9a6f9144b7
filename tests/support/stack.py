"""The whole application joined over real parts in memory: a service that can crash and start again.

``World`` is what outlives a service: the log, the journal's file, the machine, clock and ids.
``Stack`` is one life of the service on it.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from eventsourcing.persistence import StoredEvent
from eventsourcing.popo import POPOApplicationRecorder
from msgspec.structs import replace

from adapters.bootstrap.supervise import Supervision
from adapters.hpcpack.filter_file import HpcJobFiles
from adapters.journal import SqliteJournal
from adapters.policy import CedarPolicy, default_policy
from adapters.recorder_log import RecorderLog, originator_id
from adapters.snapshots.board_file import BoardFile
from adapters.snapshots.files import SnapshotFiles
from application.activation_filter import Pauses
from application.board import Board, BoardState
from application.board_snapshots import BoardSnapshots
from application.carrier import Carrier
from application.dispatcher import Dispatcher
from application.engine import Node, RunKey, RunPhase
from application.holds import Holds
from application.job_maker import JobKeys, JobMaker
from application.journal_keeper import JournalKeeper
from application.ledger import Ledger
from application.pending import PendingCancels
from application.ports import CaughtUp, EventLog, Stored
from application.queries import Queries
from application.receipts import Receipt
from application.retention import Retention
from application.reviews import Reviews
from application.run_limits import RunLimits
from application.runs import Runs
from application.scheduler import Cancel, Limits, NewJob, Scheduler
from application.site_filters import SiteFilters
from application.snapshots import Snapshots, Unfit
from application.startup_check import compare
from application.stopper import Stopper
from application.tail import Tail, TailLimits
from application.throttle import RefusalLimit
from application.waiting_cancels import WaitingCancels
from domain import events as e
from domain.errors import Unknown
from domain.evolve import replay
from domain.identity import Caller, Origin, Principal, Role
from domain.job import Job
from domain.states import JOB_ENDED, CancelMode, JobPriority, JobState, JobType, TaskType
from tests.support.accounts import refused_account
from tests.support.checked import damage_in
from tests.support.fake_engine import FakeEngine, FakeMachine, FakeRun
from tests.support.fake_filters import FakeFilters
from tests.support.fuse import Fuse, FusedEngine, FusedLog
from tests.support.waiting import eventually

CLUSTER: Final = "hpc1"
FOLD: Final = "f" * 64
LOG_ID: Final = "memory/1"
EVENTS_BETWEEN: Final = 3
SIGTERM: Final = 15
DEADLINE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.0005
START: Final = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GRACE_MS: Final = 15_000
TERMINAL: Final = ("JobCanceled", "JobFinished", "JobFailed")
POLICY: Final = default_policy()
"""Its state is a memory of answers."""


def person(name: str, *roles: Role) -> Caller:
    """Somebody at the command line."""
    return Caller(Principal(name, roles or (Role.USER,), method="unix"), origin=Origin.CLI)


ALICE: Final = person("alice")
BOB: Final = person("bob")
OPERATOR: Final = person("olga", Role.JOB_OPERATOR)
JOB_ADMIN: Final = person("jan", Role.JOB_ADMINISTRATOR)
ADMIN: Final = person("root", Role.ADMINISTRATOR)
AUDITOR: Final = person("audrey", Role.AUDITOR)


async def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """As ``eventually``, with looks as often as things happen in memory."""
    await eventually(condition, what, DEADLINE_SECONDS, LOOK_SECONDS)


async def until_true(condition: Callable[[], Awaitable[object]], what: Callable[[], str]) -> None:
    """As ``until``, for a condition that must be awaited."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not await condition():
        assert time.monotonic() < deadline, f"{what()} did not come true in {DEADLINE_SECONDS} s"
        await asyncio.sleep(LOOK_SECONDS)


class ManualClock:
    """``Clock`` that moves only when told to, and by a microsecond with every look."""

    def __init__(self) -> None:
        self._now = START
        self.looks = 0

    def now(self) -> datetime:
        self.looks += 1
        self._now += timedelta(microseconds=1)
        return self._now

    def advance(self, by: timedelta) -> None:
        """Forward, or back."""
        self._now += by


class CountingIds:
    """``Ids`` 1, 2, 3 in the form of UUIDv7."""

    def __init__(self) -> None:
        self._n = 0

    def new(self) -> str:
        self._n += 1
        return f"00000000-0000-7000-8000-{self._n:012d}"


class FusedBoardFile(BoardFile):
    """A dead service writes nothing, not even as its last act."""

    fuse: Fuse

    def write(self, state: BoardState) -> None:
        if self.fuse.blown.is_set():
            raise Unfit("the service is dead")
        super().write(state)


class World:
    """What a crash leaves standing."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.recorder = POPOApplicationRecorder()
        self.log = RecorderLog(self.recorder, CLUSTER, log_id=LOG_ID, in_threads=False)
        self.machine = FakeMachine()
        self.filters = FakeFilters()
        self.clock = ManualClock()
        self.ids = CountingIds()
        self.acts: list[tuple[str, RunKey]] = []
        self.wrong: list[str] = []
        self.roles: dict[str, tuple[Role, ...]] = {}
        self.removed: set[str] = set()
        self.reports: list[tuple[str, dict[str, object]]] = []

    async def roles_now(self, person: Principal) -> Principal:
        """Somebody with the roles that they have by now."""
        if person.name in self.removed:
            raise Unknown(f"{person.name} is not known any more", code="unknown_person")
        return replace(person, roles=self.roles.get(person.name, person.roles))

    def journal(self) -> SqliteJournal:
        """The journal's file, opened."""
        return SqliteJournal(self.directory / "journal.sqlite", CLUSTER)

    def run(self, job: int, task: int = 1, attempt: int = 1, instance: int = 0) -> FakeRun | None:
        """What the machine has of a run."""
        return self.machine.runs.get(RunKey(job, task, instance, attempt))

    async def jobs(self) -> list[int]:
        """The numbers of all jobs there ever were."""
        found = set()
        async for batch in self.log.read(0):
            if not isinstance(batch, CaughtUp):
                found |= {int(x.aggregate.id) for x in batch if x.aggregate.kind == e.JOB}
        return sorted(found)

    async def stored(self, job: int) -> tuple[Stored, ...]:
        """A job's events as they lie in the log."""
        return await self.log.load(e.job_aggregate(job))

    async def facts(self, job: int) -> list[e.Event]:
        """A job's facts."""
        return [s.fact.data for s in await self.stored(job) if isinstance(s.fact, e.Recorded)]

    async def types(self, job: int) -> list[str]:
        """The names of a job's events."""
        return [stored.type for stored in await self.stored(job)]

    async def tampered(self, aggregate: e.Aggregate, raw: bytes, topic: str) -> None:
        """Bytes that no service wrote."""
        version = len(await self.log.load(aggregate)) + 1
        event = StoredEvent(originator_id(CLUSTER, aggregate), version, topic, raw)
        self.recorder.insert_events([event])

    async def check(self, stack: "Stack", job: int) -> Job:
        """What holds of every job whenever nothing is under way; the job."""
        facts = [s.fact for s in await self.stored(job) if isinstance(s.fact, e.Recorded)]
        assert [f.version for f in facts] == list(range(1, len(facts) + 1))
        times = [f.time for f in facts]
        assert times == sorted(set(times)), "times within an aggregate rise"
        told = replay(facts)
        assert told is not None
        assert await stack.ledger.job(job) == told, "replay equals the live state"
        refused = [facts for event, facts in self.reports if event == "snapshot_refused"]
        assert refused == [], "every snapshot is one of the history"
        refused = [facts for event, facts in self.reports if event == "board_snapshot_refused"]
        assert refused == [], "so is every one of the board"
        if job in stack.board.jobs:
            await until(lambda: stack.board.jobs.get(job, told).version >= told.version)
            assert stack.board.jobs.get(job, told) == told
        if told.state in JOB_ENDED:
            await until(lambda: not self.live(job), "the end of every process of an ended job")
        self.check_rounds([f.data for f in facts])
        self.check_acts()
        assert await damage_in(self.log, CLUSTER) == [], "every event is one that the rules make"
        return told

    def live(self, job: int) -> list[RunKey]:
        """Runs of the job that are prepared or run."""
        phases = (RunPhase.PREPARED, RunPhase.RUNNING)
        return [
            k for k, r in self.machine.runs.items() if k.job == job and r.status.phase in phases
        ]

    def check_rounds(self, facts: list[e.Event]) -> None:
        """Every round, from a submit to the next configure, ends at most once."""
        ends = 0
        for fact in facts:
            again = isinstance(fact, e.JobConfigured | e.JobRequeued)
            ends = 0 if again else ends + (type(fact).__name__ in TERMINAL)
            assert ends <= 1, f"{type(fact).__name__} ends the job a second time"

    def check_acts(self) -> None:
        """Each act of a run at most once; a keeper is prepared again only after one given up."""
        assert self.wrong == []
        times = Counter(self.acts)
        for (act, key), n in times.items():
            allowed = 1 + times["abandon", key] if act in ("prepare", "abandon") else 1
            assert n <= allowed, f"{act} of {key} was done {n} times"


class Stack:
    """One life of the service. ``carry``: whether it carries out (a second scheduler does not)."""

    def __init__(
        self,
        world: World,
        *,
        fuse: Fuse | None = None,
        log: EventLog | None = None,
        slots: int = 4,
        nodes: tuple[Node, ...] = (),
        room: Callable[[], None] = lambda: None,
        full: Callable[[], str] = lambda: "",
        read_only: Callable[[], str] = lambda: "",
        refusals_per_minute: int = 300,
        carry: bool = True,
        tail_limits: TailLimits = TailLimits(),  # noqa: B008
        policy: CedarPolicy | None = None,
    ) -> None:
        self.world = world
        self.fuse = fuse or Fuse()
        self.log = FusedLog(log or world.log, self.fuse)
        self.fake = FakeEngine(world.machine, nodes=nodes or (Node("n1", slots),))
        self.engine = FusedEngine(self.fake, self.fuse, world.log, world.acts, world.wrong)
        self._carry = carry
        self._tasks: list[asyncio.Task[None]] = []
        self.journal = world.journal()
        self.policy = policy or POLICY
        files = SnapshotFiles(world.directory / "snapshots", FOLD, self.report)
        self.snapshots = Snapshots(files, self.journal, self.report, EVENTS_BETWEEN)
        self.ledger = Ledger(
            self.log, self.journal, world.clock, world.ids, CLUSTER, self.snapshots
        )
        self.keys = JobKeys()
        self.board = Board(self.log, self.ledger, self.keys)
        file = FusedBoardFile(world.directory / "snapshots" / "board", FOLD)
        file.fuse = self.fuse
        self.board_snapshots = BoardSnapshots(
            file, self.board, self.log, LOG_ID, self.report, EVENTS_BETWEEN
        )
        runs = Runs(self.ledger, self.engine)
        self.stopper = Stopper(self.ledger, self.engine, runs, SIGTERM, self.report)
        site = SiteFilters(
            self.board,
            self.ledger,
            runs,
            world.filters,
            HpcJobFiles(),
            world.clock,
            self.report,
            Pauses(0, 0),
        )
        self.dispatcher = Dispatcher(
            self.board, self.engine, runs, self.report, full, world.clock, site
        )
        self.carrier = Carrier(
            self.board, self.engine, runs, self.stopper, self.dispatcher, self.report, SIGTERM
        )
        self.retention = Retention(
            self.board, self.ledger, self.engine, runs, world.clock, self.report, read_only
        )
        self.run_limits = RunLimits(self.board, runs, world.clock, self.report)
        self.holds = Holds(self.board, world.clock)
        self.waiting = WaitingCancels(
            self.board, self.ledger, self.policy, world.clock, self.report, room, world.roles_now
        )
        self.reviews = Reviews(self.board, self.ledger, self.policy, world.clock, self.report)
        self.pending = PendingCancels(self.board, self.ledger, self.policy)
        self.scheduler = Scheduler(
            self.ledger,
            self.policy,
            world.clock,
            Limits(),
            RefusalLimit(refusals_per_minute, refusals_per_minute),
            JobMaker(self.ledger, self.keys, self.caught_up),
            room,
            refused_account,
        )
        self.tail = Tail(self.journal, tail_limits)
        self.queries = Queries(
            self.ledger, self.log, self.journal, self.board, self.policy, self.tail
        )

    def report(self, event: str, **facts: object) -> None:
        """``Reporter`` that keeps what it hears."""
        self.world.reports.append((event, facts))

    async def caught_up(self) -> None:
        """The board knows all that is stored."""
        await self.board.wait_until((await self.log.identity()).last, DEADLINE_SECONDS)

    # --- life and death ---------------------------------------------------------------------------

    async def start(self) -> Self:
        """Everything that goes on by itself goes on."""
        await compare(self.log, self.journal)
        self.keeper = JournalKeeper(self.log, self.journal, self.tail)
        parts = {"board": self.board.run, "journal": self.keeper.run}
        parts |= {"snapshots": self.snapshots.run, "boards": self.board_snapshots.run}
        await self.board_snapshots.begin()
        if self._carry:
            parts |= {"carrier": self.carrier.run, "retention": self.retention.run}
            parts |= {"run limits": self.run_limits.run, "holds": self.holds.run}
            parts |= {"waiting cancels": self.waiting.run, "reviews": self.reviews.run}
        self._tasks = [
            asyncio.create_task(Supervision(self.report).keep(name, part), name=name)
            for name, part in parts.items()
        ]
        return self

    async def stop(self, part: str) -> None:
        """One part goes on no more."""
        ended = [task for task in self._tasks if task.get_name() == part]
        for task in ended:
            task.cancel()
        await asyncio.gather(*ended, return_exceptions=True)

    async def copied(self) -> None:
        """The journal holds all that is stored."""
        last = (await self.log.identity()).last
        await until(lambda: self.keeper.position == last, "the journal's copy")

    async def crash(self) -> None:
        """``kill -9``: nothing more gets out, and nothing in memory is left."""
        self.fuse.blown.set()
        self.fake.vanish()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.journal.close()

    async def again(self) -> "Stack":
        """Killed, and started again on what is left."""
        await self.crash()
        return await Stack(self.world, nodes=self.fake.nodes, policy=self.policy).start()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.crash()

    # --- what people do ---------------------------------------------------------------------------

    async def add(
        self,
        *commands: str,
        release: str = "",
        caller: Caller = ALICE,
        key: str = "add",
        priority: JobPriority = JobPriority.NORMAL,
        job_type: JobType = JobType.BATCH,
        submit: bool = True,
    ) -> Receipt:
        """A job of these commands, and node release."""
        specs = [e.TaskSpec(n, command) for n, command in enumerate(commands, 1)]
        if release:
            specs.append(e.TaskSpec(len(specs) + 1, release, TaskType.NODE_RELEASE))
        new = NewJob("a job", tuple(specs), job_type, priority)
        make = self.scheduler.submit_job if submit else self.scheduler.add_job
        return await make(caller, new, key)

    async def running(self, *commands: str, release: str = "", key: str = "add") -> int:
        """A job of alice's whose tasks all run."""
        job = int((await self.add(*commands, release=release, key=key)).job_id)
        for task in range(1, len(commands) + 1):
            await self.went(job, task)
        return job

    async def cancel(
        self,
        job: int | str,
        mode: CancelMode = CancelMode.NORMAL,
        *,
        key: str = "c1",
        message: str = "because",
        caller: Caller = ALICE,
    ) -> Receipt:
        """A cancel of the job."""
        return await self.scheduler.cancel_job_2(caller, str(job), Cancel(mode, message), key)

    async def cancel_task(
        self,
        job: int | str,
        task: int,
        mode: CancelMode = CancelMode.NORMAL,
        *,
        key: str = "t1",
        caller: Caller = ALICE,
    ) -> Receipt:
        """A cancel of one task."""
        return await self.scheduler.cancel_task(caller, str(job), task, Cancel(mode, "one"), key)

    async def finish_task(
        self, job: int, task: int, *, key: str = "f1", caller: Caller = ALICE
    ) -> Receipt:
        """A finish of one task."""
        return await self.scheduler.finish_task(caller, str(job), task, "enough", key)

    async def requeue_task(
        self, job: int, task: int, *, key: str = "q1", caller: Caller = ALICE
    ) -> Receipt:
        """One task again."""
        return await self.scheduler.requeue_task(caller, str(job), task, key)

    # --- waiting ----------------------------------------------------------------------------------

    async def went(self, job: int, task: int = 1, attempt: int = 1, instance: int = 0) -> None:
        """The run was told to go, at some time."""

        def gone() -> bool:
            run = self.world.run(job, task, attempt, instance)
            return run is not None and run.went > 0

        await until(gone, f"the start of task {task} of job {job}, attempt {attempt}")

    async def ordered(self, job: int, task: int = 1, attempt: int = 1) -> FakeRun:
        """The run that has heard of a stop, at some time."""

        def heard() -> bool:
            run = self.world.run(job, task, attempt)
            return run is not None and bool(run.status.orders)

        await until(heard, f"a stop of task {task} of job {job}")
        run = self.world.run(job, task, attempt)
        assert run is not None
        return run

    async def stored(self, job: int, type_: str, times: int = 1) -> None:
        """The log holds so many events of this name."""

        async def there() -> bool:
            return (await self.world.types(job)).count(type_) >= times

        await until_true(there, lambda: f"{type_} of job {job}")

    async def state(self, job: int, *states: JobState) -> Job:
        """The job as soon as it is in one of these states."""
        found: list[Job] = []

        async def there() -> bool:
            job_now = await self.ledger.job(job)
            assert job_now is not None
            found[:] = [job_now]
            return job_now.state in states

        await until_true(there, lambda: f"{states} of job {job}, which is {found[0].state},")
        return found[0]
