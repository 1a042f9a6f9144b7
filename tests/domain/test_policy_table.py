"""Who may do what: every row, and a decision that can be computed again."""

from typing import Final

import msgspec
import pytest
from msgspec.structs import replace

from domain.events import Decision
from domain.identity import Caller, Principal, Role
from domain.policy import Action, Question
from domain.policy_table import RULES, TablePolicy
from domain.states import Effect, JobType

A = Action
PEOPLE: Final = {
    "owner": Principal("owen", (Role.USER,)),
    "stranger": Principal("sam", (Role.USER,)),
    "nobody": Principal("nora", ()),
    "operator": Principal("olga", (Role.JOB_OPERATOR,)),
    "job administrator": Principal("jane", (Role.JOB_ADMINISTRATOR,)),
    "administrator": Principal("root", (Role.ADMINISTRATOR,)),
    "auditor": Principal("audrey", (Role.AUDITOR,)),
    "auditing owner": Principal("owen", (Role.AUDITOR,)),
    "auditing user": Principal("owen", (Role.AUDITOR, Role.USER)),
}
LATER: Final = {A.APPROVE, A.WITHDRAW, A.BREAK_GLASS, A.REVIEW}
"""Acts that the table never knew."""
KNOWN: Final = set(Action) - LATER
# HPC Pack's rights by role (hpcpack.md 1.4), and the seed: command jobs are the administrator's.
ON_A_JOB: Final = {A.CANCEL, A.CANCEL_TASK, A.FINISH, A.REQUEUE}
AUDITORS: Final = {A.VIEW, A.VIEW_PRINCIPALS}
OWNERS: Final = ON_A_JOB | {A.SUBMIT, A.CONFIGURE, A.CHANGE, A.VIEW}
RIGHTS: Final[dict[str, tuple[set[Action], set[Action]]]] = {
    # who: (on an ordinary job of owen's, on a command job of owen's)
    "nobody": (set(), set()),
    "stranger": ({A.CREATE}, set()),
    "auditor": (AUDITORS, AUDITORS),
    "auditing owner": (AUDITORS, AUDITORS),
    "auditing user": (OWNERS | AUDITORS | {A.CREATE}, AUDITORS),
    "owner": (OWNERS | {A.CREATE}, {A.VIEW}),
    "operator": (ON_A_JOB | {A.VIEW}, {A.VIEW}),
    "job administrator": (OWNERS | {A.CREATE, A.ACT_FOR_OTHERS}, {A.VIEW}),
    "administrator": (KNOWN, KNOWN),
}
ROWS: Final = [
    pytest.param(who, action, job_type, action in RIGHTS[who][column], id=f"{who}-{action}-{word}")
    for who in PEOPLE
    for action in sorted(KNOWN)
    for column, (job_type, word) in enumerate(((JobType.BATCH, "job"), (JobType.ADMIN, "command")))
]
POLICY: Final = TablePolicy()
TABLE_OF_THE_FIRST_DECISIONS: Final = (
    "2b762a5d1c5390a3f82dfaf07a4fea0a10e5ae087a1c7310090199707c8afbad"
)


def question(
    who: str, action: Action, job_type: JobType | None = JobType.BATCH, owner: str = "owen"
) -> Question:
    return Question(Caller(PEOPLE[who]), action, owner, job_type)


def test_every_person_has_a_row() -> None:
    assert set(RIGHTS) == set(PEOPLE)


@pytest.mark.parametrize(("who", "action", "job_type", "may"), ROWS)
def test_rights_on_a_job(who: str, action: Action, job_type: JobType, may: bool) -> None:
    decision = POLICY.decide(question(who, action, job_type))
    assert decision.effect is (Effect.ALLOW if may else Effect.DENY)
    assert decision.rules == tuple(sorted(decision.rules))
    assert decision.rules
    assert bool(decision.explanation) is not may


NO_JOB: Final = {
    A.CREATE: {
        "stranger",
        "owner",
        "auditing user",
        "job administrator",
        "administrator",
    },
    A.CREATE_COMMAND_JOB: {"administrator"},
    A.SET_PARAMETER: {"administrator"},
    A.ACT_FOR_OTHERS: {"job administrator", "administrator"},
}


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize("action", NO_JOB)
def test_rights_without_a_job(who: str, action: Action) -> None:
    decision = POLICY.decide(question(who, action, None, owner=""))
    assert (decision.effect is Effect.ALLOW) is (who in NO_JOB[action])


@pytest.mark.parametrize("action", sorted(ON_A_JOB | {A.SUBMIT, A.CONFIGURE, A.CHANGE}))
def test_even_the_owner_may_not_touch_a_command_job(action: Action) -> None:
    decision = POLICY.decide(question("owner", action, JobType.ADMIN))
    assert decision.rules == ("command-jobs-need-an-administrator",)
    assert "only a cluster administrator" in decision.explanation


def test_a_stranger_who_may_not_see_a_command_job_is_not_told_to_be_an_administrator() -> None:
    decision = POLICY.decide(question("stranger", A.VIEW, JobType.ADMIN))
    assert decision.rules == ("no-rule-allows",)
    assert "auditor" in decision.explanation


def test_all_rules_that_allow_stand_in_the_decision_sorted() -> None:
    both = Principal("owen", (Role.ADMINISTRATOR, Role.JOB_OPERATOR))
    decision = POLICY.decide(Question(Caller(both), A.CANCEL, "owen", JobType.BATCH))
    assert decision.rules == (
        "administrator-everything",
        "job-operator-controls",
        "owner-controls",
    )


# --- acting for somebody --------------------------------------------------------------------------


def test_acting_for_somebody_the_rights_of_that_person_count() -> None:
    as_sam = Caller(PEOPLE["administrator"], on_behalf_of=PEOPLE["stranger"])
    as_owen = Caller(PEOPLE["administrator"], on_behalf_of=PEOPLE["owner"])
    assert POLICY.decide(Question(as_sam, A.CANCEL, "owen", JobType.BATCH)).effect is Effect.DENY
    allowed = POLICY.decide(Question(as_owen, A.CANCEL, "owen", JobType.BATCH))
    assert allowed.effect is Effect.ALLOW
    assert allowed.rules == ("administrator-everything", "owner-controls")


@pytest.mark.parametrize("who", ["stranger", "owner", "operator", "auditor"])
def test_who_may_not_act_for_others_is_refused_whatever_the_other_may(who: str) -> None:
    caller = Caller(PEOPLE[who], on_behalf_of=Principal("owen", (Role.USER,)))
    decision = POLICY.decide(Question(caller, A.CANCEL, "owen", JobType.BATCH))
    assert decision.effect is Effect.DENY
    assert "may not act for others" in decision.explanation
    assert again(decision.facts).effect is Effect.DENY


@pytest.mark.parametrize("action", [A.CREATE_COMMAND_JOB, A.SET_PARAMETER, A.CANCEL, A.VIEW])
def test_acting_for_an_administrator_gives_nobody_an_administrators_rights(action: Action) -> None:
    steward = Principal("steward", (Role.JOB_ADMINISTRATOR,))
    as_root = Caller(steward, on_behalf_of=PEOPLE["administrator"])
    decision = POLICY.decide(Question(as_root, action, "owen", JobType.ADMIN))
    assert decision.effect is Effect.DENY
    assert decision.rules == ("acting-for-others-raises-no-rights",)
    assert again(decision.facts).rules == decision.rules
    as_owen = Caller(steward, on_behalf_of=PEOPLE["owner"])
    assert POLICY.decide(Question(as_owen, A.CANCEL, "owen", JobType.BATCH)).effect is Effect.ALLOW


def test_an_administrator_acting_for_bob_may_not_cancel_the_administrators_own_job() -> None:
    admin = PEOPLE["administrator"]
    as_bob = Caller(admin, on_behalf_of=PEOPLE["stranger"])
    decision = POLICY.decide(Question(as_bob, A.CANCEL, admin.name, JobType.BATCH))
    assert decision.effect is Effect.DENY
    assert (decision.facts["actor"], decision.facts["person"]) == ("root", "sam")


# --- computing it again ---------------------------------------------------------------------------


def again(facts: dict[str, str]) -> Decision:
    """The decision computed from nothing but its facts."""
    return POLICY.again(Decision(Effect.DENY, POLICY.digest, (), facts))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"action": "fly"}, "fly"),
        ({"roles": "king"}, "king"),
        ({"job_type": "Odd"}, "Odd"),
    ],
)
def test_facts_that_no_question_has_are_an_error(changed: dict[str, str], said: str) -> None:
    facts = POLICY.decide(question("owner", A.CANCEL)).facts
    with pytest.raises(ValueError, match=said):
        again(facts | changed)
    del facts["person"]
    with pytest.raises(ValueError, match="have no person"):
        again(facts)


def test_the_table_is_the_one_that_decisions_name() -> None:
    assert POLICY.digest == TABLE_OF_THE_FIRST_DECISIONS


@pytest.mark.parametrize(("who", "action", "job_type", "may"), ROWS)
def test_the_facts_allow_the_decision_to_be_computed_again(
    who: str, action: Action, job_type: JobType, may: bool
) -> None:
    first = POLICY.decide(question(who, action, job_type))
    second = again(first.facts)
    assert (second.effect, second.rules, second.digest) == (first.effect, first.rules, first.digest)
    assert (first.effect is Effect.ALLOW) is may


def test_the_digest_is_the_same_for_the_same_table_and_another_for_another() -> None:
    assert TablePolicy().digest == POLICY.digest
    assert len(POLICY.digest) == 64
    first, *rest = RULES
    others = [
        (replace(first, actions=()), *rest),
        (replace(first, id="renamed"), *rest),
        (replace(first, command_jobs=True), *rest),
        (*rest, first),
        tuple(rest),
    ]
    digests = {TablePolicy(rules).digest for rules in others} | {POLICY.digest}
    assert len(digests) == len(others) + 1


def test_a_table_without_a_rule_denies_and_says_so() -> None:
    decision = TablePolicy(()).decide(question("administrator", A.CANCEL))
    assert decision.effect is Effect.DENY
    assert decision.rules == ("no-rule-allows",)


def test_a_decision_can_be_stored_and_read_back() -> None:
    decision = POLICY.decide(question("auditor", A.CANCEL))
    assert msgspec.json.decode(msgspec.json.encode(decision), type=Decision) == decision
