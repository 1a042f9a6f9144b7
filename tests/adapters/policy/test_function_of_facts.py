"""A decision is a function of the facts recorded with it, and of nothing else."""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.policy import CedarPolicy, default_text, schema_text
from domain.events import Decision, PolicyEntity, PolicyRequest
from domain.policy import Question
from tests.adapters.policy.questions import QUESTIONS

ERRING: Final = (
    '@id("sum") permit (principal, action, resource) when { context has hour && '
    "9223372036854775807 + context.hour > 0 };"
)
BUSY: Final = default_text() + (
    '@id("busy") @deny_message("{principal} may not {action} of {resource}") '
    "forbid (principal, action, resource is Job) when { resource has running_seconds && "
    "resource.running_seconds > 100000 };"
    '@id("late") forbid (principal, action, resource) when { context has hour && '
    "context.hour > 20 };"
)
TEXTS: Final = (default_text(), BUSY, default_text() + ERRING)
TEXT: Final = st.sampled_from(TEXTS)
ASKED_BEFORE: Final = {text: CedarPolicy(text, schema_text()) for text in TEXTS}
NEVER_ASKED: Final = {text: CedarPolicy(text, schema_text()) for text in TEXTS}
"""Policies of the same texts: the first decide, and remember; the others only compute again."""

Value = TypeVar("Value")


def answer(decision: Decision) -> tuple[object, ...]:
    """What was decided."""
    return decision.effect, decision.rules, decision.errors, decision.explanation


def shuffled(known: Mapping[str, Value], order: st.DataObject) -> dict[str, Value]:
    """The same in another order."""
    names = order.draw(st.permutations(sorted(known)))
    return {name: known[name] for name in names}


def reordered(request: PolicyRequest, order: st.DataObject) -> PolicyRequest:
    """The same request, with its attributes and roles in another order."""

    def entity(one: PolicyEntity) -> PolicyEntity:
        roles = tuple(order.draw(st.permutations(one.roles)))
        return replace(one, attributes=shuffled(one.attributes, order), roles=roles)

    return replace(
        request,
        principal=entity(request.principal),
        resource=entity(request.resource),
        context=shuffled(request.context, order),
    )


def through_json(decision: Decision) -> Decision:
    """As it comes back from an event."""
    return msgspec.json.decode(msgspec.json.encode(decision), type=Decision)


@settings(max_examples=100, deadline=None)
@given(TEXT, QUESTIONS, st.data())
def test_the_same_facts_have_the_same_answer(
    text: str, question: Question, order: st.DataObject
) -> None:
    recorded = ASKED_BEFORE[text].decide(question)
    for policy in (NEVER_ASKED[text], ASKED_BEFORE[text]):
        assert policy.again(recorded) == recorded
        assert policy.again(through_json(recorded)) == recorded
    assert ASKED_BEFORE[text].recalled(recorded) == recorded
    other_order = replace(recorded, requests=tuple(reordered(x, order) for x in recorded.requests))
    assert answer(ASKED_BEFORE[text].again(other_order)) == answer(recorded)


@settings(max_examples=100, deadline=None)
@given(TEXT, QUESTIONS)
def test_nothing_else_of_a_decision_is_asked(text: str, question: Question) -> None:
    recorded = ASKED_BEFORE[text].decide(question)
    bare = Decision(recorded.effect, "", (), {}, requests=recorded.requests)
    assert answer(ASKED_BEFORE[text].again(bare)) == answer(recorded)
    assert list(recorded.rules) == sorted(recorded.rules)
