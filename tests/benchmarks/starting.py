"""How long a service takes to start on a stream of a million events of 250,000 jobs.

The history is written before any service has seen it. The first start copies it into the journal
and builds the views; what is measured are the starts after it, in processes of their own: after an
end in order, and after ``kill -9``.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import uvloop

from adapters.bootstrap.configuration import load
from adapters.wire.codec import encode, sha256
from adapters.wire.names import type_token
from application.ports import Stored
from domain import events as e
from domain.identity import SYSTEM_CALLER, Caller
from domain.policy import Action, Question
from domain.states import CancelMode, JobState, JobType, NodeRelease
from tests.benchmarks.exporting import peak_mebibytes
from tests.benchmarks.figures import ROUNDS, Figure
from tests.benchmarks.history import POLICY, added, event, message_of, person
from tests.benchmarks.rebuild import fill
from tests.benchmarks.sweep_history import START_SECONDS_MAX, started
from tests.benchmarks.timing import milliseconds, timed
from tests.e2e.service import Service, new_service
from tests.support.waiting import until

JOBS: Final = 250_000
EVENTS_A_JOB: Final = 4
HOURS: Final = 12


def measure(_: Path) -> list[Figure]:
    """One service, started again and again."""
    with new_service(quick_start=True) as service:
        write(service)
        first, _ready = timed(lambda: started(service))
        until(lambda: is_kept(service), "a board that is kept", START_SECONDS_MAX)
        ended, killed, peaks = list[float](), list[float](), list[float]()
        for _round in range(ROUNDS):
            service.stop()
            ended.append(timed(lambda: started(service))[0])
            peaks.append(peak_mebibytes(service.pid))
            service.kill()
            killed.append(timed(lambda: started(service))[0])
        size = (service.data / "snapshots" / "board").stat().st_size / 1024**2
    what = f"{JOBS * EVENTS_A_JOB:,} events of {JOBS:,} jobs"
    return [
        milliseconds(f"{what}: first start, journal and views made", first),
        milliseconds(f"{what}: start after an end in order, views current", *ended),
        milliseconds(f"{what}: start after kill -9, views current", *killed),
        Figure(f"{what}: memory of the service, peak", "MiB", tuple(peaks)),
        Figure("what is kept of the board", "MiB", (size,)),
    ]


def is_kept(service: Service) -> bool:
    """Whether the board has been written."""
    return (service.data / "snapshots" / "board").exists()


def write(service: Service) -> None:
    """The history, on the stream of the service to come."""
    began = datetime.now(UTC) - timedelta(hours=HOURS)
    settings = load({"data_directory": str(service.data)}, None)
    uvloop.run(fill(settings, began, history(settings.cluster, began)))


def history(cluster: str, began: datetime) -> Iterator[Stored]:
    """Jobs that were canceled before they ran."""
    position = 1
    for number in range(1, JOBS + 1):
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
