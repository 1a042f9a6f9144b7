"""What rules demand before a cancel takes effect, in words."""

from domain.events import Decision
from domain.states import Effect


def overridden(decision: Decision) -> str:
    """What was demanded, and by which rules, of a decision that was carried out at once; "" for
    nothing."""
    if decision.effect is not Effect.HOLD:
        return ""
    hold = f"a hold of {decision.hold_seconds} s" if decision.hold_seconds else ""
    by = approvals(decision.approvals) if decision.approvals else ""
    demanded = " and ".join(x for x in (hold, by) if x)
    return f"{demanded}, demanded by {', '.join(decision.rules)}"


def approvals(number: int) -> str:
    """How many."""
    return f"{number} approval{'' if number == 1 else 's'}"
