"""What answers can depend on, and that remembered answers are those that would be given anew."""

from typing import Final

import pytest
from cedarpy import PolicySet
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.policy import CedarPolicy, default_text, schema_text
from adapters.policy.reads import Reads, reads_of
from domain.policy import DENIED, Question
from domain.states import Effect
from tests.adapters.policy.questions import QUESTIONS

ALL: Final = '@id("all") permit (principal, action, resource);'
SETS: Final = (
    default_text(),
    ALL + '@id("held") forbid (principal, action, resource == Job::"7");',
    ALL + '@id("late") forbid (principal, action, resource) when '
    "{ context has hour && context.hour > 12 };",
    ALL + '@id("long") forbid (principal, action, resource is Job) when '
    '{ resource has running_seconds && resource.running_seconds > 9 || resource in Job::"3" };',
    ALL + '@id("weekend") forbid (principal, action, resource) when { context has weekday && '
    '[Weekday::"Saturday", Weekday::"Sunday"].contains(context.weekday) };',
)


def reads(rules: str) -> Reads:
    return reads_of(PolicySet.from_str(rules).to_pst())


def when(condition: str) -> Reads:
    return reads(f'@id("x") permit (principal, action, resource) when {{ {condition} }};')


def test_the_shipped_rules_read_little() -> None:
    resource, context = frozenset({"owner", "job_type"}), frozenset({"requester"})
    assert reads(default_text()) == Reads(resource, context, which_job=False, all_context=False)


def test_what_one_variable_is_asked_for_is_not_read_of_another() -> None:
    found = when("resource.owner == principal.name && context.hour == 3 && resource has project")
    assert found.resource == {"owner", "project"}
    assert found.context == {"hour"}


def test_what_cannot_be_told_apart_counts_for_both() -> None:
    found = when("(if context.hour == 3 then resource else principal).name == resource.owner")
    assert found.resource == {"name", "owner"}
    assert found.context == {"name", "hour"}


@pytest.mark.parametrize(
    ("condition", "which_job", "all_context"),
    [
        ("resource has owner && resource.owner == principal.name", False, False),
        ("resource is Job && context.hour == 3", False, False),
        ('principal in Role::"user"', False, False),
        ('resource == Job::"7"', True, False),
        ('[Job::"7"].contains(resource)', True, False),
        ('resource in Job::"7"', True, False),
        ("principal == resource", True, False),
        ("[resource] == [principal]", True, False),
        ("principal in resource", True, False),
        ("context == {}", False, True),
        ("{a: context} == {a: {}}", False, True),
        ("if context.hour == 3 then true else resource == principal", True, False),
    ],
)
def test_what_is_taken_whole_counts_whole(
    condition: str, which_job: bool, all_context: bool
) -> None:
    found = when(condition)
    assert (found.which_job, found.all_context) == (which_job, all_context)


def test_a_job_in_the_scope_counts() -> None:
    assert reads('permit (principal, action, resource == Job::"7");').which_job
    assert reads('permit (principal, action, resource is Job in Job::"7");').which_job
    assert not reads("permit (principal, action, resource is Job);").which_job


POLICIES: Final = tuple(CedarPolicy(text, schema_text()) for text in SETS)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(POLICIES), QUESTIONS)
def test_a_remembered_answer_is_the_one_given_anew(policy: CedarPolicy, question: Question) -> None:
    decision = policy.decide(question)
    assert policy.again(decision) == decision


IN_PART: Final = tuple(CedarPolicy(text, schema_text()) for text in SETS)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(range(len(SETS))), QUESTIONS)
def test_an_answer_that_is_told_in_part_is_that_to_the_whole(n: int, question: Question) -> None:
    whole = POLICIES[n].decide(question)
    answers = [IN_PART[n].answer(request) for request in whole.requests]
    allowed = all(answer.effect is Effect.ALLOW for answer in answers)
    assert allowed is (whole.effect is not Effect.DENY)
    said = {rule for answer in answers if allowed or answer is answers[-1] for rule in answer.rules}
    assert tuple(sorted(said)) == tuple(x for x in whole.rules if x != DENIED)
