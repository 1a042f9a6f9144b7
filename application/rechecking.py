"""Recorded decisions, each computed again with the policy that made it.

Reads only. A decision holds all that it rests on, so nothing else is asked.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from msgspec import Struct

from application.checking import Whole
from application.ports import Stored, Undecodable
from application.shadowing import said
from domain.events import (
    Decision,
    Event,
    PolicyActivated,
    PolicySchemaRecorded,
    PolicyShadowStarted,
    ShadowAnswer,
)
from domain.policy import FACTS_TOO_LARGE
from domain.policy_life import digest_of
from domain.remaking_policy import NO_POLICY, answers_in, decision_of

LIMIT_DEFAULT: Final = 20

FIELDS: Final = ("effect", "rules", "errors", "explanation", "hold_seconds", "approvals")
"""What an answer is. The rest of a decision is what was asked, and of whom."""

SHADOW_FIELDS: Final = ("effect", "rules", "rules_cut", "errors", "hold_seconds", "approvals")
"""The same, of an answer in shadow."""


class Again(Protocol):
    """A policy that can be asked what it was asked before."""

    @property
    def digest(self) -> str:
        """Of its rules."""
        ...

    @property
    def schema_digest(self) -> str:
        """The schema it is asked with, "" for none."""
        ...

    def again(self, decision: Decision) -> Decision:
        """The answer now. Raises ``ValueError`` for what it can never have been asked."""
        ...


ReadAgain = Callable[[str, str], Again]
"""Rules of their text and of the text of their schema; never raises."""


class Difference(Struct, frozen=True):
    """A decision that comes out otherwise. ``field``: what of it; ``recorded`` and ``now``: how."""

    position: int
    type: str
    aggregate: str
    field: str
    recorded: str
    now: str


class Rechecked(Struct, frozen=True):
    """What asking again gave.

    ``last``: the position up to which it was looked at. ``decisions``: how many were computed
    again. ``differences``: the first of them, in the order of the stream, out of ``different``.
    ``unknown``: decisions of policies that are not here, by digest. ``untold``: decisions about
    more than a policy may be told, of which only that was kept. ``unreadable``: events that cannot
    be decoded. ``in_shadow``: how many answers of rules in shadow were computed again.
    """

    stream: str
    last: int
    decisions: int
    different: int
    differences: tuple[Difference, ...]
    unknown: dict[str, int]
    untold: int
    unreadable: int
    in_shadow: int = 0


class Recheck:
    """Takes events one by one. ``policies``: those that are here; those that the stream has come to
    them as it tells them, made of their texts by ``read``."""

    def __init__(
        self,
        policies: Iterable[Again],
        limit: int = LIMIT_DEFAULT,
        read: ReadAgain | None = None,
    ) -> None:
        self._policies = {(x.digest, x.schema_digest): x for x in policies}
        self._read = read
        self._schema = self._rules = self._shadow = ""
        self._limit = limit
        self._decisions = 0
        self._different = 0
        self._differences: list[Difference] = []
        self._unknown = Counter[str]()
        self._untold = 0
        self._unreadable = 0
        self._in_shadow = 0

    def take(self, stored: Stored) -> None:
        """One event."""
        if isinstance(stored.fact, Undecodable):
            self._unreadable += 1
            return
        self.learn(stored.fact.data)
        for answer in answers_in(stored.fact.data):
            if answer.shadow is not None:
                self._take_shadow(stored, answer, answer.shadow)
        decision = decision_of(stored.fact.data)
        if decision is None or decision.digest == NO_POLICY:
            return
        policy = self.policy_of(decision)
        if policy is None:
            self._unknown[decision.digest] += 1
        elif decision.rules == (FACTS_TOO_LARGE,) and not decision.requests:
            self._untold += 1
        else:
            self._decisions += 1
            self._note(differences(stored, decision, policy))

    def _take_shadow(self, stored: Stored, decision: Decision, answer: ShadowAnswer) -> None:
        policy = self.shadow_of(decision)
        if policy is None:
            self._unknown[answer.digest] += 1
            return
        self._in_shadow += 1
        self._note(shadow_differences(stored, decision, answer, policy))

    def shadow_of(self, decision: Decision) -> Again | None:
        """What answered in shadow beside it; None where that is not here, and for no answer."""
        answer = decision.shadow
        if answer is None:
            return None
        return self._policies.get((answer.digest, decision.schema_digest))

    def policy_of(self, decision: Decision) -> Again | None:
        """What made it; None where that is not here."""
        return self._policies.get((decision.digest, decision.schema_digest))

    def learn(self, fact: Event) -> None:
        """Rules are in force, or in shadow, from here on, with the latest schema."""
        if isinstance(fact, PolicySchemaRecorded):
            self._schema = fact.text
        elif isinstance(fact, PolicyActivated):
            self._rules = fact.text
        elif isinstance(fact, PolicyShadowStarted):
            self._shadow = fact.text
        else:
            return
        for text in (self._rules, self._shadow):
            about = (digest_of(text), digest_of(self._schema))
            if self._read is not None and text and about not in self._policies:
                self._policies[about] = self._read(text, self._schema)

    def _note(self, found: Iterable[Difference]) -> None:
        for difference in found:
            self._different += 1
            if len(self._differences) < self._limit:
                self._differences.append(difference)

    def report(self, stream: str, last: int) -> Rechecked:
        """All that was found."""
        return Rechecked(
            stream=stream,
            last=last,
            decisions=self._decisions,
            different=self._different,
            differences=tuple(self._differences),
            unknown=dict(self._unknown),
            untold=self._untold,
            unreadable=self._unreadable,
            in_shadow=self._in_shadow,
        )


async def take_each(
    stream: AsyncGenerator[list[Whole], None],
    last: int,
    take: Callable[[Stored], None],
    told: Callable[[int], None],
) -> None:
    """Every event up to ``last``, taken. ``told`` learns how far it has come."""
    async with aclosing(stream) as batches:
        async for batch in batches:
            for whole in batch:
                if whole.stored is not None and whole.position <= last:
                    take(whole.stored)
            if batch:
                told(min(batch[-1].position, last))


def differences(stored: Stored, recorded: Decision, policy: Again) -> Iterable[Difference]:
    """How the answer differs from the one now: one entry, for the first of its parts that does."""
    try:
        now = policy.again(recorded)
    except ValueError as error:
        return [difference(stored, "facts", "what a policy may be told", str(error))]
    return first_difference(stored, FIELDS, recorded, now)


def shadow_differences(
    stored: Stored, decision: Decision, recorded: ShadowAnswer, policy: Again
) -> Iterable[Difference]:
    """The same, of what was said in shadow."""
    now = said(policy.digest, lambda: policy.again(decision))
    return first_difference(stored, SHADOW_FIELDS, recorded, now, "shadow.")


def first_difference(
    stored: Stored, fields: Sequence[str], recorded: object, now: object, place: str = ""
) -> Iterable[Difference]:
    """The first of these fields that differs; ``place``: what its name is put behind."""
    for field in fields:
        before, after = getattr(recorded, field), getattr(now, field)
        if before != after and shown(before) != shown(after):
            return [difference(stored, f"{place}{field}", shown(before), shown(after))]
    return ()


def difference(stored: Stored, field: str, recorded: str, now: str) -> Difference:
    """One of this event."""
    return Difference(stored.position, stored.type, str(stored.aggregate), field, recorded, now)


def shown(value: object) -> str:
    """A part of a decision as text."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
