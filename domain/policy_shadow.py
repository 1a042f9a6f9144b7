"""Rules that run in shadow: asked what the rules in force are asked, and binding nobody.

One text at a time. It runs until somebody stops it, or until it is in force itself.
"""

from typing import Final

from msgspec import Struct

from domain import events as e
from domain.hresult import HResult
from domain.policy import Action
from domain.refusal import Refusal
from domain.states import Effect

SHADOW: Final = "shadow_policy"
STOP_SHADOW: Final = "stop_policy_shadow"

IN_SHADOW: Final = "policy_in_shadow"
NO_SHADOW: Final = "no_policy_in_shadow"
"""Codes of refusals."""

ONE_RULE: Final = "one-policy-in-shadow"
NONE_RULE: Final = "no-policy-runs-in-shadow"

RULES_MAX: Final = 32
RULES_CHARACTERS_MAX: Final = 512
ERROR_CHARACTERS_MAX: Final = 200
ERRORS_MAX: Final = 1
"""What an answer keeps: it comes with each decision, and must not grow an event by much."""

NEVER_RECORDED: Final = frozenset(
    {Action.VIEW, Action.VIEW_POLICY, Action.VIEW_PRINCIPALS, Action.REBUILD_VIEWS}
)
"""What is decided and leaves no event. Nobody could see what a shadow said to it, so it is not
asked."""


class Shadow(Struct, frozen=True):
    """What runs in shadow since the event of this version."""

    version: int
    digest: str
    started_by: str


def occupied(shadow: Shadow | None) -> Refusal | None:
    """Why no other rules can begin to run in shadow."""
    if shadow is None:
        return None
    words = (
        f"the rules {shadow.digest[:12]} run in shadow already, started by {shadow.started_by}; "
        "stop them first"
    )
    return Refusal(IN_SHADOW, HResult.INVALID_OPERATION, ONE_RULE, words)


def nothing_runs(shadow: Shadow | None) -> Refusal | None:
    """Why nothing can be stopped."""
    if shadow is not None:
        return None
    return Refusal(NO_SHADOW, HResult.INVALID_OPERATION, NONE_RULE, "no rules run in shadow")


def answer_in_shadow(decision: e.Decision) -> e.ShadowAnswer:
    """What is kept of the answer of rules that run in shadow. ``decision``: theirs."""
    rules = first_rules(decision.rules)
    return e.ShadowAnswer(
        digest=decision.digest,
        effect=decision.effect,
        rules=rules,
        errors=tuple(x[:ERROR_CHARACTERS_MAX] for x in decision.errors[:ERRORS_MAX]),
        hold_seconds=decision.hold_seconds,
        approvals=decision.approvals,
        rules_cut=len(decision.rules) - len(rules),
    )


def failed_in_shadow(digest: str, error: str) -> e.ShadowAnswer:
    """They could not be asked."""
    return e.ShadowAnswer(digest, Effect.DENY, errors=(error[:ERROR_CHARACTERS_MAX],))


def first_rules(rules: tuple[str, ...]) -> tuple[str, ...]:
    """As many as there is room for."""
    kept, characters = list[str](), 0
    for rule in rules[:RULES_MAX]:
        characters += len(rule)
        if characters > RULES_CHARACTERS_MAX:
            break
        kept.append(rule)
    return tuple(kept)
