"""Recorded decisions asked again: equal, different, of rules that are not here."""

from typing import Final

import pytest
from msgspec.structs import replace

from adapters.policy import CedarPolicy, default_policy, schema_text
from application.ports import Stored, Undecodable
from application.rechecking import Again, Recheck, Rechecked
from domain import events as e
from domain.identity import Caller, Principal, Role
from domain.policy import Action, JobKnown, Question
from domain.policy_table import TablePolicy
from domain.states import Effect, JobType
from tests.domain.builders import at

PLACE: Final = e.job_aggregate(7)
POLICY: Final = default_policy()
TABLE: Final = TablePolicy()
HERE: Final[dict[tuple[str, str], Again]] = {
    (x.digest, x.schema_digest): x for x in (POLICY, TABLE)
}
OWEN: Final = Caller(Principal("owen", (Role.USER,)))
QUESTION: Final = Question(OWEN, Action.CANCEL, "owen", JobType.BATCH, JobKnown(id=7))


def stored(decision: e.Decision, position: int = 1) -> Stored:
    fact = e.JobSubmitted("", "r1", decision, "")
    event = e.NewEvent("id", at(0), OWEN, "r1", "r1", fact)
    return Stored(position, PLACE, "JobSubmitted", b"", e.Recorded(PLACE, position, event))


def rechecked(*decisions: e.Decision, limit: int = 20) -> Rechecked:
    recheck = Recheck(HERE, limit)
    for n, decision in enumerate(decisions, 1):
        recheck.take(stored(decision, n))
    return recheck.report("stream", len(decisions))


@pytest.mark.parametrize("policy", [POLICY, TABLE])
def test_what_was_decided_comes_out_again(policy: CedarPolicy | TablePolicy) -> None:
    stranger = replace(QUESTION, owner="sam")
    report = rechecked(policy.decide(QUESTION), policy.decide(stranger))
    assert (report.decisions, report.different, report.unknown) == (2, 0, {})


@pytest.mark.parametrize("policy", [POLICY, TABLE])
@pytest.mark.parametrize("field", ["effect", "rules", "explanation"])
def test_a_decision_that_was_changed_differs(policy: CedarPolicy | TablePolicy, field: str) -> None:
    decision = policy.decide(replace(QUESTION, owner="sam"))
    other = {"effect": Effect.ALLOW, "rules": ("x",), "explanation": "because"}[field]
    report = rechecked(replace(decision, **{field: other}))
    (found,) = report.differences
    assert (found.position, found.aggregate, found.field) == (1, "job/7", field)
    assert (found.recorded != found.now, report.different) == (True, 1)


def test_what_was_asked_cannot_be_changed_either() -> None:
    decision = POLICY.decide(QUESTION)
    (asked,) = decision.requests
    sam = e.PolicyEntity("Job", "7", asked.resource.attributes | {"owner": "sam"})
    assert rechecked(replace(decision, requests=(replace(asked, resource=sam),))).different == 1
    assert rechecked(replace(decision, requests=())).different == 1
    bad = replace(asked, action="fly")
    (found,) = rechecked(replace(decision, requests=(bad,))).differences
    assert found.field == "facts"
    old = TABLE.decide(QUESTION)
    (found,) = rechecked(replace(old, facts=old.facts | {"action": "fly"})).differences
    assert found.field == "facts"


def test_more_differences_than_are_told_are_counted() -> None:
    wrong = replace(POLICY.decide(QUESTION), rules=("x",))
    report = rechecked(wrong, wrong, wrong, limit=2)
    assert (report.different, [x.position for x in report.differences]) == (3, [1, 2])


def test_rules_or_a_schema_that_are_not_here_are_counted() -> None:
    decision = POLICY.decide(QUESTION)
    other = CedarPolicy('@id("x") permit (principal, action, resource);', schema_text())
    report = rechecked(other.decide(QUESTION), replace(decision, schema_digest="0" * 64), decision)
    assert report.unknown == {other.digest: 1, POLICY.digest: 1}
    assert (report.decisions, report.different) == (1, 0)


def test_what_no_policy_decided_or_could_be_told_is_not_asked_again() -> None:
    by_a_filter = e.Decision(Effect.ALLOW, "", ("submission-filter",), {"filter": "/x"})
    large = POLICY.decide(replace(QUESTION, job=JobKnown(project="p" * 20_000)))
    report = rechecked(by_a_filter, large)
    assert (report.decisions, report.different, report.untold) == (0, 0, 1)
    recheck = Recheck(HERE)
    recheck.take(Stored(1, PLACE, "X", b"", Undecodable(PLACE, 1, "X", "torn")))
    assert recheck.report("stream", 1).unreadable == 1
