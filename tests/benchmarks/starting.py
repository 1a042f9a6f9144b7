"""What ten thousand, a hundred thousand and a million events do to a service: its starts, memory,
loads and cancels.

The history is written before any service has seen it. The first start copies it into the journal
and builds the views; what is measured are the starts after it, in processes of their own: after an
end in order, and after ``kill -9``.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import uvloop
from msgspec.structs import replace

from adapters.bootstrap.configuration import load
from adapters.bootstrap.running import service as running
from adapters.bootstrap.system import LogReporter
from adapters.wire.codec import encode, sha256
from adapters.wire.names import type_token
from application.ports import Stored
from domain import events as e
from domain.identity import SYSTEM_CALLER, Caller
from domain.policy import Action, Question
from domain.states import CancelMode, JobState, JobType, NodeRelease
from tests.benchmarks.exporting import peak_mebibytes
from tests.benchmarks.figures import ROUNDS, Figure, cancel, held_jobs
from tests.benchmarks.figures import timed as timed_await
from tests.benchmarks.history import POLICY, added, event, message_of, person, refused
from tests.benchmarks.rebuild import fill
from tests.benchmarks.sweep_history import started
from tests.benchmarks.timing import milliseconds, timed
from tests.e2e.service import Service, new_service

JOBS: Final = (2_500, 25_000, 250_000)
EVENTS_A_JOB: Final = 4
LONG_JOBS: Final = 50
"""The first so many jobs have twenty events each: they are what is loaded."""

LONG_EVENTS: Final = 20
CANCELS: Final = 300
KEPT: Final = ("jetstream", "journal", "views", "snapshots")
"""What a service keeps, in its data directory."""

HOURS: Final = 12


def measure(_: Path) -> list[Figure]:
    """The same at each length."""
    return [figure for jobs in JOBS for figure in measured(jobs)]


def measured(jobs: int) -> list[Figure]:
    """One service, started again and again; then loads and cancels on its store."""
    with new_service() as service:
        events = write(service, jobs)
        first, _ready = timed(lambda: started(service))
        service.stop()
        whole, _ready = timed(lambda: started(service))
        service.configure(quick_start=True)
        service.stop()
        started(service)
        ended, killed, peaks, servers = list[float](), list[float](), list[float](), list[float]()
        for _round in range(ROUNDS):
            service.stop()
            assert is_kept(service), "its end in order keeps the board"
            ended.append(timed(lambda: started(service))[0])
            peaks.append(peak_mebibytes(service.pid))
            servers.append(peak_mebibytes(service.nats_pid))
            service.kill()
            killed.append(timed(lambda: started(service))[0])
        service.stop()
        sizes = [Figure(f"{name} on disk", "MiB", (on_disk(service.data / name),)) for name in KEPT]
        inside = uvloop.run(on_its_store(service))
    what = f"{events:,} events of {jobs:,} jobs"
    return [
        milliseconds(f"{what}: first start, journal and views made", first),
        Figure(f"{what}: journal and views made", "events per second", (events / first,)),
        milliseconds(f"{what}: start that reads it all, views current", whole),
        milliseconds(f"{what}: quick start after an end in order, views current", *ended),
        milliseconds(f"{what}: quick start after kill -9, views current", *killed),
        Figure(f"{what}: memory of the service, peak", "MiB", tuple(peaks)),
        Figure(f"{what}: memory of nats-server, peak", "MiB", tuple(servers)),
        *(replace(figure, name=f"{what}: {figure.name}") for figure in (*sizes, *inside)),
    ]


async def on_its_store(service: Service) -> list[Figure]:
    """Loads of jobs that nobody has asked for yet, and again; and cancels."""
    settings = load(
        {"data_directory": str(service.data), "http_port": 0, "quick_start": True}, None
    )
    async with running(settings, LogReporter("error")) as (parts, _):
        numbers = range(1, LONG_JOBS + 1)
        cold = [await timed_await(lambda n=n: parts.ledger.job(n)) for n in numbers]  # type: ignore[misc]
        hot = [await timed_await(lambda n=n: parts.ledger.job(n)) for n in numbers]  # type: ignore[misc]
        jobs = await held_jobs(parts, CANCELS)
        took = [await timed_await(lambda job=job: cancel(parts, job)) for job in jobs]  # type: ignore[misc]
    return [
        milliseconds(f"load of a job of {LONG_EVENTS} events, cold", *cold),
        Figure("the same, hot", "microseconds", tuple(x * 1e6 for x in hot)),
        milliseconds("one cancel, decided and durable", *took),
    ]


def on_disk(directory: Path) -> float:
    """All files below it, in MiB."""
    return sum(x.stat().st_size for x in directory.rglob("*") if x.is_file()) / 2**20


def is_kept(service: Service) -> bool:
    """Whether the board has been written."""
    return (service.data / "snapshots" / "board").exists()


def write(service: Service, jobs: int) -> int:
    """The history, on the stream of the service to come; how many events it has."""
    began = datetime.now(UTC) - timedelta(hours=HOURS)
    settings = load({"data_directory": str(service.data)}, None)
    uvloop.run(fill(settings, began, history(settings.cluster, began, jobs)))
    return jobs * EVENTS_A_JOB + LONG_JOBS * (LONG_EVENTS - EVENTS_A_JOB)


def history(cluster: str, began: datetime, jobs: int) -> Iterator[Stored]:
    """Jobs that were canceled before they ran."""
    position = 1
    for number in range(1, jobs + 1):
        aggregate, previous = e.job_aggregate(number), ""
        for version, (caller, fact) in enumerate(facts_of(number), 1):
            position += 1
            new = event(position, caller, fact, began)
            raw = encode(new, aggregate, cluster, version, previous)
            previous = sha256(raw)
            recorded = e.Recorded(aggregate, version, new)
            yield Stored(position, aggregate, type_token(type(fact)), raw, recorded)


def facts_of(number: int) -> Iterator[tuple[Caller, e.JobEvent]]:
    """One job."""
    owner, request = person(number), f"request-{number}"
    allowed = POLICY.decide(Question(owner, Action.CANCEL, owner.actor.name, JobType.BATCH))
    yield owner, added(number, owner, allowed)
    yield owner, e.JobSubmitted("", f"key-{number}", allowed)
    yield (
        owner,
        e.JobCancelRequested(
            request_id=request,
            mode=CancelMode.NORMAL,
            message=message_of(number),
            reason_code="",
            from_state=JobState.SUBMITTED,
            running=e.RunSet(0),
            waiting=e.TaskSet(1, "1"),
            grace_seconds=15,
            node_release=NodeRelease.NONE,
            escalates="",
            decision=allowed,
        ),
    )
    yield SYSTEM_CALLER, e.JobCanceled(request, 40, 0, 0, False, 8)
    if number <= LONG_JOBS:
        other = person(number + 1)
        denied = POLICY.decide(Question(other, Action.CANCEL, owner.actor.name, JobType.BATCH))
        for n in range(LONG_EVENTS - EVENTS_A_JOB):
            again = refused(number, CancelMode.NORMAL, denied)
            yield other, replace(again, request_id=f"other-{number}-{n}")
