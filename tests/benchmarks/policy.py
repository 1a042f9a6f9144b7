"""Decisions by the shipped rules: how many a second, and their share of a cancel's time."""

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
from adapters.policy import CedarPolicy, default_policy, default_text, schema_text
from domain.events import Decision
from domain.identity import Caller, Origin, Principal
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.states import CancelMode, JobPriority, JobState, JobType
from tests.benchmarks.figures import ROUNDS, Figure, cancel, held_jobs, timed

DECISIONS: Final = 5000
CANCELS: Final = 100
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
    """The shipped rules, and the seconds that their answers took."""

    seconds = 0.0

    def decide(self, question: Question) -> Decision:
        began = time.perf_counter()
        decision = super().decide(question)
        self.seconds += time.perf_counter() - began
        return decision


async def cancel_all(parts: Parts, jobs: Sequence[str]) -> None:
    """One at a time."""
    for job in jobs:
        await cancel(parts, job)


async def share(parts: Parts, policy: TimedPolicy) -> list[Figure]:
    """Of one cancel, decided and durable, one at a time."""
    shares, each = [], []
    for _ in range(ROUNDS):
        jobs = await held_jobs(parts, CANCELS)
        policy.seconds = 0.0
        took = await timed(lambda jobs=jobs: cancel_all(parts, jobs))  # type: ignore[misc]
        shares.append(100 * policy.seconds / took)
        each.append(1000 * policy.seconds / CANCELS)
    return [
        Figure("decision of a cancel in the service", "ms", tuple(each)),
        Figure("its share of the cancel's time", "percent", tuple(shares)),
    ]


async def measure(directory: Path) -> Sequence[Figure]:
    """All figures."""
    settings = load({"data_directory": str(directory / "data"), "http_port": 0}, None)
    policy = TimedPolicy(default_text(), schema_text())
    makers = Makers(policy=lambda: policy)
    async with service(settings, LogReporter("error"), makers) as (parts, _):
        await parts.board.caught_up.wait()
        return [*decisions(), parsing(), *await share(parts, policy)]
