"""Is what each decision rests on what was so? With what the stream tells of clocks and schemas."""

import re
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from application.checking_ids import CAUSE
from domain import events as e
from domain.glimpses import LATE_MAX, Glimpses, at_version, forgotten, still
from domain.job import Job
from domain.remaking_decisions import request_wrong, rules_wrong, shape_wrong, size_wrong
from domain.remaking_facts import Span, Then, Wanted, told_differs
from domain.remaking_questions import wanted_of_cluster, wanted_of_job, wanted_of_policy

NAMED: Final = re.compile(r"\b([a-z_]+)\??: *[A-Z]")
"""An attribute in the text of a schema."""

RULE: Final = re.compile(r'@id\s*\(\s*"([^"]*)"\s*\)')
"""The id of a rule in the text of a policy."""

PUSHED: Final = timedelta(microseconds=1)
"""An event is at least so much later than the one before it, also while the clock is behind."""

STEPPED: Final = timedelta(seconds=1)
STEPS_KEPT_EVENTS: Final = 64
A_LITTLE: Final = timedelta(minutes=1)


CANCELS: Final = (
    e.JobCancelRequested,
    e.JobCancelRepeated,
    e.JobCancelHeld,
    e.JobCancelRefused,
    e.BreakGlassUsed,
)
"""What may be part of a request on many jobs."""


class Decisions:
    """Told every fact in the order of the stream."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}
        self._rules: dict[str, frozenset[str] | None] = {}
        self._last: datetime | None = None
        self._stepped = deque[tuple[int, datetime]]()
        self._count = 0

    def take(self, fact: e.Recorded) -> None:
        """One more fact: when it was, and what a schema names."""
        self._count += 1
        last, self._last = self._last, fact.time
        if last is not None and fact.time < last - STEPPED:
            self._stepped.append((self._count, last))
        while self._stepped and self._stepped[0][0] <= self._count - STEPS_KEPT_EVENTS:
            self._stepped.popleft()
        if isinstance(fact.data, e.PolicySchemaRecorded):
            self._names[fact.data.digest] = frozenset(NAMED.findall(fact.data.text))
        elif isinstance(fact.data, e.PolicyActivated):
            self._rules[fact.data.digest] = rules_in(fact.data.text)

    def wrong(
        self,
        fact: e.Recorded,
        job: Job | None,
        lately: Glimpses,
        before: datetime | None,
        total: Callable[[e.Aggregate], int],
    ) -> Iterator[str]:
        """What is wrong with the decision in a fact. ``job``, ``lately``, ``before``: the job as it
        was, as it was lately, and the time of the event before. ``total``: as ``Checker`` has it.
        """
        if not hasattr(fact.data, "decision") and not isinstance(fact.data, e.BreakGlassUsed):
            return
        many = self._many(fact, total)
        found = wanted_of(fact, job, many)
        if found is None:
            return
        decision, wanted = found
        words = shape_wrong(decision) or size_wrong(fact, many)
        if CAUSE.fullmatch(fact.event.correlation_id):
            words = words or request_wrong(fact)
        words = words or rules_wrong(decision, self._rules.get(decision.digest))
        if words:
            yield words
        words = told_differs(decision, wanted, self._then(fact, decision, lately, before))
        if words:
            yield words

    @staticmethod
    def _many(fact: e.Recorded, total: Callable[[e.Aggregate], int]) -> int:
        """How many jobs the request has that this may be part of."""
        key = getattr(fact.data, "request_id", "")
        if not key or not isinstance(fact.data, CANCELS):
            return 1
        return total(e.bulk_aggregate(fact.event.caller.asker, key))

    def _then(
        self,
        fact: e.Recorded,
        decision: e.Decision,
        lately: Glimpses,
        before: datetime | None,
    ) -> Then:
        names = self._names.get(decision.schema_digest)
        if isinstance(fact.data, e.EmergencyStopRecorded):
            stop = fact.data.stop
            glimpses, at = at_version(lately, stop.known_version), stop.ordered_at
            ordered = datetime.fromisoformat(at)
            spans: tuple[Span, ...] = ((ordered - LATE_MAX, ordered + STEPPED),)
            return Then(glimpses, not glimpses, spans, names)
        lately = still(lately, fact.time)
        if before is not None and fact.time - before <= PUSHED:
            return Then(lately, forgotten(lately, fact.time), None, names)
        return Then(lately, forgotten(lately, fact.time), self._spans(fact.time), names)

    def _spans(self, at: datetime) -> tuple[Span, ...]:
        """When it may have been decided: lately, or just before the clock was put."""
        others = [x for _, x in self._stepped]
        others += [] if self._last is None else [self._last]
        ends = (x + A_LITTLE if x > at else min(x + A_LITTLE, at) for x in others)
        return (
            (at - LATE_MAX, at),
            *((x - LATE_MAX, end) for x, end in zip(others, ends, strict=True)),
        )


def rules_in(text: str) -> frozenset[str] | None:
    """The ids of a policy's rules; None where they are not written as they are."""
    found = frozenset(RULE.findall(text))
    return None if not found or any("\\" in name for name in found) else found


def wanted_of(
    fact: e.Recorded, job: Job | None, many: int
) -> tuple[e.Decision, tuple[Wanted, ...]] | None:
    """The decision in a fact, and what it may have answered."""
    if isinstance(fact.data, e.JobEvent):
        return wanted_of_job(job, fact, many)
    if isinstance(fact.data, e.ClusterEvent):
        return wanted_of_cluster(fact)
    return wanted_of_policy(fact) if isinstance(fact.data, e.PolicyEvent) else None
