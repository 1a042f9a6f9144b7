"""The rules that are shipped: the table's answers, word for word, and the same again for ever."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec
import pytest
from hypothesis import assume, given, settings

from adapters.policy import default_policy, default_text, flaws, parsed_schema, schema_text
from adapters.policy.reading import POLICY_BYTES_MAX
from domain.events import Decision
from domain.identity import Caller, Origin, Principal, PrincipalKind, Role
from domain.policy import Action, Question
from domain.policy_requests import WEEKDAYS
from domain.policy_table import RULES, TablePolicy
from domain.states import CancelMode, Effect, JobPriority, JobState, JobType
from tests.adapters.policy.questions import QUESTIONS
from tests.domain.test_policy_table import LATER

TABLE: Final = TablePolicy()
POLICY: Final = default_policy()


@settings(max_examples=1500, deadline=None)
@given(QUESTIONS)
def test_any_question_has_the_answer_of_the_table(question: Question) -> None:
    assume(question.action not in LATER)
    expected, found = TABLE.decide(question), POLICY.decide(question)
    assert found.errors == ()
    assert (found.effect, found.rules, found.explanation) == (
        expected.effect,
        expected.rules,
        expected.explanation,
    )
    assert found.facts == expected.facts


@settings(max_examples=300, deadline=None)
@given(QUESTIONS)
def test_a_decision_is_a_function_of_what_is_recorded(question: Question) -> None:
    decision = POLICY.decide(question)
    stored = msgspec.json.decode(msgspec.json.encode(decision), type=Decision)
    assert stored == decision
    assert default_policy().again(stored) == decision


def test_the_rules_have_no_flaw_and_the_ids_of_the_table() -> None:
    text = default_text()
    assert flaws(text, parsed_schema(schema_text())) == []
    assert len(text.encode()) < POLICY_BYTES_MAX / 8
    assert all(f'@id("{rule.id}")' in text for rule in RULES)


def test_who_acts_for_somebody_is_asked_about_first() -> None:
    steward = Principal("steward", (Role.JOB_ADMINISTRATOR,))
    caller = Caller(steward, on_behalf_of=Principal("owen", (Role.USER,)))
    decision = POLICY.decide(Question(caller, Action.CANCEL, "owen", JobType.BATCH))
    first, second = decision.requests
    assert decision.effect is Effect.ALLOW
    assert (first.action, first.principal.id, first.resource.type) == (
        "act_for_others",
        "steward",
        "Person",
    )
    assert (second.action, second.principal.id, second.context["actor"]) == (
        "cancel",
        "owen",
        "steward",
    )
    assert decision.rules == ("job-administrator-controls", "owner-controls")


@pytest.mark.parametrize("action", Action)
def test_what_is_not_known_is_not_there(action: Action) -> None:
    decision = POLICY.decide(Question(Caller(Principal("ada", (Role.ADMINISTRATOR,))), action))
    (request,) = decision.requests
    assert request.resource.attributes == {}
    assert request.context == {"origin": "system", "actor": "ada"}
    assert decision.effect is Effect.ALLOW


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("Role", Role),
        ("Kind", PrincipalKind),
        ("Origin", Origin),
        ("JobType", JobType),
        ("Priority", JobPriority),
        ("Mode", CancelMode),
        ("State", JobState),
        ("Weekday", WEEKDAYS),
    ],
)
def test_the_schema_has_the_words_of_the_domain(listed: str, words: Iterable[str]) -> None:
    (found,) = re.findall(rf"^entity {listed} enum \[(.+?)\];", schema_text(), re.M | re.S)
    assert set(re.findall(r'"(.+?)"', found)) == {str(word) for word in words}


def test_the_schema_has_every_action() -> None:
    declared = re.findall(r"^action(.+?)appliesTo", schema_text(), re.M | re.S)
    assert set(re.findall(r'"(.+?)"', "".join(declared))) == set(Action)


def test_who_answered_stands_in_every_decision() -> None:
    decision = POLICY.decide(Question(Caller(Principal("sam")), Action.CANCEL, "owen"))
    assert (len(decision.digest), len(decision.schema_digest)) == (64, 64)
    assert decision.engine.startswith("cedarpy 4.")
    assert ", cedar-policy 4." in decision.engine
