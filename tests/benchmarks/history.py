"""Made-up histories of any length: jobs that are submitted, started, canceled and stopped.

Every event is one that the service would write; people, messages and modes vary by the number of
the job, without chance, so that two runs measure the same.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from adapters.policy import default_policy
from adapters.wire.codec import decode, encode, sha256
from adapters.wire.names import type_token
from application.ports import Stored, Undecodable
from domain import events as e
from domain.identity import SYSTEM_CALLER, Caller, Origin, Principal, Role
from domain.policy import Action, Question
from domain.states import (
    CancelMode,
    ForceReason,
    JobPriority,
    JobState,
    JobType,
    NodeRelease,
    StopCause,
    StopStep,
    TaskState,
)

CLUSTER: Final = "hpc1"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE: Final = 200
WORDS: Final = (
    *("disk", "full", "wrong", "input", "maintenance", "node", "down", "license", "expired"),
    *("user", "asked", "stuck", "in", "queue", "quota", "exceeded", "rerun", "later", "urgent"),
    *("nightly", "build", "parameters", "memory", "leak", "test", "run", "ignore", "project"),
)
REASONS: Final = ("", "maintenance", "quota", "wrong-input")
MODES: Final = (CancelMode.NORMAL, CancelMode.NORMAL, CancelMode.FORCED, CancelMode.GRACEFUL)
EVENTS_A_JOB: Final = 11
POLICY: Final = default_policy()


def person(number: int) -> Caller:
    """One of the people."""
    name = f"user{number % PEOPLE}"
    return Caller(Principal(name, (Role.USER,), method="unix"), origin=Origin.CLI)


def message_of(number: int) -> str:
    """Six words, another six for nearly every job."""
    return " ".join(WORDS[(number * 7 + n * (number % 11 + 1)) % len(WORDS)] for n in range(6))


def facts_of(number: int) -> Iterator[tuple[Caller, e.JobEvent]]:
    """The facts of one job with their authors."""
    owner, other = person(number), person(number + 1)
    mode, request = MODES[number % len(MODES)], f"request-{number}"
    run = (e.RunRange(1, 1, "n1"),)
    allowed = POLICY.decide(Question(owner, Action.CANCEL, owner.actor.name, JobType.BATCH))
    denied = POLICY.decide(Question(other, Action.CANCEL, owner.actor.name, JobType.BATCH))
    yield owner, added(number, owner, allowed)
    yield owner, e.JobSubmitted("", f"key-{number}", allowed)
    yield SYSTEM_CALLER, e.JobValidationStarted()
    yield SYSTEM_CALLER, e.JobQueued()
    yield SYSTEM_CALLER, e.JobStarted(("n1",))
    yield SYSTEM_CALLER, e.TaskStarted(run, e.RunHandle("local", "boot", 4711, 1, "w1"))
    yield other, refused(number, mode, denied)
    yield owner, requested(number, mode, request, allowed, run)
    forced = mode is CancelMode.FORCED
    step = StopStep.KILL if forced else StopStep.SIGNAL
    yield SYSTEM_CALLER, e.TaskStopOrdered(request, StopCause.JOB_CANCEL, step, 15, 15_000, run)
    yield SYSTEM_CALLER, stopped(request, forced, run, number % 97)
    yield SYSTEM_CALLER, e.JobCanceled(request, 40, 1 - forced, int(forced), False, 8)


def added(number: int, owner: Caller, decision: e.Decision) -> e.JobAdded:
    """A job with one task."""
    return e.JobAdded(
        job_id=number,
        name=f"job {number}",
        owner=owner.actor.name,
        job_type=JobType.BATCH,
        priority=JobPriority.NORMAL,
        run_as="",
        properties={},
        tasks=(e.TaskSpec(1, "sleep 600"),),
        decision=decision,
    )


def refused(number: int, mode: CancelMode, decision: e.Decision) -> e.JobCancelRefused:
    """Somebody who may not."""
    return e.JobCancelRefused(
        request_id=f"other-{number}",
        mode=mode,
        message=message_of(number + 5),
        message_units=30,
        message_sha256="",
        reason_code="",
        state=JobState.RUNNING,
        code="not_permitted",
        hresult=0x8004020B,
        rule="no-rule-allows",
        explanation=decision.explanation,
        decision=decision,
    )


def requested(
    number: int,
    mode: CancelMode,
    request: str,
    decision: e.Decision,
    run: tuple[e.RunRange, ...],
) -> e.JobCancelRequested:
    """The owner's cancel."""
    return e.JobCancelRequested(
        request_id=request,
        mode=mode,
        message=message_of(number),
        reason_code=REASONS[number % len(REASONS)],
        from_state=JobState.RUNNING,
        running=e.RunSet(1, run),
        waiting=e.TaskSet(0),
        grace_seconds=15,
        node_release=NodeRelease.NONE,
        escalates="",
        decision=decision,
    )


def stopped(
    request: str, forced: bool, run: tuple[e.RunRange, ...], after_ms: int
) -> e.TaskStopped | e.TaskForceStopped:
    """The end of the run."""
    how = e.Exit(signal=9 if forced else 15)
    if not forced:
        return e.TaskStopped(request, StopCause.JOB_CANCEL, run, how, after_ms, TaskState.FAILED)
    why = ForceReason.FORCED
    return e.TaskForceStopped(
        request, StopCause.JOB_CANCEL, why, run, how, after_ms, 3, 0, TaskState.FAILED
    )


def event(position: int, caller: Caller, fact: e.JobEvent, start: datetime = START) -> e.NewEvent:
    """A fact in its envelope."""
    moment = start + timedelta(milliseconds=37 * position)
    number = f"01900000-0000-7000-8000-{position:012d}"
    return e.NewEvent(number, moment, caller, "correlation", "causation", fact)


def events(
    count: int, with_bytes: bool = True, cluster: str = CLUSTER, start: datetime = START
) -> Iterator[Stored]:
    """The first ``count`` events of as many jobs as it takes; bytes cost most of the time."""
    position = 0
    for number in range(1, count // EVENTS_A_JOB + 2):
        aggregate, previous = e.job_aggregate(number), ""
        for version, (caller, fact) in enumerate(facts_of(number), 1):
            position += 1
            if position > count:
                return
            recorded = e.Recorded(aggregate, version, event(position, caller, fact, start))
            raw = b""
            if with_bytes:
                raw = encode(recorded.event, aggregate, cluster, version, previous)
                previous = sha256(raw)
            yield Stored(position, aggregate, type_token(type(fact)), raw, recorded)


def reread(stored: Stored) -> e.Recorded:
    """The event from its bytes, as a reader of the stream gets it."""
    fact = decode(stored.raw, CLUSTER, stored.aggregate, stored.type).fact
    assert not isinstance(fact, Undecodable), fact.reason
    return fact
