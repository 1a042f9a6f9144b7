"""What a service writes in a second, beside raw guarded publishes on a stream of its own.

Raw is nats-py alone: one guarded publish of an event's bytes, made beforehand, each to an aggregate
of its own, on a stream that nobody follows. A command is the whole of it inside the service, while
its journal, board and views follow. Both servers sync before they acknowledge; both take turns
within each round.
"""

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import nats
from msgspec import Struct
from nats.js import JetStreamContext

from adapters.bootstrap.compose import Parts
from adapters.bootstrap.configuration import load
from adapters.bootstrap.running import service
from adapters.bootstrap.system import LogReporter
from adapters.jetstream.accounts import NatsRole, inbox_prefix
from adapters.jetstream.direct import MESSAGE_ID
from adapters.jetstream.publish import EXPECTED_SEQUENCE, EXPECTED_STREAM, EXPECTED_SUBJECT
from adapters.jetstream.subjects import subject_and_filter
from application.ledger import Cause
from application.ports import Stored
from domain.commands import JobChanges
from domain.events import Aggregate
from domain.policy import Action, Question
from domain.states import JobType
from tests.benchmarks.figures import CALLER, ROUNDS, Figure, cancel, held_jobs
from tests.benchmarks.history import CLUSTER, EVENTS_A_JOB, POLICY, added, events
from tests.support.nats import fresh_stream, own_server

IN_FLIGHT: Final = (1, 64)
SECONDS: Final = 1.0
JOBS_A_ROUND: Final = {1: 1000, 64: 4000}
FIRST_JOB: Final = 1_000_000
REQUEST_AT: Final = 7
"""Which event of a made-up history is a cancel's request: what is published raw."""

Act = Callable[[], Awaitable[object]]


class Rate(Struct, frozen=True):
    """Acts a second, and microseconds of processor time of this process for each.

    The time is that of all threads: of what follows the stream too, and not of nats-server. Unlike
    the rate it hardly depends on what else the machine does.
    """

    per_second: float
    cpu_us: float


class Rates(Struct, frozen=True):
    """Round by round, by how many were in flight."""

    raw: dict[int, list[Rate]]
    changes: dict[int, list[Rate]]
    cancels: dict[int, list[Rate]]


async def measure(directory: Path) -> list[Figure]:
    """All figures, on one service and one bare stream."""
    settings = load({"data_directory": str(directory / "data"), "http_port": 0}, None)
    rates = Rates({}, {}, {})
    async with (
        bare(directory / "bare") as raw,
        service(settings, LogReporter("error")) as (
            parts,
            _,
        ),
    ):
        await held_jobs(parts, 1)  # the cluster has a history, as every one that ever had a job
        for _ in range(ROUNDS):
            for flight in IN_FLIGHT:
                await one_round(parts, raw, flight, rates)
    return figures(rates)


async def one_round(parts: Parts, raw: Act, flight: int, rates: Rates) -> None:
    """Each kind once; nobody catches up with what was before."""
    rates.raw.setdefault(flight, []).append(await rate(raw, flight))
    jobs = await added_jobs(parts, JOBS_A_ROUND[flight])
    await settled(parts)
    rates.changes.setdefault(flight, []).append(await rate(changing(parts, jobs), flight))
    await settled(parts)
    rates.cancels.setdefault(flight, []).append(await rate(canceling(parts, jobs), flight))
    await settled(parts)


async def settled(parts: Parts) -> None:
    """Everybody knows everything."""
    last = (await parts.log.identity()).last
    await parts.board.wait_until(last, 600)
    await parts.keeper.wait_for(last, 600)
    await parts.views.projector.wait_for(last, 600)
    while parts.marks.position < last:  # noqa: ASYNC110  # nobody else waits for it
        await asyncio.sleep(0.01)


async def added_jobs(parts: Parts, count: int) -> list[str]:
    """Jobs in Configuring, hot: they can be canceled, and nothing of them runs."""
    decision = POLICY.decide(Question(CALLER, Action.CREATE, CALLER.actor.name, JobType.BATCH))
    first = FIRST_JOB + parts.board.position
    numbers = range(first, first + count)
    left = iter(numbers)

    async def some() -> None:
        for number in left:
            fact = added(number, CALLER, decision)
            await parts.ledger.change_job(number, lambda _, __, x=fact: (x,), Cause(CALLER))  # type: ignore[misc]

    await asyncio.gather(*(some() for _ in range(max(IN_FLIGHT))))
    return [str(number) for number in numbers]


def changing(parts: Parts, jobs: Iterable[str]) -> Act:
    """A new name for one job after the other: one event each."""
    names = itertools.count()
    turn = itertools.cycle(jobs)

    async def change() -> object:
        new = JobChanges(name=f"name {next(names)}")
        return await parts.scheduler.set_job_properties(CALLER, next(turn), new, parts.ids.new())

    return change


def canceling(parts: Parts, jobs: Iterable[str]) -> Act:
    """A cancel for one job after the other, until there are no more."""
    left = iter(jobs)

    async def act() -> object:
        job = next(left, None)
        if job is None:
            raise StopAsyncIteration
        return await cancel(parts, job)

    return act


async def rate(act: Act, flight: int) -> Rate:
    """With so many in flight, for a while."""
    began, cpu = time.perf_counter(), time.process_time()
    deadline = began + SECONDS

    async def some() -> int:
        count = 0
        while time.perf_counter() < deadline:
            try:
                await act()
            except StopAsyncIteration:
                break
            count += 1
        return count

    done = sum(await asyncio.gather(*(some() for _ in range(flight))))
    used = time.process_time() - cpu
    return Rate(done / (time.perf_counter() - began), used / done * 1e6)


@asynccontextmanager
async def bare(directory: Path) -> AsyncIterator[Act]:
    """A raw guarded publish with nats-py, on a server and stream of its own."""
    async with own_server(directory) as server:
        stream = await fresh_stream(server)
        login = server.logins[NatsRole.SERVICE]
        connection = await nats.connect(
            server.url,
            user=login.user,
            password=login.password,
            inbox_prefix=inbox_prefix(NatsRole.SERVICE),
        )
        try:
            yield publishing(connection.jetstream(), stream.spec.cluster, stream.spec.stream)
        finally:
            await connection.close()


def publishing(jetstream: JetStreamContext, cluster: str, stream: str) -> Act:
    """The bytes of a cancel's request to an aggregate of its own, guarded by that it is new."""
    payload = request_bytes()

    async def publish() -> object:
        aggregate = Aggregate("bench", uuid.uuid4().hex)
        subject, guarded = subject_and_filter(cluster, aggregate, "JobCancelRequested")
        headers = {
            EXPECTED_STREAM: stream,
            MESSAGE_ID: aggregate.id,
            EXPECTED_SEQUENCE: "0",
            EXPECTED_SUBJECT: guarded,
        }
        return await jetstream.publish(subject, payload, headers=headers)

    return publish


def request_bytes() -> bytes:
    """What one cancel stores."""
    made: list[Stored] = list(events(EVENTS_A_JOB, cluster=CLUSTER))
    return made[REQUEST_AT].raw


def figures(rates: Rates) -> list[Figure]:
    """The rates, then the ratios, each within its round."""
    kinds = (
        ("raw guarded publishes", rates.raw),
        ("changes of a job", rates.changes),
        ("cancels", rates.cancels),
    )
    found = [
        figure
        for flight in IN_FLIGHT
        for name, values in kinds
        for figure in (
            Figure(
                f"{name}, {flight} in flight",
                "per second",
                tuple(x.per_second for x in values[flight]),
            ),
            Figure(
                f"{name}, {flight} in flight, processor time of each",
                "microseconds",
                tuple(x.cpu_us for x in values[flight]),
            ),
        )
    ]
    for name, values in kinds[1:]:
        for flight in IN_FLIGHT:
            pairs = zip(values[flight], rates.raw[flight], strict=True)
            ratios = tuple(ours.per_second / raw.per_second for ours, raw in pairs)
            found.append(Figure(f"{name} to raw, {flight} in flight", "times", ratios))
    return found
