"""The whole of the web adapter on real sockets, over real use cases and a log in memory."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uuid_utils

from adapters.bootstrap.contract import contract
from adapters.bootstrap.self_signed import self_signed
from adapters.bootstrap.supervise import Supervision
from adapters.hpcpack.app import create_rest
from adapters.hpcpack.nodes import Machine
from adapters.http.app import create_app
from adapters.http.bodies.health import Health, HealthStatus
from adapters.http.routes.listings import Provenance
from adapters.http.routes.metrics import DiskUse, Snapshot
from adapters.http.routes.policy import PolicyUses
from adapters.http.streams.sse import StreamLimits
from adapters.journal import SqliteJournal
from adapters.policy import CedarPolicy, default_policy, objection, schema_text
from adapters.principals import Principals, PrincipalsFile
from adapters.recorder_log import RecorderLog, memory_log
from adapters.spool import FileSpool
from adapters.web.by_path import ByPath
from adapters.web.closing import Closing, ended
from adapters.web.on_first_use import OnFirstUse
from adapters.web.request_log import RequestCounts
from adapters.web.server import WebServer
from adapters.web.sockets import bind_tcp, bind_unix
from adapters.web.tls import server_context
from application.administration import Administration, Known
from application.admission import Admission
from application.appending import one_by_one
from application.board import Board
from application.bulk_cancel import BulkCancels
from application.emergency import EmergencyStops
from application.emergency_stopper import EmergencyStopper
from application.engine import Node
from application.job_maker import JobKeys, JobMaker
from application.journal_keeper import JournalKeeper
from application.ledger import Cause, Ledger
from application.node_use import NodeUses
from application.pending import PendingCancels
from application.policy_commands import PolicyCommands
from application.policy_in_force import PolicyInForce
from application.policy_keeper import PolicyKeeper
from application.policy_library import PolicyLibrary
from application.ports import CaughtUp, Stored, Token, Write
from application.queries import Queries
from application.reviews import Reviews
from application.scheduler import Limits, Scheduler
from application.tail import Passage, Tail, TailLimits
from application.throttle import RefusalLimit
from application.visibility import Visibility
from domain import commands as c
from domain.errors import CountermandError, Unavailable
from domain.events import Aggregate, RunHandle
from domain.identity import Caller, Principal, Role
from domain.instruct import instruct
from tests.support.accounts import refused_account
from tests.support.fake_engine import FakeEngine, FakeMachine
from tests.support.views import joined, kept_up
from tests.support.waiting import eventually
from tests.support.web import NO_TLS

CLUSTER = "hpc1"
NODES = (Node("node-1", 4), Node("node-2", 2))
SECONDS = 20.0
CHEAP = 2
"""Of a hash, against 50 ms for each token and each person; the usual is tested with principals."""

POLICY = default_policy()
"""Its state is a memory of answers."""

T = TypeVar("T")
SLEEP = {"tasks": [{"command": "sleep 60"}]}


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class NewIds:
    def new(self) -> str:
        return str(uuid_utils.uuid7())


class WeatherLog:
    """A log that can be down: then every append and read raises ``trouble``."""

    def __init__(self, log: RecorderLog) -> None:
        self._log = log
        self.trouble: Exception | None = None
        self.capabilities = log.capabilities
        self.identity = log.identity
        self.close = log.close
        self._weather = asyncio.Event()

    def strike(self, trouble: Exception) -> None:
        self.trouble = trouble
        self._weather.set()

    def clear(self) -> None:
        self.trouble = None
        self._weather.clear()

    async def load(
        self,
        aggregate: Aggregate,
        after: Token = Token(),  # noqa: B008
    ) -> tuple[Stored, ...]:
        if self.trouble:
            raise self.trouble
        return await self._log.load(aggregate, after)

    async def append_each(self, writes: Sequence[Write]) -> list[Token | CountermandError]:
        return await one_by_one(self, writes)

    async def append(self, writes: Sequence[Write]) -> tuple[Token, ...]:
        if self.trouble:
            raise self.trouble
        return await self._log.append(writes)

    async def read(
        self, after: int, *, types: frozenset[str] | None = None, follow: bool = False
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        struck = asyncio.create_task(self._weather.wait())
        async with aclosing(self._log.read(after, types=types, follow=follow)) as source:
            item = asyncio.create_task(following(source))
            try:
                while True:
                    await asyncio.wait({item, struck}, return_when=asyncio.FIRST_COMPLETED)
                    if self.trouble:
                        raise self.trouble
                    found = item.result()
                    if found is None:
                        return
                    yield found
                    item = asyncio.create_task(following(source))
            finally:
                await ended(item, struck)


async def following(source: AsyncGenerator[T, None]) -> T | None:
    """The next item, or None at the end."""
    return await anext(source, None)


class CountingQueries(Queries):
    """Knows how many events its streams gave away, and how many streams are open."""

    given = 0
    open = 0

    async def follow(
        self, caller: Caller, after: int, **how: Any
    ) -> AsyncGenerator[Passage | CaughtUp, None]:
        self.open += 1
        try:
            async with aclosing(super().follow(caller, after, **how)) as source:
                async for item in source:
                    self.given += len(item.events) if isinstance(item, Passage) else 0
                    yield item
        finally:
            self.open -= 1


class Stack:
    """Everything wired; ``admin`` is root on the Unix socket."""

    def __init__(
        self,
        directory: Path,
        limits: StreamLimits,
        task_accounts: Sequence[str],
        refusals: int,
        log: WeatherLog,
        tail_limits: TailLimits,
        given: CedarPolicy | None = None,
    ) -> None:
        self.directory = directory
        self.log = log
        self.journal = SqliteJournal(directory / "journal.db", CLUSTER)
        self.tail = Tail(self.journal, tail_limits)
        self.ledger = Ledger(self.log, self.journal, SystemClock(), NewIds(), CLUSTER)
        keys, shipped = JobKeys(), given or POLICY
        policy = PolicyInForce(shipped, schema_text(), CedarPolicy)
        self.board = Board(self.log, self.ledger, keys)
        self.in_force = policy
        self.full: Exception | None = None
        self.policy = PolicyKeeper(
            self.ledger,
            self.log,
            policy,
            shipped,
            schema_text(),
            self.board.caught_up,
            lambda event, **facts: None,
        )
        self.scheduler = Scheduler(
            ledger=self.ledger,
            policy=policy,
            clock=SystemClock(),
            limits=Limits(),
            refusals=RefusalLimit(refusals, refusals),
            maker=JobMaker(self.ledger, keys, self._caught_up),
            room=self._room,
            refusing=refused_account,
        )
        self.queries = CountingQueries(
            self.ledger, self.log, self.journal, self.board, policy, self.tail
        )
        self.file = PrincipalsFile(directory / "principals.json", cost=CHEAP)
        self.tried: dict[str, str] = {}
        self.health = Health(HealthStatus.READY, position=7)
        self.views = joined(
            directory / "views",
            self.log,
            self.journal,
            policy,
            SystemClock(),
            self._known,
            lambda event, **facts: None,
        )
        self.reviews = Reviews(
            self.board, self.ledger, policy, SystemClock(), lambda event, **facts: None
        )
        self.nodes = NodeUses(NODES, self.board, policy)
        closing, counts = Closing(), RequestCounts()
        people = Principals(self.file, own_uid=os.geteuid(), task_accounts=task_accounts)
        self.native = OnFirstUse(
            partial(
                create_app,
                scheduler=self.scheduler,
                queries=self.queries,
                bulk=BulkCancels(
                    self.scheduler, self.ledger, self.board, Visibility(policy), self._room, 0.1
                ),
                authenticator=people,
                ids=NewIds(),
                listing=self.views.listing,
                administration=Administration(
                    policy, self.views.projector, self.views.builder, self._known, self._people
                ),
                nodes=self.nodes,
                emergency=self._emergency(directory),
                policy=self._policy_uses(policy, refusals),
                pending=PendingCancels(self.board, self.ledger, policy),
                reviews=self.reviews,
                health=self._health,
                snapshot=self._snapshot,
                counts=counts,
                closing=closing,
                contract=contract,
                provenance=Provenance(CLUSTER, "MEMORY memory/1"),
                stream_limits=limits,
            )
        )
        self.socket = directory / "api.sock"
        rest = create_rest(
            scheduler=self.scheduler,
            queries=self.queries,
            listing=self.views.listing,
            authenticator=people,
            ids=NewIds(),
            machine=Machine(NODES, CLUSTER),
        )
        self.secure = bind_tcp()
        self.pair = self_signed(directory / "https", "127.0.0.1", datetime.now(UTC))
        self.web = WebServer(
            ByPath(self.native, {"hpc": rest.hpc, "windowshpc": rest.windows_hpc}),
            [bind_unix(self.socket), bind_tcp()],
            closing,
            counts,
            secure=[(self.secure, server_context(self.pair.certificate, self.pair.key))],
        )

    def _policy_uses(self, policy: PolicyInForce, refusals: int) -> PolicyUses:
        admission = Admission(self._room, RefusalLimit(refusals, refusals), SystemClock())
        return PolicyUses(
            PolicyCommands(
                self.ledger,
                policy,
                SystemClock(),
                admission,
                self._administrators,
                objection,
                lambda digest: self.tried.get(digest, ""),
            ),
            PolicyLibrary(self.ledger, self.queries, policy, SystemClock()),
        )

    async def _administrators(self) -> list[Principal]:
        found = [Principal(x.name, x.roles) for x in self.file.list()]
        return [x for x in found if x.has(Role.ADMINISTRATOR)]

    def _known(self) -> int:
        return max(self.board.position, self.ledger.position)

    async def _people(self) -> list[Known]:
        return [
            Known(x.name, x.roles, x.kind, x.unix, bool(x.password), tuple(t.id for t in x.tokens))
            for x in self.file.list()
        ]

    async def _snapshot(self) -> Snapshot:
        return Snapshot(
            counts=self.views.projector.counts,
            troubles=await self.views.listing.troubles(),
            stream_position=self._known(),
            journal_position=0,
            view_position=self.views.projector.position,
            store_bytes=4711,
            store_capacity_bytes=1024**3,
            disks=(DiskUse("data", 5000, 60000), DiskUse("mark", 6000, 70000)),
            disk_needed_bytes=800,
            disk_reserve_bytes=80,
            refused_for_room=False,
            nodes=self.nodes.now(),
            ready=True,
            read_only=False,
            waiting=len(self.board.waiting),
            reviews=tuple(x.overdue for x in self.reviews.open()),
        )

    async def copied(self) -> None:
        """Everything stored is there for those who follow."""
        last = (await self.log.identity()).last
        await until(lambda: self.tail.position == last)

    async def _caught_up(self) -> None:
        await self.board.caught_up.wait()

    def _emergency(self, directory: Path) -> EmergencyStops:
        """Stops without the log, while that is down."""

        def nobody_told(event: str, **facts: object) -> None:
            """Nobody runs this service."""

        async def why() -> str:
            return str(self.log.trouble or "")

        spool, engine = FileSpool(directory / "spool"), FakeEngine(FakeMachine(), nodes=NODES)
        parts = (default_policy(), spool, SystemClock(), NewIds(), nobody_told)
        stopper = EmergencyStopper(engine, *parts, 1.0)
        return EmergencyStops(self.ledger, self.board, stopper, spool, nobody_told, why, 60)

    async def _health(self) -> Health:
        return self.health

    def _room(self) -> None:
        if self.full:
            raise self.full

    def unix(self) -> httpx.AsyncClient:
        """A client on the Unix socket."""
        transport = httpx.AsyncHTTPTransport(uds=str(self.socket), verify=NO_TLS)
        return httpx.AsyncClient(
            transport=transport, base_url="http://countermand", timeout=SECONDS
        )

    def tcp(self, token: str | None = None) -> httpx.AsyncClient:
        """A client on TCP."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        base = f"http://127.0.0.1:{self.web.tcp_port}"
        return httpx.AsyncClient(
            base_url=base, headers=headers, timeout=SECONDS, trust_env=False, verify=NO_TLS
        )

    def person(self, name: str, *roles: Role) -> httpx.AsyncClient:
        """A client on TCP with a token of a new principal."""
        return self.tcp(self.file.add(name, roles or (Role.USER,)))

    async def instruct(self, job_id: int, instruction: c.Instruction) -> None:
        """What the service would tell the job."""
        await self.ledger.change_job(
            job_id, lambda job, _: instruct(job, instruction) if job else (), Cause()
        )

    async def run_job(self, job_id: int) -> None:
        """From Submitted to Running, with task 1 started."""
        await self.queue_job(job_id)
        await self.instruct(job_id, c.StartJob(("n1",)))
        handle = RunHandle("local", "boot", 4711, 1, "w1")
        await self.instruct(job_id, c.StartTask(1, 1, "n1", handle))

    async def queue_job(self, job_id: int) -> None:
        """From Submitted to Queued."""
        await self.instruct(job_id, c.StartValidation())
        await self.instruct(job_id, c.EndValidation())

    async def end_job(self, job_id: int) -> None:
        """What is due to end a job whose tasks have ended."""
        await self.instruct(job_id, c.EndJob(datetime.now(UTC)))


@asynccontextmanager
async def stack(
    directory: Path,
    limits: StreamLimits = StreamLimits(),  # noqa: B008
    task_accounts: Sequence[str] = ("nobody",),
    refusals: int = 1000,
    tail_limits: TailLimits = TailLimits(),  # noqa: B008
    log: RecorderLog | None = None,
    policy: CedarPolicy | None = None,
) -> AsyncIterator[Stack]:
    """A stack that serves."""
    weather = WeatherLog(log or memory_log(CLUSTER))
    made = Stack(directory, limits, task_accounts, refusals, weather, tail_limits, policy)
    made.journal.adopt((await weather.identity()).id)
    keeper = JournalKeeper(made.log, made.journal, made.tail)
    supervision = Supervision(lambda event, **facts: None)
    parts = {"board": made.board.run, "journal": keeper.run}
    running = [asyncio.create_task(supervision.keep(*part)) for part in parts.items()]
    await made.web.start()
    try:
        async with kept_up(made.views):
            yield made
    finally:
        await made.web.stop()
        await ended(*running)
        made.journal.close()


async def submit(client: httpx.AsyncClient, **body: Any) -> int:
    """A new job's id."""
    answer = await client.post("/api/v1/jobs", json=SLEEP | body)
    assert answer.status_code == 201, answer.text
    job_id = answer.json()["job_id"]
    assert isinstance(job_id, int)
    return job_id


def outage() -> Unavailable:
    """The store does not answer."""
    return Unavailable("the stream does not answer")


async def until(condition: Callable[[], object], seconds: float = SECONDS) -> None:
    """Let others run until ``condition()`` holds."""
    await eventually(condition, seconds=seconds, look_seconds=0)
