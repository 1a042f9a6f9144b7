"""How an answer of other rules differs from what was decided."""

import pytest
from msgspec.structs import replace

from domain import events as e
from domain.other_answers import Kind, kind_in_shadow
from domain.states import Effect

ALLOW = e.Decision(Effect.ALLOW, "d", ("r",), {"action": "cancel"})
DENY = replace(ALLOW, effect=Effect.DENY)
HOLD = replace(ALLOW, effect=Effect.HOLD, hold_seconds=60, approvals=1)


def said(effect: Effect, hold: int = 0, approvals: int = 0, *errors: str) -> e.ShadowAnswer:
    """An answer in shadow."""
    return e.ShadowAnswer("s", effect, ("x",), errors, hold, approvals)


@pytest.mark.parametrize(
    ("decision", "answer", "kind"),
    [
        (ALLOW, said(Effect.ALLOW), None),
        (DENY, said(Effect.DENY), None),
        (HOLD, said(Effect.HOLD, 60, 1), None),
        (DENY, said(Effect.ALLOW), Kind.DENY_TO_ALLOW),
        (DENY, said(Effect.HOLD, 60), Kind.DENY_TO_ALLOW),
        (ALLOW, said(Effect.DENY), Kind.ALLOW_TO_DENY),
        (HOLD, said(Effect.DENY), Kind.ALLOW_TO_DENY),
        (HOLD, said(Effect.ALLOW), Kind.LESS_DEMANDED),
        (HOLD, said(Effect.HOLD, 90, 0), Kind.LESS_DEMANDED),
        (ALLOW, said(Effect.HOLD, 1), Kind.MORE_DEMANDED),
        (ALLOW, said(Effect.DENY, 0, 0, "oops"), Kind.ERROR),
        (DENY, said(Effect.DENY, 0, 0, "oops"), Kind.ERROR),
        (replace(DENY, errors=("oops",)), said(Effect.DENY, 0, 0, "oops"), None),
    ],
)
def test_each_pair_of_answers_is_of_a_kind(
    decision: e.Decision, answer: e.ShadowAnswer, kind: Kind | None
) -> None:
    assert kind_in_shadow(decision, answer) is kind


def test_what_was_refused_before_the_rest_was_asked_is_told_as_such() -> None:
    who = e.PolicyEntity("User", "ada")
    early = replace(DENY, requests=(e.PolicyRequest(who, "act_for_others", who),))
    assert kind_in_shadow(early, said(Effect.ALLOW)) is Kind.NOT_EVALUABLE
    assert kind_in_shadow(early, said(Effect.DENY)) is None
