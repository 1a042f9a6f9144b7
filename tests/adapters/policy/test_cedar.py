"""Other rules than those shipped: what they say in a refusal, and that errors never allow."""

from typing import Final

import msgspec
import pytest
from msgspec.structs import replace

from adapters.policy import CedarPolicy, schema_text
from domain.errors import Misconfigured
from domain.identity import Caller, Principal
from domain.labels import check_labels, words_of
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.policy_requests import requests_of
from domain.states import CancelMode, Effect, JobType

SAM: Final = Caller(Principal("sam"))
ALLOW: Final = '@id("all") @who("everybody") permit (principal, action, resource);'
CANCEL: Final = Question(SAM, Action.CANCEL, "sam", JobType.BATCH, JobKnown(id=7, project="x"))


def policy(text: str) -> CedarPolicy:
    return CedarPolicy(text, schema_text())


def test_a_rule_that_forbids_says_its_own_sentence() -> None:
    rules = policy(
        ALLOW + '@id("why") @deny_message("{principal} may not {action} of {resource}: say why") '
        'forbid (principal, action == Action::"cancel", resource) when { context has mode && '
        'context.mode == Mode::"forced" && context has message_units && '
        "context.message_units == 0 };"
    )
    silent = RequestKnown(CancelMode.FORCED, 0, "")
    question = Question(SAM, Action.CANCEL, "sam", JobType.BATCH, JobKnown(id=7), silent)
    decision = rules.decide(question)
    assert (decision.effect, decision.rules) == (Effect.DENY, ("why",))
    assert decision.explanation == "sam may not cancel this job of job 7: say why"
    assert rules.decide(CANCEL).rules == ("all",)


def test_rules_may_go_by_freeze_windows_and_by_the_size_of_a_bulk() -> None:
    rules = policy(
        ALLOW + '@id("frozen") forbid (principal, action == Action::"cancel", resource) when { '
        'context has freeze_windows && context.freeze_windows.contains("year-end") };'
        '@id("many") forbid (principal, action == Action::"cancel", resource) when { '
        "context has bulk_size && context.bulk_size > 100 };"
    )

    def asked(bulk_size: int | None, windows: tuple[str, ...] | None) -> tuple[str, ...]:
        said = RequestKnown(bulk_size=bulk_size, freeze_windows=windows)
        decision = rules.decide(replace(CANCEL, said=said))
        assert rules.again(decision) == decision
        return decision.rules

    assert asked(None, None) == ("all",)
    assert asked(100, ("nights",)) == ("all",)
    assert asked(101, ()) == ("many",)
    assert asked(101, ("nights", "year-end")) == ("frozen", "many")


def test_rules_may_go_by_labels() -> None:
    rules = policy(
        ALLOW + '@id("prod") forbid (principal, action, resource is Job) when { '
        'resource has labels && resource.labels.contains("env=prod") };'
        '@id("spot") forbid (principal, action, resource is Job) when { '
        'resource has labels && resource.labels.contains("spot") };'
    )

    def asked(labels: dict[str, str]) -> tuple[str, ...]:
        decision = rules.decide(replace(CANCEL, job=JobKnown(id=7, labels=words_of(labels))))
        assert rules.again(decision) == decision
        return decision.rules

    assert asked({}) == asked({"env": "production", "x": "spot"}) == ("all",)
    assert asked({"env": "prod", "spot": "no"}) == ("prod", "spot")


def test_as_many_labels_as_a_job_can_have_can_be_told() -> None:
    labels = {f"{n:02}" + "l" * 61: "" for n in range(32)}
    check_labels(labels)
    quotes = {f"{n:02}": '"' * 62 for n in range(32)}
    check_labels(quotes)
    windows = tuple(f"{n:02}" + "w" * 62 for n in range(64))
    for given in (labels, quotes):
        job = JobKnown(7, "\u20ac" * 80, project="\u20ac" * 128, labels=words_of(given))
        said = RequestKnown(CancelMode.FORCED, 320, "r" * 32, freeze_windows=windows)
        decision = policy(ALLOW).decide(replace(CANCEL, job=job, said=said))
        assert decision.effect is Effect.ALLOW


def test_all_rules_that_forbid_are_named_sorted_and_one_without_a_sentence_gets_one() -> None:
    forbid = "forbid (principal, action, resource);"
    decision = policy(f'{ALLOW} @id("z") {forbid} @id("a") {forbid}').decide(CANCEL)
    assert decision.rules == ("a", "z")
    assert decision.explanation == "sam may not cancel this job: forbidden by a, z"


def test_what_no_rule_permits_names_those_who_may() -> None:
    rules = policy('@id("x") permit (principal in Role::"auditor", action, resource);')
    decision = rules.decide(CANCEL)
    assert decision.rules == ("no-rule-allows",)
    assert decision.explanation == "sam may not cancel this job: allowed are x"
    never = policy('@id("x") forbid (principal, action, resource is Job) when { false };')
    assert never.decide(CANCEL).explanation.endswith("allowed are nobody")


def test_an_allow_with_an_error_is_a_refusal_of_its_own_kind() -> None:
    rules = policy(
        ALLOW + '@id("broken") forbid (principal, action, resource is Job) when { '
        "resource has node_count && resource.node_count * 9000000000000000000 > 1 };"
    )
    question = Question(SAM, Action.CANCEL, "sam", JobType.BATCH, JobKnown(node_count=4))
    decision = rules.decide(question)
    assert (decision.effect, decision.rules) == (Effect.DENY, ("policy-error",))
    assert "overflow" in decision.errors[0]
    assert "policy `broken`" in decision.errors[0]
    assert "policy `broken`" in decision.explanation
    assert "could not be decided" in decision.explanation
    assert decision.requests
    assert rules.again(decision) == decision


def test_an_error_recorded_with_the_engine_s_number_of_the_rule_is_made_again() -> None:
    rules = policy(
        ALLOW + '@id("broken") forbid (principal, action, resource is Job) when { '
        "resource has node_count && resource.node_count * 9000000000000000000 > 1 };"
    )
    now = rules.decide(Question(SAM, Action.CANCEL, "sam", JobType.BATCH, JobKnown(node_count=4)))
    earlier = replace(
        now,
        errors=tuple(x.replace("`broken`", "`policy1`") for x in now.errors),
        explanation=now.explanation.replace("`broken`", "`policy1`"),
    )
    for again in (rules.again, rules.recalled):
        assert again(earlier) == earlier != now
        assert again(now) == now
        other = replace(now, errors=("something else",))
        assert again(other) == now


@pytest.mark.parametrize("name", ["\ud800", "a\udfff"])
def test_a_name_that_cannot_be_written_is_a_refusal(name: str) -> None:
    decision = policy(ALLOW).decide(Question(SAM, Action.CANCEL, "sam", job=JobKnown(name=name)))
    assert (decision.effect, decision.rules) == (Effect.DENY, ("policy-error",))
    assert decision.errors


def test_a_number_beyond_the_engine_s_is_a_refusal() -> None:
    job = JobKnown(running_seconds=2**63)
    decision = policy(ALLOW).decide(Question(SAM, Action.CANCEL, "sam", job=job))
    assert (decision.effect, decision.rules) == (Effect.DENY, ("policy-error",))


def test_too_much_to_tell_is_refused_and_not_shortened() -> None:
    rules = policy(ALLOW)
    fits = Question(SAM, Action.CANCEL, "sam", job=JobKnown(project="p" * 15_000))
    assert rules.decide(fits).effect is Effect.ALLOW
    decision = rules.decide(Question(SAM, Action.CANCEL, "sam", job=JobKnown(project="p" * 16_384)))
    assert (decision.effect, decision.rules) == (Effect.DENY, ("policy-facts-too-large",))
    assert decision.requests == ()
    assert "at most 16384 are allowed" in decision.explanation


@pytest.mark.parametrize(("over", "effect"), [(0, Effect.ALLOW), (1, Effect.DENY)])
def test_the_limit_of_what_is_told_holds_to_the_byte(over: int, effect: Effect) -> None:
    short = Question(SAM, Action.CANCEL, "sam", job=JobKnown(project="p"))
    size = len(msgspec.json.encode(requests_of(short)))
    project = "p" * (1 + 16 * 1024 - size + over)
    decision = policy(ALLOW).decide(replace(short, job=JobKnown(project=project)))
    assert decision.effect is effect
    assert (f"be told {16 * 1024 + 1} bytes" in decision.explanation) is bool(over)


def test_a_decision_that_asked_nothing_is_no_allow() -> None:
    rules = policy(ALLOW)
    allowed = rules.decide(CANCEL)
    assert allowed.effect is Effect.ALLOW
    assert rules.again(replace(allowed, requests=())).effect is Effect.DENY


def test_a_schema_that_cannot_be_read_is_named() -> None:
    with pytest.raises(Misconfigured, match="schema"):
        CedarPolicy(ALLOW, "entity ;")
