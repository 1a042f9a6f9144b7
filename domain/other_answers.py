"""How the answer of other rules differs from what was decided."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from domain import events as e
from domain.states import Effect

AGREE: Final = "agree"


class Kind(StrEnum):
    """How an answer differs, the dangerous ones first."""

    DENY_TO_ALLOW = "deny_to_allow"
    LESS_DEMANDED = "less_demanded"
    ALLOW_TO_DENY = "allow_to_deny"
    MORE_DEMANDED = "more_demanded"
    ERROR = "error"
    NOT_EVALUABLE = "not_evaluable"


class Answered(Protocol):
    """An answer of other rules."""

    @property
    def effect(self) -> Effect:
        """The answer."""
        ...

    @property
    def errors(self) -> Sequence[str]:
        """What went wrong, usually nothing."""
        ...

    @property
    def hold_seconds(self) -> int:
        """How long it has to wait first."""
        ...

    @property
    def approvals(self) -> int:
        """How many people have to approve it first."""
        ...


def kind_of_answer(decision: e.Decision, answer: Answered) -> Kind | None:
    """How the answer differs; None when it does not."""
    if answer.errors:
        return None if decision.errors else Kind.ERROR
    if answer.effect is Effect.DENY:
        return None if decision.effect is Effect.DENY else Kind.ALLOW_TO_DENY
    if decision.effect is Effect.DENY:
        return Kind.DENY_TO_ALLOW
    return kind_of_demands(decision, answer)


def kind_of_demands(decision: e.Decision, answer: Answered) -> Kind | None:
    """Of what both allow: less of anything is the dangerous one."""
    was = (decision.hold_seconds, decision.approvals)
    becomes = (answer.hold_seconds, answer.approvals)
    if any(now < then for now, then in zip(becomes, was, strict=True)):
        return Kind.LESS_DEMANDED
    return None if becomes == was else Kind.MORE_DEMANDED


def kind_in_shadow(decision: e.Decision, answer: e.ShadowAnswer) -> Kind | None:
    """The same, of what rules in shadow said. They cannot say all of it where the rules in force
    refused before the rest was asked."""
    if answer.effect is not Effect.DENY and ends_early(decision):
        return Kind.NOT_EVALUABLE
    return kind_of_answer(decision, answer)


def ends_early(decision: e.Decision) -> bool:
    """Whether what was wanted was not asked, because something before it was refused."""
    if not decision.requests:
        return False
    last = decision.requests[-1].action
    return last != decision.facts.get("action", last)
