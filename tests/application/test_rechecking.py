"""Recorded decisions asked again: equal, different, of rules that are not here."""

from typing import Final

import pytest
from msgspec.structs import replace

from adapters.policy import CedarPolicy, default_policy, default_text, schema_text
from application.policy_in_force import usable
from application.ports import Stored, Undecodable
from application.rechecking import Again, Recheck, Rechecked
from domain import events as e
from domain.identity import Caller, Principal, Role
from domain.policy import Action, JobKnown, Question
from domain.policy_life import digest_of
from domain.policy_table import TablePolicy
from domain.states import Effect, JobType
from tests.domain.builders import at

PLACE: Final = e.job_aggregate(7)
POLICY: Final = default_policy()
TABLE: Final = TablePolicy()
HERE: Final[tuple[Again, ...]] = (POLICY, TABLE)
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


def told(position: int, fact: e.PolicyEvent) -> Stored:
    """A fact about the policy, as it lies in the log."""
    place = e.Aggregate(e.POLICY, "hpc1")
    event = e.NewEvent("id", at(0), OWEN, "r1", "r1", fact)
    return Stored(position, place, "X", b"", e.Recorded(place, position, event))


def activated(text: str) -> e.PolicyActivated:
    """Rules in force."""
    return e.PolicyActivated("", digest_of(text), text, "s", 1, "", "", "", 0, "", "", None)


def test_rules_are_those_that_the_stream_says_were_in_force() -> None:
    other = CedarPolicy(default_text() + "// others\n", schema_text())
    recheck = Recheck([POLICY], 20, CedarPolicy)
    facts = [
        told(1, e.PolicySchemaRecorded(digest_of(schema_text()), schema_text())),
        told(2, activated(default_text())),
        stored(POLICY.decide(QUESTION), 3),
        told(4, activated(other.text)),
        stored(other.decide(QUESTION), 5),
    ]
    for fact in facts:
        recheck.take(fact)
    report = recheck.report("stream", 5)
    assert (report.decisions, report.different, report.unknown) == (2, 0, {})


def test_a_refusal_of_rules_that_could_not_be_used_comes_out_again() -> None:
    broken = usable(CedarPolicy, "permit (", schema_text(), POLICY)
    recheck = Recheck([], 20, lambda text, schema: usable(CedarPolicy, text, schema, POLICY))
    recheck.take(told(1, e.PolicySchemaRecorded(digest_of(schema_text()), schema_text())))
    recheck.take(told(2, activated("permit (")))
    decision = broken.decide(QUESTION)
    assert (decision.effect, decision.rules) == (Effect.DENY, ("policy-error",))
    recheck.take(stored(decision, 3))
    report = recheck.report("stream", 3)
    assert (report.decisions, report.different) == (1, 0)
