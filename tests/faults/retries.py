"""The truth table of lost answers: an append is stored exactly once, or said to be unknown.

One event, or a batch of three on two jobs; on one nats-server, or on three; the answer lost before
the request arrived, while the stream takes it, after it took it, and for ever.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from hashlib import sha256
from typing import Final
from uuid import uuid4

import nats
from msgspec import Struct

from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.api import ApiError, NoAnswer
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import provision
from adapters.jetstream.publish import Patience
from adapters.jetstream.server import EmbeddedServer
from application.ports import Token, Write
from domain.errors import Unavailable
from tests.e2e.home import new_home
from tests.e2e.stream import Event, check_history, read_stream
from tests.faults.report import Row, counted
from tests.support.cluster import Cluster, threaded_cluster
from tests.support.events import queued, rejected, write
from tests.support.nats import AdminServer, threaded_server
from tests.support.proxy import Proxy, proxy_to

ROUNDS: Final = 3
PATIENT: Final = Patience(deadline_seconds=20.0, answer_seconds=0.5)
IMPATIENT: Final = Patience(deadline_seconds=3.0, answer_seconds=0.5)
STANDS_SECONDS: Final = 1.0
TRIES: Final = 100
AGAIN_SECONDS: Final = 0.1
READ_SECONDS: Final = 20.0
PROMISE: Final = "stored exactly once, or nothing of it or all of it and `OutcomeUnknown`"
STREAM_BYTES: Final = 2**28
ACK: Final = b'"stream":'
SECOND_OF_BATCH: Final = b"Nats-Batch-Sequence: 2\r\n"


class Way(Struct, frozen=True):
    """A proxy between the log and the stream, the bytes by which it knows the request (the id of
    the last event), and the process that stores it."""

    proxy: Proxy
    marker: bytes
    leader_pid: int

    def kill_leader(self) -> None:
        """SIGKILL; its supervisor starts it again."""
        os.kill(self.leader_pid, signal.SIGKILL)

    def stop_leader(self) -> None:
        """It stands still, and goes on later."""
        os.kill(self.leader_pid, signal.SIGSTOP)
        loop = asyncio.get_running_loop()
        loop.call_later(STANDS_SECONDS, os.kill, self.leader_pid, signal.SIGCONT)


class Moment(Struct, frozen=True):
    """When and how the answer is lost. ``may_be_unknown``: nobody can find out in time."""

    when: str
    words: str
    arm: Callable[[Way], None]
    batch_only: bool = False
    may_be_unknown: bool = False


MOMENTS: Final = (
    Moment("before", "the request never arrives", lambda way: way.proxy.lose_request(way.marker)),
    Moment(
        "before",
        "the connection breaks within the batch",
        lambda way: way.proxy.lose_request(SECOND_OF_BATCH),
        batch_only=True,
    ),
    Moment(
        "during",
        "the connection breaks as the request arrives",
        lambda way: way.proxy.at(way.marker, way.proxy.cut),
    ),
    Moment(
        "during",
        "the leader is killed as the request arrives",
        lambda way: way.proxy.at(way.marker, way.kill_leader),
    ),
    Moment(
        "during",
        "the leader stands still as the request arrives",
        lambda way: way.proxy.at(way.marker, way.stop_leader),
    ),
    Moment(
        "after",
        "the answer is lost with the connection",
        lambda way: way.proxy.lose(way.marker, ACK, cut=True),
    ),
    Moment(
        "after",
        "the answer is lost, and nobody says so",
        lambda way: way.proxy.lose(way.marker, ACK, cut=False),
    ),
    Moment(
        "for ever",
        "no answer comes any more",
        lambda way: way.proxy.at(way.marker, way.proxy.swallow),
        may_be_unknown=True,
    ),
)


class Case(Struct, frozen=True):
    """A line of the table. ``events``: 1, or 3 for a batch on two jobs."""

    moment: Moment
    events: int

    @property
    def kind(self) -> str:
        """What is appended."""
        return "one event" if self.events == 1 else "a batch"

    def __str__(self) -> str:
        return f"{self.kind}, {self.moment.when}: {self.moment.words}"


CASES: Final = tuple(
    Case(moment, events) for moment in MOMENTS for events in ((3,) if moment.batch_only else (1, 3))
)


class Outcome(Struct, frozen=True):
    """What the caller was told, and how often each event is in the stream."""

    told: str
    copies: tuple[int, ...]
    in_place: bool

    @property
    def words(self) -> str:
        """In the table."""
        stored = "once" if set(self.copies) == {1} else str(list(self.copies))
        stored = "not" if set(self.copies) == {0} else stored
        return f"{self.told}, stored {stored}"

    def wrong(self, case: Case) -> str:
        """What broke the promise; "" for nothing."""
        if self.told == "stored":
            good = set(self.copies) == {1} and self.in_place
        elif case.moment.may_be_unknown:
            good = self.told == "OutcomeUnknown" and set(self.copies) in ({0}, {1})
        else:
            good = False
        return "" if good else f"{case}: {self.words}"


# --- a stream, and the way to it ------------------------------------------------------------------


class Place(Struct, frozen=True):
    """One nats-server, or the three of a cluster."""

    nodes: tuple[EmbeddedServer, ...]
    cluster: Cluster | None = None

    @property
    def name(self) -> str:
        """R1 or R3."""
        return f"R{len(self.nodes)}"

    def address(self, role: NatsRole, *urls: str) -> ServerAddress:
        """How a role connects."""
        all_ = tuple(node.url for node in self.nodes)
        return ServerAddress(urls or all_, self.nodes[0].logins[role], role.value)

    async def log(self, spec: StreamSpec, patience: Patience, *urls: str) -> JetStreamLog:
        """A log on the stream, as the service; a server that was just killed is waited for."""
        monitors = tuple(node.monitor_url for node in self.nodes)
        address = self.address(NatsRole.SERVICE, *urls)
        for _ in range(TRIES):
            with suppress(Unavailable):
                return await JetStreamLog.open(
                    address, spec, monitor_urls=monitors, patience=patience
                )
            await asyncio.sleep(AGAIN_SECONDS)
        raise AssertionError(f"the stream {spec.stream} does not open again")

    async def leader(self, stream: str) -> EmbeddedServer:
        """Who stores."""
        if self.cluster is None:
            return self.nodes[0]
        for _ in range(TRIES):
            with suppress(NoAnswer, ApiError, ValueError):
                return (await self.cluster.placed(stream))[0]
            await asyncio.sleep(AGAIN_SECONDS)
        raise AssertionError(f"the stream {stream} has no leader")


async def fresh(place: Place) -> StreamSpec:
    """A new stream."""
    unique = uuid4().hex[:12]
    spec = StreamSpec(f"c{unique}", f"S{unique}", STREAM_BYTES, len(place.nodes))
    for _ in range(TRIES):
        with suppress(Unavailable):
            await provision(place.address(NatsRole.PROVISIONER), spec)
            return spec
        await asyncio.sleep(AGAIN_SECONDS)
    raise AssertionError("no stream can be made")


@asynccontextmanager
async def proxied(
    place: Place, spec: StreamSpec, patience: Patience
) -> AsyncIterator[tuple[Proxy, JetStreamLog]]:
    """A log that reaches the stream's leader through a proxy."""
    leader = await place.leader(spec.stream)
    async with proxy_to(leader.url) as (proxy, url):
        log = await place.log(spec, patience, url)
        try:
            yield proxy, log
        finally:
            await log.close()


# --- one case -------------------------------------------------------------------------------------


async def outcome_of(place: Place, case: Case) -> Outcome:
    """Append with the answer lost, look for every event, and append once more."""
    spec = await fresh(place)
    patience = IMPATIENT if case.moment.may_be_unknown else PATIENT
    async with proxied(place, spec, patience) as (proxy, log):
        (token,) = await log.append([write(Token(), queued())])
        leader = await place.leader(spec.stream)
        assert leader.pid is not None
        writes = writes_of(case, token)
        ids = [event.id for one in writes for event in one.events]
        case.moment.arm(Way(proxy, ids[-1].encode(), leader.pid))
        told, places = await appended(log, writes)
        assert proxy.lost.is_set(), f"{case}: nothing was lost"
    stored = await read(place, spec)
    check_history(stored)
    await goes_on(place, spec, [event for event in stored if event.aggregate == "job/1"])
    found = [[event.position for event in stored if event.body["id"] == id_] for id_ in ids]
    return Outcome(told, tuple(map(len, found)), [p for at in found for p in at] == places)


def writes_of(case: Case, token: Token) -> list[Write]:
    """What is appended. The last event is the one that commits the batch."""
    if case.events == 1:
        return [write(token, rejected("once"))]
    return [write(token, rejected("a"), rejected("b")), write(Token(), rejected("c"), job=2)]


async def appended(log: JetStreamLog, writes: Sequence[Write]) -> tuple[str, list[int]]:
    """What the caller is told, and where its events are."""
    try:
        tokens = await log.append(writes)
    except Unavailable as error:  # OutcomeUnknown is one
        return type(error).__name__, []
    first = tokens[0].position - len(writes[0].events) + 1
    count = sum(len(one.events) for one in writes)
    return "stored", list(range(first, first + count))


async def read(place: Place, spec: StreamSpec) -> list[Event]:
    """Everything in the stream, past the proxy, as its leader has it.

    A server that was killed a moment ago is waited for: it may take a connection, and reset it.
    """
    deadline = time.monotonic() + READ_SECONDS
    while True:
        leader = await place.leader(spec.stream)
        endpoint = {
            "nats_url": leader.url,
            "nats_credentials_file": str(leader.credentials_file(NatsRole.READER)),
            "stream": spec.stream,
        }
        try:
            return await read_stream(endpoint)
        except (OSError, nats.errors.Error):
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(AGAIN_SECONDS)


async def goes_on(place: Place, spec: StreamSpec, history: Sequence[Event]) -> None:
    """Whoever knows the job can append: nothing is left half done."""
    last = history[-1]
    token = Token(len(history), last.position, sha256(last.raw).hexdigest())
    log = await place.log(spec, PATIENT)
    try:
        await log.append([write(token, queued())])
    finally:
        await log.close()


# --- the rows -------------------------------------------------------------------------------------


def play(seed: int, rounds: int | None) -> Iterator[Row]:
    """Each case some times on one server, then on three."""
    del seed
    with new_home() as home, threaded_server(AdminServer, home / "one") as server:
        yield from played(Place((server,)), rounds or ROUNDS)
    with new_home() as home, threaded_cluster(home / "three") as cluster:
        yield from played(Place(tuple(cluster.nodes), cluster), rounds or ROUNDS)


def played(place: Place, rounds: int) -> Iterator[Row]:
    """A line for each case."""
    for case in CASES:
        outcomes = [asyncio.run(outcome_of(place, case)) for _ in range(rounds)]
        told = [outcome for outcome in outcomes if outcome.told == "stored"]
        print(f"{place.name}: {case}", file=sys.stderr, flush=True)
        yield Row(
            f"{place.name}, {case}",
            rounds,
            PROMISE,
            counted([outcome.words for outcome in outcomes]),
            len(told) * case.events,
            sum(outcome.copies.count(0) for outcome in told),
            detected=counted([o.told for o in outcomes if o.told != "stored"]),
            wrong=tuple(words for outcome in outcomes if (words := outcome.wrong(case))),
        )
