"""Rules tried on recorded requests: what would be otherwise, and what nobody can tell."""

import hashlib
import json
from dataclasses import dataclass
from typing import Final

import msgspec
import pytest
from msgspec.structs import replace

from adapters.policy import CedarPolicy, FromMemory, OnHistory, default_policy, schema_text
from adapters.policy.reading import sha256
from application.backtesting import (
    GROUPS_MAX,
    OTHERS,
    Backtest,
    Backtested,
    Groups,
    Kind,
    Wanted,
)
from application.ports import Stored, Undecodable
from application.rechecking import Again, Recheck
from domain import events as e
from domain.identity import Caller, Origin, Principal, Role
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.policy_table import TablePolicy
from domain.states import CancelMode, Effect, JobType
from tests.domain.builders import at

POLICY: Final = default_policy()
TABLE: Final = TablePolicy()
HERE: Final[tuple[Again, ...]] = (FromMemory(POLICY), TABLE)
OWEN: Final = Caller(Principal("owen", (Role.USER,)), origin=Origin.CLI)
SAM: Final = Caller(Principal("sam", (Role.USER,)), origin=Origin.CLI)
OLIVE: Final = Caller(Principal("olive", (Role.JOB_OPERATOR,)), origin=Origin.CLI)
ROOT: Final = Caller(Principal("root", (Role.ADMINISTRATOR,)), origin=Origin.CLI)
FORCED: Final = RequestKnown(CancelMode.FORCED, 0, "", at(0))
OLD_SCHEMA: Final = schema_text().replace("  project?: String,\n", "")
"""A schema from before jobs had projects."""

ANYBODY: Final = '@id("anybody") permit (principal, action == Action::"cancel", resource);'
NO_FORCE: Final = (
    '@id("no-force") @deny_message("{principal} may not {action} by force") forbid (principal, '
    'action == Action::"cancel", resource) '
    'when { context has mode && context.mode == Mode::"forced" };'
)
P17: Final = (
    'forbid (principal, action == Action::"cancel", resource is Job) '
    'when { resource has project && resource.project == "p-17" };'
)


@dataclass(frozen=True)
class Asked:
    """A decision with who asked, about which job."""

    caller: Caller
    decision: e.Decision
    job: int = 7


def cancel(
    caller: Caller,
    owner: str = "owen",
    job: int = 7,
    said: RequestKnown = FORCED,
    policy: CedarPolicy | TablePolicy = POLICY,
) -> Asked:
    known = JobKnown(id=job, project="p-17")
    question = Question(caller, Action.CANCEL, owner, JobType.BATCH, known, said)
    return Asked(caller, policy.decide(question), job)


def stored(asked: Asked, position: int) -> Stored:
    place = e.job_aggregate(asked.job)
    fact = e.JobSubmitted("", "r1", asked.decision, "")
    event = e.NewEvent("id", at(position), asked.caller, "r1", "r1", fact)
    return Stored(position, place, "JobSubmitted", b"", e.Recorded(place, position, event))


def candidate(rules: str) -> OnHistory:
    schemas = {sha256(x): x for x in (schema_text(), OLD_SCHEMA)}
    return OnHistory(CedarPolicy(rules, schema_text()), schemas)


def backtested(rules: str, *asked: Asked, wanted: Wanted = Wanted()) -> Backtested:  # noqa: B008
    old = CedarPolicy(POLICY.text, OLD_SCHEMA)
    recheck = Recheck(HERE if all_known(asked) else (old,))
    backtest = Backtest(candidate(rules), recheck, wanted)
    for n, one in enumerate(asked, 1):
        backtest.take(stored(one, n))
    return backtest.report("stream", len(asked))


def all_known(asked: tuple[Asked, ...]) -> bool:
    return all(x.decision.schema_digest in ("", POLICY.schema_digest) for x in asked)


def with_old_schema(asked: Asked) -> Asked:
    """The same request, from before jobs had projects."""
    (request,) = asked.decision.requests
    known = {k: v for k, v in request.resource.attributes.items() if k != "project"}
    told = replace(request, resource=replace(request.resource, attributes=known))
    decision = replace(asked.decision, requests=(told,), schema_digest=sha256(OLD_SCHEMA))
    return Asked(asked.caller, decision)


def test_the_same_rules_answer_the_same() -> None:
    report = backtested(POLICY.text, cancel(OWEN), cancel(SAM), cancel(ROOT))
    assert (report.basis.decisions, report.basis.same, report.basis.other_rules) == (3, 3, 0)
    assert (report.changes, report.by_rule, report.by_owner, report.by_job) == ((), {}, {}, {})
    assert (report.rechecked.decisions, report.rechecked.different) == (3, 0)


def test_what_would_be_allowed_comes_first() -> None:
    rules = POLICY.text + NO_FORCE.replace("when {", 'when { principal in Role::"job-operator" && ')
    report = backtested(rules + ANYBODY, cancel(OLIVE), cancel(OWEN), cancel(SAM, job=9))
    allowed, refused = report.changes
    assert (allowed.kind, allowed.position, allowed.actor) == (Kind.DENY_TO_ALLOW, 3, "sam")
    assert (allowed.was, allowed.becomes) == (("no-rule-allows",), ("anybody",))
    assert (refused.kind, refused.position, refused.actor) == (Kind.ALLOW_TO_DENY, 1, "olive")
    assert (refused.was, refused.becomes) == (("job-operator-controls",), ("no-force",))
    assert refused.what == "olive may not cancel this job by force"
    assert (report.basis.same, report.basis.other_rules) == (1, 1)
    assert list(report.by_rule) == ["anybody", "no-force"]
    assert report.by_owner["owen"].total == 2
    assert report.by_job["7"].allow_to_deny == 1


def test_what_no_rule_allows_any_more_says_who_may() -> None:
    report = backtested(ANYBODY.replace("principal,", 'principal == User::"sam",'), cancel(OWEN))
    (found,) = report.changes
    assert found.becomes == ("no-rule-allows",)
    assert found.what == "owen may not cancel this job: allowed are anybody"


def test_an_error_is_one_of_its_own() -> None:
    overflow = '@id("sum") permit (principal, action, resource) when { 9223372036854775807 + '
    overflow += "(if context has hour then context.hour else 1) > 0 };"
    late = replace(FORCED, at=at(3600))
    report = backtested(overflow, cancel(OWEN, said=replace(late, at=None)))
    (found,) = report.changes
    assert (found.kind, found.becomes) == (Kind.ERROR, ("policy-error",))
    assert "overflow" in found.what
    assert report.basis.error == 1


@pytest.mark.parametrize(
    ("rules", "attribute"),
    [
        (ANYBODY + '@id("x") ' + P17, "resource.project"),
        (POLICY.text + '@id("x") ' + P17, "resource.project"),
    ],
)
def test_what_was_not_told_then_is_not_guessed(rules: str, attribute: str) -> None:
    report = backtested(rules, with_old_schema(cancel(OWEN)))
    (found,) = report.changes
    assert (found.kind, found.becomes) == (Kind.NOT_EVALUABLE, ("x",))
    assert found.what == f"not told then: {attribute}"
    assert report.by_rule["x"].not_evaluable == 1


def test_what_other_rules_settle_is_told_all_the_same() -> None:
    asked = with_old_schema(cancel(OWEN))
    rules = ANYBODY + NO_FORCE + '@id("x") ' + P17
    (found,) = backtested(rules, asked).changes
    assert (found.kind, found.becomes) == (Kind.ALLOW_TO_DENY, ("no-force",))
    permit = P17.replace("forbid", "permit")
    report = backtested(ANYBODY + '@id("x") ' + permit, asked)
    assert (report.changes, report.basis.same, report.basis.other_rules) == ((), 1, 1)
    nothing = backtested('@id("x") ' + permit, asked)
    assert nothing.changes[0].kind is Kind.NOT_EVALUABLE
    refused = backtested(POLICY.text + '@id("x") ' + P17, with_old_schema(cancel(SAM)))
    assert (refused.changes, refused.basis.same) == ((), 1)


def test_a_rule_about_other_requests_leaves_nothing_open() -> None:
    asked = with_old_schema(cancel(OWEN))
    for scope in ('principal == User::"sam"', 'principal in Role::"auditor"'):
        rules = POLICY.text + '@id("x") ' + P17.replace("principal", scope, 1)
        assert backtested(rules, asked).changes == ()
    finish = POLICY.text + '@id("x") ' + P17.replace('"cancel"', '"finish"')
    assert backtested(finish, asked).changes == ()


def test_a_schema_that_is_not_here_is_said() -> None:
    one = cancel(OWEN)
    other = Asked(OWEN, replace(one.decision, schema_digest="0" * 64))
    (found,) = backtested(POLICY.text, other).changes
    assert found.kind is Kind.NOT_EVALUABLE
    assert "0" * 64 in found.what


def test_decisions_of_the_table_are_told_as_requests() -> None:
    report = backtested(
        ANYBODY, *(cancel(x, policy=TABLE) for x in (OWEN, SAM)), wanted=Wanted(limit=9)
    )
    (found,) = report.changes
    assert (found.kind, found.actor) == (Kind.DENY_TO_ALLOW, "sam")
    (missing,) = backtested(POLICY.text + '@id("x") ' + P17, cancel(OWEN, policy=TABLE)).changes
    assert missing.what == "not told then: resource.project"
    (missing,) = backtested(POLICY.text + NO_FORCE, cancel(OWEN, policy=TABLE)).changes
    assert missing.what == "not told then: context.mode"


def test_decisions_of_the_table_with_another_caller_are_not_evaluable() -> None:
    asked = Asked(SAM, cancel(OWEN, policy=TABLE).decision)
    (found,) = backtested(POLICY.text, asked).changes
    assert found.kind is Kind.NOT_EVALUABLE
    assert "caller" in found.what
    torn = replace(asked.decision, facts={})
    (found,) = backtested(POLICY.text, Asked(OWEN, torn)).changes
    assert "the facts have no person" in found.what


@pytest.mark.parametrize("policy", [POLICY, TABLE])
def test_what_was_never_asked_is_not_evaluable(policy: CedarPolicy | TablePolicy) -> None:
    acting = Caller(SAM.actor, on_behalf_of=OWEN.actor, origin=Origin.CLI)
    anything = '@id("all") permit (principal, action, resource);'
    report = backtested(anything, cancel(acting, policy=policy))
    (found,) = report.changes
    if policy is TABLE:
        assert (found.kind, found.person) == (Kind.DENY_TO_ALLOW, "owen")
    else:
        assert found.kind is Kind.NOT_EVALUABLE
        assert found.what == "not told then: whether cancel would be allowed, which was never asked"


def test_too_much_to_tell_is_not_evaluable() -> None:
    question = Question(OWEN, Action.CANCEL, "owen", job=JobKnown(project="p" * 20_000))
    (found,) = backtested(POLICY.text, Asked(OWEN, POLICY.decide(question))).changes
    assert found.what == "not told then: more than a policy may be told, which was not kept"


def test_only_what_is_wanted_is_looked_at() -> None:
    asked = (cancel(OWEN), cancel(SAM), cancel(SAM, owner="sam"), cancel(ROOT))

    def tried(**wanted: object) -> tuple[int, int, int]:
        chosen = msgspec.convert(wanted, Wanted)
        basis = backtested(POLICY.text, *asked, wanted=chosen).basis
        return basis.decisions, basis.first, basis.last

    assert tried() == (4, 1, 4)
    assert tried(actor="sam") == (2, 2, 3)
    assert tried(owner="sam") == (1, 3, 3)
    assert tried(since=at(2), until=at(3)) == (2, 2, 3)
    assert tried(actor="nobody") == (0, 0, 0)


def test_the_id_is_of_what_was_found_however_much_is_told() -> None:
    asked = [cancel(SAM, job=n) for n in range(1, 6)]
    few, many = (
        backtested(POLICY.text + ANYBODY, *asked, wanted=Wanted(limit=n)) for n in (1, 100)
    )
    assert (len(few.changes), len(many.changes), few.id) == (1, 5, many.id)
    assert few.basis.deny_to_allow == 5
    canonical = json.dumps(
        msgspec.to_builtins(few.basis), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert few.id == hashlib.sha256(canonical.encode()).hexdigest()
    others = {
        backtested(POLICY.text + ANYBODY + "// more", *asked).id,
        backtested(POLICY.text + ANYBODY, *asked[:4]).id,
        backtested(POLICY.text + ANYBODY, *asked[:4], cancel(SAM, job=6)).id,
        backtested(POLICY.text + ANYBODY, *asked, wanted=Wanted(actor="sam")).id,
    }
    assert len(others | {few.id}) == 5


def test_a_history_that_is_not_as_recorded_is_seen() -> None:
    one = cancel(OWEN)
    forged = Asked(OWEN, replace(one.decision, effect=Effect.DENY, explanation="no"))
    assert backtested(POLICY.text, forged).rechecked.different == 1
    unknown = Asked(OWEN, replace(one.decision, digest="0" * 64))
    assert backtested(POLICY.text, unknown).rechecked.unknown == {"0" * 64: 1}


def test_what_no_policy_decided_is_left_out_and_what_is_torn_counted() -> None:
    by_a_filter = Asked(OWEN, e.Decision(Effect.ALLOW, "", ("submission-filter",), {"filter": "x"}))
    assert backtested(POLICY.text, by_a_filter).basis.decisions == 0
    backtest = Backtest(candidate(POLICY.text), Recheck(HERE), Wanted())
    place = e.job_aggregate(7)
    backtest.take(Stored(1, place, "X", b"", Undecodable(place, 1, "X", "torn")))
    assert backtest.report("stream", 1).rechecked.unreadable == 1


def test_groups_are_bounded() -> None:
    groups = Groups()
    for number in range(GROUPS_MAX + 10):
        groups.add(str(number), Kind.ALLOW_TO_DENY)
    groups.add("0", Kind.DENY_TO_ALLOW)
    found = groups.ordered()
    assert (len(found), found[OTHERS].allow_to_deny) == (GROUPS_MAX + 1, 10)
    assert next(iter(found)) == "0"
