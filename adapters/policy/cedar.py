"""A policy in Cedar: every question is put to the engine, and its answer is a decision to record.

Rules and schema are parsed once. What is handed over for a decision is a principal, an action, a
resource and a context, nothing else; all of it stands in the decision, so that the same can be
asked again for ever. Allowed is only what Cedar allows without any error.
"""

import re
from collections.abc import Callable, Sequence
from typing import Final

import cedarpy
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.policy.asking import People, ask, constant
from adapters.policy.demands import Demands, strictest
from adapters.policy.reading import Rule, RuleSet, one_line, read, sha256, text_of_rule
from adapters.policy.reads import part_read, reads_of
from adapters.policy.sentences import denied_by, failed, too_large
from adapters.policy.versions import engine
from domain.errors import Misconfigured
from domain.events import Decision, PolicyRequest
from domain.policy import (
    DENIED,
    FACTS_TOO_LARGE,
    POLICY_ERROR,
    Action,
    Question,
    facts_of,
    not_allowed,
)
from domain.policy_requests import requests_of
from domain.states import Effect

FACTS_BYTES_MAX: Final = 16 * 1024
"""All requests of a decision as JSON."""

NUMBERED: Final = re.compile(r"(?<=policy )`(policy[0-9]+)`")
"""How the engine names the rule of an error."""

ERRORS_KEPT: Final = 4
ERROR_CHARACTERS_MAX: Final = 300
ANSWERS_REMEMBERED: Final = 4096
ALWAYS_TOLD: Final = ("origin", "actor")
"""Of the context of every request; other schemas may want more, which costs time and no answer."""


class Answer(Struct, frozen=True):
    """Of one request. ``rules``: ids, sorted; none where no rule said anything. ``demands``: of the
    rules that allowed it, the most of each."""

    effect: Effect
    rules: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    demands: Demands = Demands()


class CedarPolicy:
    """Rules as text, and the schema they keep to. Raises ``Misconfigured`` for what is no policy.

    Answers are remembered by what the rules read of a request. What was recorded is asked anew.
    """

    def __init__(self, text: str, schema: str) -> None:
        self._schema = parsed_schema(schema)
        self._schema_digest = sha256(schema)
        self._set: RuleSet = read(text, self._schema)
        self._people = People(constant(self._schema), self._schema)
        self._reads = reads_of(self._set.parsed.to_pst())
        self._remembered = dict[bytes, Answer]()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the text of the rules."""
        return self._set.digest

    @property
    def schema_digest(self) -> str:
        """SHA-256 (hex) of the text of the schema."""
        return self._schema_digest

    @property
    def engine(self) -> str:
        """Which versions answer."""
        return engine()

    @property
    def text(self) -> str:
        """The rules."""
        return self._set.text

    @property
    def rule_count(self) -> int:
        """How many rules there are."""
        return len(self._set.rules)

    def rule_text(self, rule: str) -> str:
        """The rule of this id as it is written; "" when there is none."""
        return text_of_rule(self._set, rule)

    @property
    def parsed(self) -> RuleSet:
        """The rules, read."""
        return self._set

    def decide(self, question: Question) -> Decision:
        return self._decision(requests_of(question), facts_of(question), self._known_or_asked)

    def again(self, decision: Decision) -> Decision:
        """The answer to what a recorded decision was asked. Raises ``ValueError`` for what nobody
        can have asked."""
        return self._again(decision, self._asked)

    def recalled(self, decision: Decision) -> Decision:
        """As ``again``, with answers that are remembered. Raises as that does."""
        return self._again(decision, self._known_or_asked)

    def answer(self, request: PolicyRequest) -> Answer:
        """Of one request, remembered as those of ``decide`` are; told no more than the rules read.

        To tell all of it takes longer, and more of it is told only where that is an error.
        """
        return self._known_or(request, lambda part: self._asked_in_part(request, part))

    def _again(self, decision: Decision, answer_to: Callable[[PolicyRequest], Answer]) -> Decision:
        """Older decisions name the rules of an error by the engine's numbers."""
        made = self._decision(decision.requests, decision.facts, answer_to)
        if not made.errors or made.errors == decision.errors:
            return made
        numbered = self._decision(decision.requests, decision.facts, self._asked_by_numbers)
        return numbered if numbered.errors == decision.errors else made

    def _decision(
        self,
        requests: tuple[PolicyRequest, ...],
        facts: dict[str, str],
        answer_to: Callable[[PolicyRequest], Answer],
    ) -> Decision:
        """Allowed when every request is; what was asked ends with the first that is not."""
        try:
            size = len(msgspec.json.encode(requests))
        except UnicodeEncodeError as error:
            return self._failed(requests[-1], (), facts, kept([str(error)]))
        if not requests or size > FACTS_BYTES_MAX:
            return self._refused((), facts, FACTS_TOO_LARGE, too_large(size, FACTS_BYTES_MAX))
        rules, demands = set[str](), Demands()
        for n, request in enumerate(requests, 1):
            answer = answer_to(request)
            if answer.effect is not Effect.ALLOW:
                return self._denied(requests[:n], facts, answer)
            rules.update(answer.rules)
            demands = answer.demands
        allowed = self._made(Effect.ALLOW, requests, facts, tuple(sorted(rules)))
        return with_demands(allowed, demands)

    # --- the engine -------------------------------------------------------------------------------

    def _known_or_asked(self, request: PolicyRequest) -> Answer:
        """The answer that what the rules read of this request had before, if it is remembered."""
        return self._known_or(request, lambda part: self._asked(request))

    def _known_or(
        self, request: PolicyRequest, ask_with: Callable[[PolicyRequest], Answer]
    ) -> Answer:
        """The remembered answer, or that of ``ask_with``, which is handed what the rules read."""
        part = part_read(request, self._reads)
        told = msgspec.json.encode(part)
        known = self._remembered.get(told)
        if known is not None:
            return known
        answer = ask_with(part)
        if not answer.errors:
            if len(self._remembered) >= ANSWERS_REMEMBERED:
                del self._remembered[next(iter(self._remembered))]
            self._remembered[told] = answer
        return answer

    def _asked_in_part(self, request: PolicyRequest, part: PolicyRequest) -> Answer:
        """What the engine says to the part that is read, with what the schema wants always."""
        needed = {x: request.context[x] for x in ALWAYS_TOLD if x in request.context}
        answer = self._asked(replace(part, context=part.context | needed))
        return self._asked(request) if answer.errors else answer

    def _asked(self, request: PolicyRequest) -> Answer:
        """What the engine says; whatever goes wrong with it is an error, and never an allow."""
        return self._answer_or_error(request, self._named)

    def _asked_by_numbers(self, request: PolicyRequest) -> Answer:
        """The same with the engine's own words for an error."""
        return self._answer_or_error(request, str)

    def _named(self, error: str) -> str:
        """An error that names its rule by the rule's id, which its owner knows."""
        rules = self._set.rules
        return NUMBERED.sub(lambda x: f"`{rules[x[1]].id}`" if x[1] in rules else x[0], error, 1)

    def _answer_or_error(self, request: PolicyRequest, words: Callable[[str], str]) -> Answer:
        try:
            return self._answer(request, words)
        except Exception as error:
            return Answer(Effect.DENY, errors=kept([f"{type(error).__name__}: {error}"]))

    def _answer(self, request: PolicyRequest, words: Callable[[str], str]) -> Answer:
        told = ask(request, self._set.parsed, self._people, self._schema)
        determining = [self._set.rules[number] for number in told.diagnostics.reasons]
        found = tuple(sorted(rule.id for rule in determining))
        errors = kept([words(error) for error in told.diagnostics.errors])
        allowed = told.decision is cedarpy.Decision.Allow and bool(found) and not errors
        if told.decision is cedarpy.Decision.NoDecision and not errors:
            errors = ("the engine made no decision",)
        if not allowed:
            return Answer(Effect.DENY, found, errors)
        return Answer(Effect.ALLOW, found, demands=most(request.action, determining))

    # --- refusals ---------------------------------------------------------------------------------

    def _denied(
        self, asked: tuple[PolicyRequest, ...], facts: dict[str, str], answer: Answer
    ) -> Decision:
        last = asked[-1]
        if answer.errors:
            return self._failed(last, asked, facts, answer.errors)
        if not answer.rules:
            words = not_allowed(last.principal.id, Action(last.action), self._allowed(last.action))
            return self._refused(asked, facts, DENIED, words)
        forbidding = [x for x in self._set.rules.values() if x.id in answer.rules]
        words = denied_by(last, forbidding)
        return self._made(Effect.DENY, asked, facts, answer.rules, explanation=words)

    def _failed(
        self,
        last: PolicyRequest,
        asked: tuple[PolicyRequest, ...],
        facts: dict[str, str],
        errors: tuple[str, ...],
    ) -> Decision:
        return self._refused(asked, facts, POLICY_ERROR, failed(last, errors), errors)

    def _allowed(self, action: str) -> list[str]:
        """The words for those whom some rule may permit it."""
        rules = self._set.rules.values()
        return [x.who for x in rules if x.permits and (x.actions is None or action in x.actions)]

    def _refused(
        self,
        asked: tuple[PolicyRequest, ...],
        facts: dict[str, str],
        rule: str,
        words: str,
        errors: tuple[str, ...] = (),
    ) -> Decision:
        return self._made(Effect.DENY, asked, facts, (rule,), errors, words)

    def _made(
        self,
        effect: Effect,
        asked: tuple[PolicyRequest, ...],
        facts: dict[str, str],
        rules: tuple[str, ...],
        errors: tuple[str, ...] = (),
        explanation: str = "",
    ) -> Decision:
        return Decision(
            effect=effect,
            digest=self.digest,
            rules=rules,
            facts=facts,
            errors=errors,
            explanation=explanation,
            schema_digest=self._schema_digest,
            engine=engine(),
            requests=asked,
        )


def kept(errors: Sequence[str]) -> tuple[str, ...]:
    """As much of the engine's errors as a decision keeps."""
    return tuple(one_line(error)[:ERROR_CHARACTERS_MAX] for error in errors[:ERRORS_KEPT])


def most(action: str, rules: Sequence[Rule]) -> Demands:
    """What the rules that allow this demand together. Only a cancel of a job can wait."""
    if action != Action.CANCEL:
        return Demands()
    return strictest(rule.demands for rule in rules)


def with_demands(allowed: Decision, demands: Demands) -> Decision:
    """Allowed, but first something is demanded; or just allowed."""
    if demands == Demands():
        return allowed
    return replace(
        allowed,
        effect=Effect.HOLD,
        hold_seconds=demands.hold_seconds,
        approvals=demands.approvals,
    )


def parsed_schema(text: str) -> cedarpy.Schema:
    """A schema, parsed. Raises ``Misconfigured``."""
    try:
        return cedarpy.Schema.from_str(text)
    except ValueError as error:
        raise Misconfigured(f"the policy's schema cannot be read: {error}") from error
