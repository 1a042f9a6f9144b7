"""What rules demand of a cancel before it takes effect: read, checked, and the most of all."""

from typing import Final

import pytest
from msgspec.structs import replace

from adapters.policy import CedarPolicy, default_policy, flaws, parsed_schema, schema_text
from adapters.policy.demands import Demands
from domain.identity import Caller, Principal, Role
from domain.policy import Action, Question, RequestKnown
from domain.states import CancelMode, Effect, JobType

SCHEMA: Final = parsed_schema(schema_text())
ALICE: Final = Caller(Principal("alice", (Role.USER,)))
OLGA: Final = Caller(Principal("olga", (Role.USER, Role.JOB_OPERATOR)))


def rule(annotations: str, who: str = "user", actions: str = 'action == Action::"cancel"') -> str:
    head = f'@id("{who}-{len(annotations)}") {annotations}'
    return f'{head} permit (\n  principal in Role::"{who}", {actions}, resource);\n'


def asked(text: str, caller: Caller = ALICE, action: Action = Action.CANCEL) -> Question:
    return Question(caller, action, "alice", JobType.BATCH, said=RequestKnown(CancelMode.FORCED))


@pytest.mark.parametrize(
    ("annotations", "demands"),
    [
        ('@hold("1s")', Demands(1)),
        ('@hold("60s")', Demands(60)),
        ('@hold("5m")', Demands(300)),
        ('@hold("168h")', Demands(604_800)),
        ('@approvals("1")', Demands(approvals=1)),
        ('@approvals("10")', Demands(approvals=10)),
        ('@hold("2m") @approvals("2")', Demands(120, 2)),
    ],
)
def test_a_demand_is_part_of_the_answer(annotations: str, demands: Demands) -> None:
    policy = CedarPolicy(rule(annotations), schema_text())
    decision = policy.decide(asked(""))
    assert decision.effect is Effect.HOLD
    assert Demands(decision.hold_seconds, decision.approvals) == demands
    assert policy.again(decision) == decision


@pytest.mark.parametrize(
    "annotation",
    [
        *(
            '@hold("")',
            '@hold("60")',
            '@hold("0s")',
            '@hold("1d")',
            '@hold("-1s")',
            '@hold("1.5m")',
        ),
        *(
            '@hold("169h")',
            '@hold("604801s")',
            '@hold("\u0661s")',
            '@hold(" 1s")',
            '@hold("1s\\n")',
        ),
        *('@approvals("0")', '@approvals("11")', '@approvals("")', '@approvals("two")'),
        *('@approvals("\u0661")', '@approvals("1.0")', '@approvals("+1")'),
    ],
)
def test_what_is_no_demand_is_a_flaw_of_its_rule(annotation: str) -> None:
    (flaw,) = flaws("// first\n" + rule(annotation), SCHEMA)
    assert flaw.line == 2
    assert flaw.rule.startswith("user-")
    assert "allowed is" in flaw.what


@pytest.mark.parametrize(
    "text",
    [
        rule('@hold("60s")', actions='action == Action::"finish"'),
        rule('@approvals("2")', actions='action in [Action::"finish", Action::"cancel_task"]'),
        '@id("x") @hold("60s") forbid (principal, action == Action::"cancel", resource);',
    ],
)
def test_a_demand_that_could_never_count_is_a_flaw(text: str) -> None:
    (flaw,) = flaws(text, SCHEMA)
    assert "for rules that permit the action cancel" in flaw.what


def test_of_several_rules_the_most_counts_and_none_lifts_it() -> None:
    text = rule('@hold("60s")') + rule('@approvals("2")', "job-operator")
    text += '@id("all") permit (principal, action, resource);'
    policy = CedarPolicy(text, schema_text())
    olga, alice = policy.decide(asked(text, OLGA)), policy.decide(asked(text))
    assert (olga.hold_seconds, olga.approvals) == (60, 2)
    assert (alice.hold_seconds, alice.approvals) == (60, 0)


def test_nothing_but_the_cancel_of_a_job_is_held() -> None:
    policy = CedarPolicy(rule('@hold("60s")', actions="action"), schema_text())
    for action in (Action.CANCEL_TASK, Action.FINISH, Action.WITHDRAW, Action.VIEW):
        decision = policy.decide(asked("", action=action))
        assert (decision.effect, decision.hold_seconds) == (Effect.ALLOW, 0)


def test_a_rule_that_forbids_is_stronger_than_any_hold() -> None:
    text = rule('@hold("60s")') + '@id("no") forbid (principal, action, resource);'
    decision = CedarPolicy(text, schema_text()).decide(asked(text))
    assert (decision.effect, decision.hold_seconds) == (Effect.DENY, 0)


def test_a_rule_knows_who_asked_for_a_cancel_and_how_many_approved_it() -> None:
    text = '@id("x") permit (principal, action, resource) when { context has approvals && '
    text += 'context.approvals >= 2 && context has requester && context.requester == "bob" };'
    policy = CedarPolicy(text, schema_text())
    question = asked(text)
    assert policy.decide(question).effect is Effect.DENY
    said = replace(question.said, requester="bob", approvals=2)
    assert policy.decide(replace(question, said=said)).effect is Effect.ALLOW


SHIPPED: Final = default_policy()
ROLES: Final = {
    # who: (may approve, may withdraw) on somebody else's cancel of somebody else's job
    Role.USER: (False, False),
    Role.JOB_OPERATOR: (True, True),
    Role.JOB_ADMINISTRATOR: (True, True),
    Role.ADMINISTRATOR: (True, True),
    Role.AUDITOR: (False, False),
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("job_type", JobType)
def test_who_may_approve_and_withdraw_by_the_shipped_rules(role: Role, job_type: JobType) -> None:
    caller = Caller(Principal("sam", (role,)))
    said = RequestKnown(requester="alice")
    found = [
        SHIPPED.decide(Question(caller, action, "owen", job_type, said=said)).effect is Effect.ALLOW
        for action in (Action.APPROVE, Action.WITHDRAW)
    ]
    command = job_type is JobType.ADMIN and role is not Role.ADMINISTRATOR
    assert tuple(found) == ((False, False) if command else ROLES[role])


@pytest.mark.parametrize(("owner", "requester"), [("alice", "zoe"), ("owen", "alice")])
def test_owners_and_requesters_withdraw_and_do_not_approve(owner: str, requester: str) -> None:
    said = RequestKnown(requester=requester)
    answers = {
        action: SHIPPED.decide(Question(ALICE, action, owner, JobType.BATCH, said=said)).effect
        for action in (Action.APPROVE, Action.WITHDRAW)
    }
    assert answers == {Action.APPROVE: Effect.DENY, Action.WITHDRAW: Effect.ALLOW}
