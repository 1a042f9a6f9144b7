"""Decisions: how many a second, live and tried again on history; their share of a cancel's time."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final

from adapters.bootstrap.compose import Makers, Parts
from adapters.bootstrap.configuration import load
from adapters.bootstrap.running import service
from adapters.bootstrap.system import LogReporter
from adapters.policy import (
    CedarPolicy,
    FromMemory,
    OnHistory,
    default_policy,
    default_text,
    schema_text,
)
from adapters.policy.reading import sha256
from adapters.wire.codec import decode, encode
from application.backtesting import Backtest, Wanted
from application.ports import Stored
from application.rechecking import Recheck
from domain.events import Decision, job_aggregate
from domain.identity import Caller, Origin, Principal
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.states import CancelMode, JobPriority, JobState, JobType
from tests.benchmarks.figures import ROUNDS, Figure, cancel, held_jobs, timed
from tests.benchmarks.history import CLUSTER, event, requested

DECISIONS: Final = 5000
CANCELS: Final = 100
CANCEL: Final = "JobCancelRequested"
ALICE: Final = Principal("alice")
AT: Final = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def cancels(caller: Caller) -> Iterator[Question]:
    """Of one job after the other: no two are alike."""
    for number in count(1):
        job = JobKnown(
            id=number,
            name="nightly-render",
            state=JobState.RUNNING,
            priority=JobPriority.NORMAL,
            project="p-17",
            running_seconds=number,
            node_count=1,
        )
        said = RequestKnown(CancelMode.NORMAL, 22, "disk_full", AT)
        yield Question(caller, Action.CANCEL, "alice", JobType.BATCH, job, said)


def rate(policy: CedarPolicy, questions: Iterator[Question]) -> float:
    """Decisions a second."""
    asked = [next(questions) for _ in range(DECISIONS)]
    began = time.perf_counter()
    for question in asked:
        policy.decide(question)
    return DECISIONS / (time.perf_counter() - began)


def same(question: Question) -> Iterator[Question]:
    """One question again and again: whether somebody may see their jobs."""
    while True:
        yield question


def decisions() -> list[Figure]:
    """On one core."""
    alone = Caller(ALICE, origin=Origin.HTTP)
    acting = Caller(Principal("root"), on_behalf_of=ALICE, origin=Origin.HTTP)
    seeing = Question(alone, Action.VIEW, "alice", JobType.BATCH)
    kinds: dict[str, Callable[[], Iterator[Question]]] = {
        "decisions about cancels of many jobs": lambda: cancels(alone),
        "the same, acting for somebody": lambda: cancels(acting),
        "decisions about one question, again and again": lambda: same(seeing),
    }
    return [
        Figure(name, "per second", tuple(rate(default_policy(), make()) for _ in range(ROUNDS)))
        for name, make in kinds.items()
    ]


def parsing() -> Figure:
    """What is done once at the start."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        CedarPolicy(default_text(), schema_text())
        took.append((time.perf_counter() - began) * 1000)
    return Figure("rules and schema read, once a start", "ms", tuple(took))


class TimedPolicy(CedarPolicy):
    """The shipped rules, and the seconds that their answers took: all, and of the processor."""

    seconds = 0.0
    processor_seconds = 0.0

    def decide(self, question: Question) -> Decision:
        began, used = time.perf_counter(), time.thread_time()
        decision = super().decide(question)
        self.processor_seconds += time.thread_time() - used
        self.seconds += time.perf_counter() - began
        return decision


RECORDED: Final = 10_000
CANDIDATES: Final = {
    "the same rules": "",
    "rules that ask for the hour and the seconds": (
        '@id("late") forbid (principal, action == Action::"cancel", resource is Job) when { '
        "context has hour && context.hour > 22 && resource has running_seconds && "
        "resource.running_seconds > 1000000 };"
    ),
    "rules that refuse all": (
        '@id("never") forbid (principal, action == Action::"cancel", resource is Job) when { '
        'resource has name && resource.name like "n*" };'
    ),
}


def recorded() -> list[bytes]:
    """Events of cancels as they lie in a stream, no two alike."""
    policy, caller = default_policy(), Caller(ALICE, origin=Origin.HTTP)
    found = []
    for number, question in zip(range(1, RECORDED + 1), cancels(caller), strict=False):
        fact = requested(number, CancelMode.NORMAL, f"r{number}", policy.decide(question), ())
        new = event(number, caller, fact)
        found.append(encode(new, job_aggregate(number), CLUSTER, 1, ""))
    return found


def tried(raws: Sequence[bytes], rules: str) -> float:
    """Recorded decisions a second of processor time: decoded, computed again, and tried."""
    candidate = OnHistory(
        CedarPolicy(default_text() + rules, schema_text()), {sha256(schema_text()): schema_text()}
    )
    policy = default_policy()
    recheck = Recheck([FromMemory(policy)])
    backtest = Backtest(candidate, recheck, Wanted())
    began = time.process_time()
    for number, raw in enumerate(raws, 1):
        place = job_aggregate(number)
        fact = decode(raw, CLUSTER, place, CANCEL).fact
        backtest.take(Stored(number, place, CANCEL, raw, fact))
    rate = len(raws) / (time.process_time() - began)
    basis = backtest.report("bench", len(raws))
    assert (basis.basis.decisions, basis.rechecked.different) == (len(raws), 0), basis
    return rate


def backtests() -> list[Figure]:
    """On one core, without the server that has the stream."""
    raws = recorded()
    return [
        Figure(
            f"backtest of {RECORDED} cancels, {name}",
            "per second of one core",
            tuple(tried(raws, rules) for _ in range(ROUNDS)),
        )
        for name, rules in CANDIDATES.items()
    ]


async def cancel_all(parts: Parts, jobs: Sequence[str]) -> None:
    """One at a time."""
    for job in jobs:
        await cancel(parts, job)


async def share(parts: Parts, policy: TimedPolicy) -> list[Figure]:
    """Of one cancel, decided and durable, one at a time."""
    shares, each, of_processor = [], [], []
    for _ in range(ROUNDS):
        jobs = await held_jobs(parts, CANCELS)
        policy.seconds = policy.processor_seconds = 0.0
        used = time.process_time()
        took = await timed(lambda jobs=jobs: cancel_all(parts, jobs))  # type: ignore[misc]
        of_processor.append(100 * policy.processor_seconds / (time.process_time() - used))
        shares.append(100 * policy.seconds / took)
        each.append(1000 * policy.seconds / CANCELS)
    return [
        Figure("decision of a cancel in the service", "ms", tuple(each)),
        Figure("its share of the cancel's time", "percent", tuple(shares)),
        Figure("its share of the service's processor time", "percent", tuple(of_processor)),
    ]


async def measure(directory: Path) -> Sequence[Figure]:
    """All figures."""
    settings = load({"data_directory": str(directory / "data"), "http_port": 0}, None)
    policy = TimedPolicy(default_text(), schema_text())
    makers = Makers(policy=lambda: policy)
    async with service(settings, LogReporter("error"), makers) as (parts, _):
        await parts.board.caught_up.wait()
        return [*decisions(), parsing(), *await share(parts, policy), *backtests()]
