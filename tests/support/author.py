"""Streams that the rules made: people ask, the service tells, and what is decided is stored."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from adapters.wire import encode, sha256
from adapters.wire.names import type_token
from application.ports import Stored
from domain import commands as c
from domain import events as e
from domain.adding import add_job
from domain.cluster import (
    Cluster,
    ReserveJobIds,
    SetParameter,
    evolve_cluster,
    reserve,
    set_parameter,
)
from domain.decide import decide
from domain.evolve import evolve
from domain.identity import SYSTEM_CALLER, Caller, Origin, Principal
from domain.instruct import instruct
from domain.job import Job
from domain.policy import Action, Question, facts_of
from domain.policy_requests import requests_of
from domain.questions import creating
from domain.remaking_questions import COMMANDS
from domain.requests import JobRequest, operation_of
from domain.waiting_cancels import settle
from tests.domain.builders import ALLOWED

START: Final = datetime(2026, 1, 1, tzinfo=UTC)
ALICE: Final = Caller(Principal("alice", method="unix"), origin=Origin.CLI)


class Author:
    """One stream, growing. Each append is a second later than the one before it."""

    def __init__(self, cluster: str, start: datetime = START) -> None:
        self.cluster = cluster
        self.events: list[Stored] = []
        self.jobs: dict[int, Job] = {}
        self._cluster = Cluster()
        self._now = start
        self._position = 0
        self._ends: dict[e.Aggregate, tuple[int, str]] = {}

    def reserve(self, count: int = 100) -> None:
        """Job numbers."""
        self._store(self._place, [reserve(self._cluster, ReserveJobIds(count))], SYSTEM_CALLER)

    def set_parameter(self, request_id: str, name: str, value: str) -> None:
        """A cluster parameter."""
        asked = asked_by(Question(ALICE, Action.SET_PARAMETER), self.asked(request_id))
        fact = set_parameter(self._cluster, SetParameter(asked, name, value))
        assert fact is not None
        self._store(self._place, [fact], ALICE)

    def store(self, aggregate: e.Aggregate, *facts: e.Event, caller: Caller = ALICE) -> None:
        """Whatever it is, decided or not."""
        self._store(aggregate, facts, caller)

    def add(self, command: c.AddJob) -> int:
        """A job."""
        type_ = command.job_type
        question = Question(ALICE, creating(type_), ALICE.subject.name, type_)
        made = add_job(replace(command, asked=asked_by(question, command.asked)))
        self._store(e.job_aggregate(command.job_id), made, ALICE)
        return command.job_id

    def ask(self, job: int, *requests: JobRequest) -> None:
        """Somebody asks."""
        for request in requests:
            caller = Caller(Principal(request.asked.asker, method="unix"), origin=Origin.CLI)
            self.ask_as(caller, job, request)

    def ask_as(self, caller: Caller, job: int, *requests: JobRequest) -> None:
        """The same, by this caller, whoever the requests are by."""
        for request in requests:
            self._now += timedelta(seconds=1)
            question = self._question(caller, job, action_of(request))
            asked = replace(asked_by(question, request.asked), asker=caller.asker, at=self._now)
            request = replace(request, asked=asked)
            if isinstance(request, c.CancelJob) and request.overrides is not None:
                request = overriding(request, self._question(caller, job, Action.CANCEL))
            facts = decide(self.jobs[job], request)
            self._store(e.job_aggregate(job), facts, caller, later=False)

    def settle(self, job: int, cancel_id: str, decision: e.Decision | None) -> None:
        """What is due on a cancel that waits, which must lead to a fact."""
        self._now += timedelta(seconds=1)
        waiting = self.jobs[job].waiting_cancels[cancel_id]
        if decision is not None:
            asked = c.Asked(cancel_id, waiting.caller.asker, self._now, decision)
            question = self._question(waiting.caller, job, Action.CANCEL)
            decision = asked_by(question, asked).decision
        facts = settle(self.jobs[job], c.SettleCancel(cancel_id, self._now, decision, 15))
        assert facts, f"{cancel_id} of {self.jobs[job]}"
        lapses = isinstance(facts[0], e.JobCancelLapsed)
        caller = SYSTEM_CALLER if lapses else waiting.caller
        self._store(e.job_aggregate(job), facts, caller, later=False)

    def tell(self, job: int, *instructions: c.Instruction) -> None:
        """The service tells the job something, which must lead to a fact."""
        for instruction in instructions:
            self._now += timedelta(seconds=1)
            told = instruction
            if isinstance(instruction, c.EndJob | c.ExpireRuntime):
                told = replace(instruction, at=self._now)
            facts = instruct(self.jobs[job], told)
            assert facts, f"{instruction} of {self.jobs[job]}"
            self._store(e.job_aggregate(job), facts, SYSTEM_CALLER, later=False)

    def asked(self, request_id: str, decision: e.Decision = ALLOWED) -> c.Asked:
        """Alice asks."""
        return c.Asked(request_id, "alice", self._now, decision)

    def pass_time(self, seconds: int) -> None:
        """Nothing happens for a while."""
        self._now += timedelta(seconds=seconds)

    def take(self) -> list[Stored]:
        """What was written since the last time."""
        taken, self.events = self.events, []
        return taken

    def _question(self, caller: Caller, job: int, action: Action) -> Question:
        """What the policy is asked, without what only Cedar is told."""
        found = self.jobs[job]
        return Question(caller, action, found.owner, found.job_type)

    @property
    def _place(self) -> e.Aggregate:
        return e.Aggregate(e.CLUSTER, self.cluster)

    def _store(
        self,
        aggregate: e.Aggregate,
        facts: Sequence[e.Event],
        caller: Caller,
        later: bool = True,
    ) -> None:
        if later:
            self._now += timedelta(seconds=1)
        chain = (request_of(facts[0]) if facts else "") or f"chain-{self._position}"
        for n, data in enumerate(facts):
            self._position += 1
            event_id = f"00000000-0000-7000-8000-{self._position:012d}"
            time = self._now + timedelta(microseconds=n)
            event = e.NewEvent(event_id, time, caller, chain, chain, data)
            self._write(aggregate, event)

    def _write(self, aggregate: e.Aggregate, event: e.NewEvent) -> None:
        version, digest = self._ends.get(aggregate, (0, ""))
        raw = encode(event, aggregate, self.cluster, version + 1, digest)
        fact = e.Recorded(aggregate, version + 1, event)
        self._ends[aggregate] = version + 1, sha256(raw)
        self._fold(fact)
        type_ = type_token(type(event.data))
        self.events.append(Stored(self._position, aggregate, type_, raw, fact))

    def _fold(self, fact: e.Recorded) -> None:
        if fact.aggregate == self._place:
            self._cluster = evolve_cluster(self._cluster, fact)
        elif fact.aggregate.kind == e.JOB:
            number = int(fact.aggregate.id)
            self.jobs[number] = evolve(self.jobs.get(number), fact)
            if self.jobs[number].removed:
                self._ends.pop(fact.aggregate)


def request_of(fact: e.Event) -> str:
    """The id of the request that it answers; "" for none."""
    if getattr(fact, "decision", None) is None:
        return ""
    return str(getattr(fact, "request_id", "") or getattr(fact, "key", ""))


def asked_by(question: Question, asked: c.Asked) -> c.Asked:
    """The same, with a decision that answers this question."""
    return replace(asked, decision=answering(question, asked.decision))


def answering(question: Question, decision: e.Decision) -> e.Decision:
    """The decision, which answers this question; what it says that it was told stands."""
    told = {k: v for k, v in decision.facts.items() if (k, v) not in ALLOWED.facts.items()}
    asked = requests_of(question) if decision.schema_digest else ()
    return replace(decision, facts=facts_of(question) | told, requests=decision.requests or asked)


def overriding(request: c.CancelJob, question: Question) -> c.CancelJob:
    """A cancel that overrides the rules, whose answer to it was to this question."""
    assert request.overrides is not None
    overrides = replace(request.overrides, decision=answering(question, request.overrides.decision))
    return replace(request, overrides=overrides)


def action_of(request: JobRequest) -> Action:
    """What the policy is asked about a request."""
    if isinstance(request, c.CancelJob):
        return Action.BREAK_GLASS if request.overrides is not None else Action.CANCEL
    if isinstance(request, c.RecordEmergencyStop | c.RecordRefusedStop):
        return Action.CANCEL
    if isinstance(request, c.CancelTask):
        return Action.CANCEL_TASK
    return COMMANDS[operation_of(request).partition("/")[0]]
