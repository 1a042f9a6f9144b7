"""The policy as it goes out: rules, their history, answers; and what is asked of it."""

from typing import Annotated

from msgspec import Meta, Struct

from adapters.http.bodies.commands import MessageText
from adapters.http.bodies.shapes import Count, EffectWord, PositionNumber, Time, VersionNumber
from application.policy_library import PolicyStep, PolicyText
from domain import events as e
from projections.stamps import stamp

Digest = Annotated[str, Meta(extra_json_schema={"pattern": "^([0-9a-f]{64})?$"})]
"""SHA-256 of a text, or "" for none."""


class PolicyBody(Struct, frozen=True):
    """Rules with their schema, and where they came from.

    ``in_force``: whether they were; else they were only proposed. ``broken``: why they cannot be
    asked, "" when they can. ``position``: of the event that holds them. ``author``, ``approver``:
    "" for the rules that came with Countermand.
    """

    digest: Digest
    schema_digest: Digest
    rule_count: Count
    in_force: bool
    broken: str
    position: PositionNumber
    at: Time
    author: str
    approver: str
    previous: Digest
    backtest: Digest
    note: str
    rules: str
    schema: str


class PolicyStepBody(Struct, frozen=True):
    """A fact about the policy. What a type has no field for is "" here, and 0."""

    position: PositionNumber
    version: VersionNumber
    at: Time
    type: str
    actor: str
    on_behalf_of: str
    digest: Digest
    schema_digest: Digest
    rule_count: Count
    author: str
    approver: str
    previous: Digest
    backtest: Digest
    note: str
    code: str
    explanation: str


class PolicyHistoryBody(Struct, frozen=True):
    """Every fact about the policy, in order."""

    steps: tuple[PolicyStepBody, ...]


class PolicyEntityBody(Struct, frozen=True):
    """Somebody or something, as the policy was told of it."""

    type: str
    id: str
    attributes: dict[str, str | Count | bool | tuple[str, ...]]
    roles: tuple[str, ...]


class PolicyRequestBody(Struct, frozen=True):
    """One request exactly as the policy's engine saw it."""

    principal: PolicyEntityBody
    action: str
    resource: PolicyEntityBody
    context: dict[str, str | Count | bool | tuple[str, ...]]


class PolicyAnswerBody(Struct, frozen=True):
    """What the rules in force say. Nothing was done, and nothing recorded. ``hold_seconds``,
    ``approvals``: what they demand before a cancel takes effect."""

    effect: EffectWord
    hold_seconds: Count
    approvals: Count
    rules: tuple[str, ...]
    explanation: str
    errors: tuple[str, ...]
    digest: Digest
    schema_digest: Digest
    engine: str
    requests: tuple[PolicyRequestBody, ...]


class ShadowBody(Struct, frozen=True):
    """Rules that run in shadow, or did. ``position``: of the event that started them."""

    digest: Digest
    schema_digest: Digest
    rule_count: Count
    position: PositionNumber
    at: Time
    started_by: str
    note: str
    rules: str


class StopShadowBody(Struct, forbid_unknown_fields=True):
    """Nothing is to run in shadow any more. ``note``: why."""

    note: MessageText = ""


class ProposalBody(Struct, forbid_unknown_fields=True):
    """Rules that somebody wants in force. ``text``: all of them, in Cedar; ``note``: why."""

    text: str
    note: MessageText = ""


class ActivationBody(ProposalBody, forbid_unknown_fields=True):
    """Rules to be put in force. ``backtest``: the digest of the report of a trial, "" for none."""

    backtest: Digest = ""


def policy_body(found: PolicyText) -> PolicyBody:
    """Rules as they go out."""
    fact = found.fact
    chosen = fact if isinstance(fact, e.PolicyActivated) else None
    return PolicyBody(
        digest=fact.digest,
        schema_digest=found.schema_digest,
        rule_count=fact.rule_count,
        in_force=found.in_force,
        broken=found.broken,
        position=found.position,
        at=stamp(found.recorded.time),
        author=text_in(fact, "author"),
        approver=chosen.approver if chosen else "",
        previous=chosen.previous if chosen else "",
        backtest=chosen.backtest if chosen else "",
        note=fact.note,
        rules=found.rules,
        schema=found.schema,
    )


def shadow_body(found: PolicyText) -> ShadowBody:
    """Rules in shadow as they go out."""
    fact = found.fact
    return ShadowBody(
        digest=fact.digest,
        schema_digest=found.schema_digest,
        rule_count=fact.rule_count,
        position=found.position,
        at=stamp(found.recorded.time),
        started_by=text_in(fact, "started_by"),
        note=fact.note,
        rules=found.rules,
    )


def step_body(step: PolicyStep) -> PolicyStepBody:
    """A fact as it goes out."""
    recorded, fact = step.recorded, step.recorded.data
    caller = recorded.event.caller
    return PolicyStepBody(
        position=step.position,
        version=recorded.version,
        at=stamp(recorded.time),
        type=type(fact).__name__,
        actor=caller.actor.name,
        on_behalf_of=caller.acted_for,
        digest=text_in(fact, "digest"),
        schema_digest=text_in(fact, "schema_digest"),
        rule_count=getattr(fact, "rule_count", 0),
        author=text_in(fact, "author"),
        approver=text_in(fact, "approver"),
        previous=text_in(fact, "previous"),
        backtest=text_in(fact, "backtest"),
        note=text_in(fact, "note"),
        code=text_in(fact, "code"),
        explanation=text_in(fact, "explanation"),
    )


def text_in(fact: e.Event, name: str) -> str:
    """A field, "" where the fact has none of the name."""
    return str(getattr(fact, name, ""))


def answer_body(decision: e.Decision) -> PolicyAnswerBody:
    """An answer as it goes out."""
    return PolicyAnswerBody(
        effect=decision.effect,
        hold_seconds=decision.hold_seconds,
        approvals=decision.approvals,
        rules=decision.rules,
        explanation=decision.explanation,
        errors=decision.errors,
        digest=decision.digest,
        schema_digest=decision.schema_digest,
        engine=decision.engine,
        requests=tuple(map(request_body, decision.requests)),
    )


def request_body(request: e.PolicyRequest) -> PolicyRequestBody:
    """A request as it goes out."""
    return PolicyRequestBody(
        entity_body(request.principal),
        request.action,
        entity_body(request.resource),
        request.context,
    )


def entity_body(entity: e.PolicyEntity) -> PolicyEntityBody:
    """Somebody or something as it goes out."""
    return PolicyEntityBody(entity.type, entity.id, entity.attributes, entity.roles)
