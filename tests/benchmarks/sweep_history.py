"""A sweep nearly all of whose subtasks have run: its history, and what a service makes of it.

The history is written to the stream before any service has seen it. The service then starts what
still waits, and is asked for a cancel while every subtask before has its end on record.
"""

import time
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
from domain.states import JobPriority, JobType, TaskType
from tests.benchmarks.exporting import peak_mebibytes
from tests.benchmarks.figures import CALLER, Figure
from tests.benchmarks.history import POLICY
from tests.benchmarks.rebuild import fill
from tests.benchmarks.timing import milliseconds, timed
from tests.e2e.scripts import MARK
from tests.e2e.service import Service, new_service
from tests.support.waiting import until

JOB: Final = 7
AGGREGATE: Final = e.job_aggregate(JOB)
SUBTASKS: Final = 100_000
RAN: Final = 99_000
SLOTS: Final = 8
NODE: Final = "n1"
PERIOD: Final = timedelta(milliseconds=40)
START_SECONDS_MAX: Final = 1800.0


def measure() -> list[Figure]:
    """A service that meets the sweep for the first time, cancels it, and the next one."""
    with new_service(slots=SLOTS, node=NODE) as service:
        write(service)
        ready, _ = timed(lambda: started(service))
        until(lambda: counts(service)["running"] == SLOTS, "all slots are used", 600)
        before = peak_mebibytes(service.pid)
        began = time.perf_counter()
        answer, _ = timed(lambda: service.cancel(JOB))
        until(lambda: service.job(JOB)["state"] == "Canceled", "it is canceled", 600)
        whole = time.perf_counter() - began
        path = f"/jobs/{JOB}/tasks/1/subtasks?limit=1000"
        page, _ = timed(lambda: service.ask("GET", path))
        peak = peak_mebibytes(service.pid)
        service.kill()
        again, _ = timed(lambda: started(service))
        looked, _ = timed(lambda: service.job(JOB))
        hot, _ = timed(lambda: service.job(JOB))
    what = f"sweep of {SUBTASKS:,} of which {RAN:,} ran"
    return [
        milliseconds(f"{what}: first start on its history", ready),
        milliseconds(f"{what}: the cancel's own answer", answer),
        milliseconds(f"{what}: from the cancel to JobCanceled", whole),
        milliseconds(f"{what}: a page of 1,000 subtasks", page),
        milliseconds(f"{what}: a restart", again),
        milliseconds(f"{what}: first look at the job after it", looked),
        milliseconds(f"{what}: the next look", hot),
        Figure(f"{what}: memory of the service before the cancel, peak", "MiB", (before,)),
        Figure(f"{what}: memory of the service in all, peak", "MiB", (peak,)),
    ]


def started(service: Service) -> None:
    """The service is ready, and its views know all of the history."""
    service.run(service.command())
    until(lambda: service.ended or service.is_ready(), "a ready service", START_SECONDS_MAX)
    until(lambda: knows_all(service), "views that know the history", START_SECONDS_MAX)


def knows_all(service: Service) -> bool:
    """The views have the job, and lag behind nothing."""
    answer = service.http("GET", "/jobs")
    body = answer.json() if answer.status_code == 200 else {}
    return bool(body.get("jobs")) and body["behind"] == 0


def counts(service: Service) -> dict[str, int]:
    """What the subtasks do."""
    found: dict[str, int] = service.job(JOB)["tasks"][0]["subtasks"]
    return found


def write(service: Service) -> None:
    """The history, on the stream of the service to come."""
    began = datetime.now(UTC) - timedelta(hours=6)
    settings = load({"data_directory": str(service.data)}, None)
    uvloop.run(fill(settings, began, history(settings.cluster, began, service.home)))


def history(cluster: str, began: datetime, home: Path) -> Iterator[Stored]:
    """Its events, chained."""
    previous = ""
    for version, (caller, fact) in enumerate(facts(home), 1):
        number = f"01900000-0000-7000-8000-{version:012d}"
        event = e.NewEvent(
            number, began + PERIOD * version, caller, "correlation", "causation", fact
        )
        raw = encode(event, AGGREGATE, cluster, version, previous)
        previous = sha256(raw)
        recorded = e.Recorded(AGGREGATE, version, event)
        yield Stored(version + 1, AGGREGATE, type_token(type(fact)), raw, recorded)


def facts(home: Path) -> Iterator[tuple[Caller, e.JobEvent]]:
    """What happened: subtask after subtask ran and ended."""
    owner = CALLER.actor.name
    decision = POLICY.decide(Question(CALLER, Action.CREATE, owner, JobType.BATCH))
    spec = e.TaskSpec(
        1,
        "exec sleep 600",
        TaskType.PARAMETRIC_SWEEP,
        environment={MARK: str(home)},
        start=1,
        end=SUBTASKS,
        increment=1,
    )
    normal = JobPriority.NORMAL
    yield (
        CALLER,
        e.JobAdded(JOB, "sweep", owner, JobType.BATCH, normal, "", {}, (spec,), decision=decision),
    )
    yield CALLER, e.JobSubmitted("", "submit", decision)
    for fact in (e.JobValidationStarted(), e.JobQueued(), e.JobStarted((NODE,))):
        yield SYSTEM_CALLER, fact
    handle = e.RunHandle("local", "boot", 4711, 1, "w1")
    for number in range(1, RAN + 1):
        runs = (e.RunRange(1, 1, NODE, str(number)),)
        yield SYSTEM_CALLER, e.TaskStarted(runs, handle)
        yield SYSTEM_CALLER, e.TaskFinished(runs, e.Exit(0))
