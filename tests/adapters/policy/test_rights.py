"""HPC Pack's rights, row by row, at the policy. (``tests/e2e/test_rights`` asks every face.)"""

from typing import Final

import pytest

from adapters.policy import default_policy
from domain.identity import Caller, Principal, Role
from domain.policy import Action, Question
from domain.states import Effect, JobType
from tests.domain.rights import ROLES, ROWS, Row, Who, Whose

POLICY: Final = default_policy()
OURS: Final = {
    *(Action.VIEW_PRINCIPALS, Action.REBUILD_VIEWS),
    *(Action.PROTECT, Action.UNPROTECT, Action.LEGAL_HOLD),
    *(Action.ACTIVATE_POLICY, Action.VIEW_POLICY),
    *(Action.APPROVE, Action.WITHDRAW, Action.BREAK_GLASS, Action.REVIEW),
}
"""HPC Pack has no such act; ``test_policy_table`` has the rows of the first two, ``test_default``
and ``test_demands`` those of the others."""
PAIRS: Final = [
    pytest.param(row, who, may, id=f"{row.name}-{who}")
    for row in ROWS
    for who, may in row.answers.items()
]


def asked(row: Row, person: Principal) -> Question:
    """The act of the row, by this person."""
    owner = {Whose.OWN: person.name, Whose.OTHERS: "owen", Whose.NONE: ""}[row.whose]
    about_a_job = row.whose is not Whose.NONE
    return Question(Caller(person), row.action, owner, row.job_type if about_a_job else None)


def test_every_act_has_a_row() -> None:
    assert {row.action for row in ROWS} | OURS == set(Action)


@pytest.mark.parametrize(("row", "who", "may"), PAIRS)
def test_who_may_do_what(row: Row, who: Who, may: bool) -> None:
    decision = POLICY.decide(asked(row, Principal("sam", (ROLES[who],))))
    assert decision.effect is (Effect.ALLOW if may else Effect.DENY)


@pytest.mark.parametrize(("row", "who", "may"), PAIRS)
def test_acting_for_somebody_is_that_person_s_row_and_no_more(
    row: Row, who: Who, may: bool
) -> None:
    """By an administrator, who could do it all alone; only the act of acting itself is theirs."""
    person = Principal("sam", (ROLES[who],))
    question = asked(row, person)
    caller = Caller(Principal("ada", (Role.ADMINISTRATOR,)), on_behalf_of=person)
    decision = POLICY.decide(Question(caller, question.action, question.owner, question.job_type))
    assert decision.effect is (Effect.ALLOW if may else Effect.DENY)
    assert (decision.facts["actor"], decision.facts["person"]) == ("ada", "sam")


def test_an_owner_who_became_an_operator_still_has_the_rights_of_an_owner() -> None:
    person = Principal("sam", (Role.JOB_OPERATOR,))
    question = Question(Caller(person), Action.SUBMIT, "sam", JobType.BATCH)
    assert POLICY.decide(question).effect is Effect.ALLOW
