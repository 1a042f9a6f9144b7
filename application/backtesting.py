"""Recorded requests, asked again of rules that are not in force: what they would have changed.

Reads only, in bounded memory. What history does not tell is not guessed: it is counted as such,
with the name of what is missing. Before a request is put to the other rules, the decision on it is
computed again by its own: a history that does not come out as recorded is no test of anything.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, astuple

from application.asked_before import AskedBefore, NotTold, asked_before
from application.ports import Stored, Undecodable
from application.rechecking import Recheck, Rechecked
from domain.events import JOB, Decision, Recorded
from domain.other_answers import Kind as Kind
from domain.other_answers import kind_of_answer
from domain.remaking_policy import NO_POLICY, decision_of
from domain.states import Effect

GROUPS_MAX: Final = 5000
OTHERS: Final = "(others)"
"""Owners, jobs and rules that are counted each by its own; all beyond are counted together."""

WORDS_MAX: Final = 300


class Reading(Struct, frozen=True):
    """A rule asks for something that was not told then. ``rule``: "" where it is about no rule."""

    rule: str
    attribute: str


class Told(Struct, frozen=True):
    """The answer of the other rules. ``words``: the sentence of a refusal, "" for an allow.

    ``hold_seconds``, ``approvals``: what they demand first, as in ``Decision``.
    """

    effect: Effect
    rules: tuple[str, ...]
    errors: tuple[str, ...] = ()
    words: str = ""
    hold_seconds: int = 0
    approvals: int = 0


class Untold(Struct, frozen=True):
    """What they would answer depends on what was not told then."""

    readings: tuple[Reading, ...]


class Candidate(Protocol):
    """Rules that are not in force. The same requests have the same answer, always."""

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of their text."""
        ...

    @property
    def schema_digest(self) -> str:
        """SHA-256 (hex) of the schema they are asked with."""
        ...

    def tried(self, decision: Decision, asked: AskedBefore) -> Told | Untold:
        """Their answer to what a recorded decision asked."""
        ...


class Change(Struct, frozen=True):
    """A decision that would have been otherwise, or of which that cannot be told.

    ``was``, ``becomes``: the rules that determine the answer. ``what``: the sentence of the
    refusal, before or now, the error, or what was not told then. ``job``, ``owner``: "" where it is
    about none, or that was not told.
    """

    kind: Kind
    position: int
    type: str
    action: str
    actor: str
    person: str
    job: str
    owner: str
    was: tuple[str, ...]
    becomes: tuple[str, ...]
    what: str


class Counts(Struct):
    """How many of each kind."""

    deny_to_allow: int = 0
    less_demanded: int = 0
    allow_to_deny: int = 0
    more_demanded: int = 0
    error: int = 0
    not_evaluable: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return sum(astuple(self))

    def add(self, kind: Kind) -> None:
        """One more."""
        setattr(self, kind, getattr(self, kind) + 1)


class Wanted(Struct, frozen=True):
    """Which decisions: not earlier, not later; by this person, on jobs of this owner; "" for all.

    ``limit``: how many of each kind are told in full. ``shadow``: beside which the rules of this
    digest answered in shadow.
    """

    since: datetime | None = None
    until: datetime | None = None
    actor: str = ""
    owner: str = ""
    limit: int = 20
    shadow: str = ""

    def takes(self, recorded: Recorded, decision: Decision) -> bool:
        """Whether this one is wanted."""
        return (
            (self.since is None or recorded.time >= self.since)
            and (self.until is None or recorded.time <= self.until)
            and (not self.actor or recorded.event.caller.actor.name == self.actor)
            and (not self.owner or decision.facts.get("owner", "") == self.owner)
            and (not self.shadow or self.shadow == shadow_of(decision))
        )


def shadow_of(decision: Decision) -> str:
    """The digest of the rules that answered beside it, "" for none."""
    return decision.shadow.digest if decision.shadow is not None else ""


class Basis(Struct, frozen=True):
    """What the id of a report is the digest of: what was asked, and every answer that differs.

    ``first``, ``last``: positions of the first and the last decision looked at, 0 for none.
    ``other_rules``: the same answer by other rules. ``changes_sha256``: SHA-256 (hex) of all
    changes as lines of JSON, in the order of the stream, those that are not told in full too.
    """

    candidate: str
    schema: str
    stream: str
    actor: str
    owner: str
    first: int
    last: int
    decisions: int
    same: int
    other_rules: int
    deny_to_allow: int
    less_demanded: int
    allow_to_deny: int
    more_demanded: int
    error: int
    not_evaluable: int
    changes_sha256: str


class Backtested(Struct, frozen=True):
    """What the other rules would have answered. ``id``: the digest of ``basis``.

    ``changes``: the first of each kind, the dangerous kinds first. ``by_rule``, ``by_owner``,
    ``by_job``: how many of each kind. ``rechecked``: the decisions computed again by their own
    rules; where one of them differs, or its rules are not here, the rest says nothing.
    """

    id: str
    basis: Basis
    changes: tuple[Change, ...]
    by_rule: dict[str, Counts]
    by_owner: dict[str, Counts]
    by_job: dict[str, Counts]
    rechecked: Rechecked


class Groups:
    """Counts by a name. So many names at most; what comes under others then is counted as one."""

    def __init__(self) -> None:
        self._counts = dict[str, Counts]()

    def add(self, name: str, kind: Kind) -> None:
        """One more of this name; "" is none."""
        if not name:
            return
        if name not in self._counts and len(self._counts) >= GROUPS_MAX:
            name = OTHERS
        self._counts.setdefault(name, Counts()).add(kind)

    def ordered(self) -> dict[str, Counts]:
        """The most dangerous first."""
        found = sorted(self._counts.items(), key=lambda x: (*weight(x[1]), x[0]))
        return dict(found)


def weight(counts: Counts) -> tuple[int, ...]:
    """What the order of groups goes by."""
    return tuple(-number for number in astuple(counts))


class Backtest:
    """Takes events one by one, in the order of the stream."""

    def __init__(self, candidate: Candidate, recheck: Recheck, wanted: Wanted) -> None:
        self._candidate = candidate
        self._recheck = recheck
        self._wanted = wanted
        self._first = self._last = 0
        self._decisions = self._same = self._other_rules = 0
        self._counts = Counts()
        self._changes: dict[Kind, list[Change]] = {kind: [] for kind in Kind}
        self._digest = hashlib.sha256()
        self._by_rule, self._by_owner, self._by_job = Groups(), Groups(), Groups()

    def take(self, stored: Stored) -> None:
        """One event."""
        if isinstance(stored.fact, Undecodable):
            self._recheck.take(stored)
            return
        self._recheck.learn(stored.fact.data)
        decision = decision_of(stored.fact.data)
        if decision is None or decision.digest == NO_POLICY:
            return
        if not self._wanted.takes(stored.fact, decision):
            return
        self._recheck.take(stored)
        self._first, self._last = self._first or stored.position, stored.position
        self._decisions += 1
        self._compare(stored, stored.fact, decision)

    def _compare(self, stored: Stored, recorded: Recorded, decision: Decision) -> None:
        answer = tried(self._candidate, recorded, decision)
        kind = kind_of(decision, answer)
        if kind is not None:
            self._note(change(kind, stored, recorded, decision, answer))
            return
        self._same += 1
        if isinstance(answer, Told) and answer.rules != decision.rules:
            self._other_rules += 1

    def _note(self, found: Change) -> None:
        self._counts.add(found.kind)
        self._digest.update(msgspec.json.encode(found, order="sorted") + b"\n")
        kept = self._changes[found.kind]
        if len(kept) < self._wanted.limit:
            kept.append(found)
        for rule in found.becomes:
            self._by_rule.add(rule, found.kind)
        self._by_owner.add(found.owner, found.kind)
        self._by_job.add(found.job, found.kind)

    def report(self, stream: str, last: int) -> Backtested:
        """All that was found. ``last``: where the stream ended when it was begun."""
        basis = self._basis(stream)
        return Backtested(
            id=id_of(basis),
            basis=basis,
            changes=tuple(x for kind in Kind for x in self._changes[kind]),
            by_rule=self._by_rule.ordered(),
            by_owner=self._by_owner.ordered(),
            by_job=self._by_job.ordered(),
            rechecked=self._recheck.report(stream, last),
        )

    def _basis(self, stream: str) -> Basis:
        return Basis(
            candidate=self._candidate.digest,
            schema=self._candidate.schema_digest,
            stream=stream,
            actor=self._wanted.actor,
            owner=self._wanted.owner,
            first=self._first,
            last=self._last,
            decisions=self._decisions,
            same=self._same,
            other_rules=self._other_rules,
            **asdict(self._counts),
            changes_sha256=self._digest.hexdigest(),
        )


def id_of(basis: Basis) -> str:
    """SHA-256 (hex) of it as JSON with sorted names and no spaces."""
    return hashlib.sha256(as_json(basis)).hexdigest()


def as_json(basis: Basis) -> bytes:
    """It as the id is the digest of."""
    return msgspec.json.encode(basis, order="sorted")


def tried(candidate: Candidate, recorded: Recorded, decision: Decision) -> Told | Untold:
    """What the candidate answers to what was asked then."""
    asked = asked_before(recorded, decision)
    if isinstance(asked, NotTold):
        return Untold((Reading("", asked.what),))
    return candidate.tried(decision, asked)


def kind_of(decision: Decision, answer: Told | Untold) -> Kind | None:
    """How the answer differs; None when it does not."""
    if isinstance(answer, Untold):
        return Kind.NOT_EVALUABLE
    return kind_of_answer(decision, answer)


def change(
    kind: Kind, stored: Stored, recorded: Recorded, decision: Decision, answer: Told | Untold
) -> Change:
    """What is told of it."""
    about, facts = recorded.aggregate, decision.facts
    return Change(
        kind=kind,
        position=stored.position,
        type=stored.type,
        action=facts.get("action", ""),
        actor=recorded.event.caller.actor.name,
        person=recorded.event.caller.subject.name,
        job=about.id if about.kind == JOB else "",
        owner=facts.get("owner", ""),
        was=decision.rules,
        becomes=rules_of(answer),
        what=words_of(decision, answer)[:WORDS_MAX],
    )


def rules_of(answer: Told | Untold) -> tuple[str, ...]:
    """The rules that say so, or that cannot say."""
    if isinstance(answer, Told):
        return answer.rules
    return tuple(sorted({x.rule for x in answer.readings if x.rule}))


def words_of(decision: Decision, answer: Told | Untold) -> str:
    """The sentence beside it."""
    if isinstance(answer, Untold):
        return "not told then: " + ", ".join(named(answer.readings))
    return answer.words or decision.explanation


def named(readings: Sequence[Reading]) -> list[str]:
    """What was not told, each once."""
    return sorted({x.attribute for x in readings})
