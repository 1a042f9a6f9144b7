"""Is a decision one that a policy gives at all? Its parts, by themselves."""

from domain import events as e
from domain.policy import DENIED, FACTS_TOO_LARGE, POLICY_ERROR, Action
from domain.states import Effect

NO_RULES = frozenset({DENIED, POLICY_ERROR, FACTS_TOO_LARGE})
"""What stands in the place of a rule in a refusal by none."""


def shape_wrong(decision: e.Decision) -> str:
    """Why no policy gives such an answer, whatever it was asked; "" when one may."""
    refused = decision.effect is Effect.DENY
    rules = decision.rules
    if not rules or list(rules) != sorted({*rules}):
        return f"rules are {rules!r}, and a decision has some, sorted"
    if NO_RULES & {*rules} and (not refused or len(rules) > 1):
        return f"rules are {rules!r}, and the answer is {decision.effect}"
    if bool(decision.errors) != (rules == (POLICY_ERROR,)):
        return f"errors are {decision.errors!r}, and rules {rules!r}"
    if bool(decision.explanation) != refused:
        return f"explanation is {decision.explanation!r}, and the answer is {decision.effect}"
    return demands_wrong(decision)


def demands_wrong(decision: e.Decision) -> str:
    """What is demanded first is demanded of a cancel that is held, and of nothing else."""
    demands = (decision.hold_seconds, decision.approvals)
    if min(demands) < 0 or any(demands) != (decision.effect is Effect.HOLD):
        return (
            f"hold_seconds and approvals are {demands[0]} and {demands[1]}, and the answer is "
            f"{decision.effect}"
        )
    if any(demands) and decision.facts.get("action") != Action.CANCEL:
        return f"{decision.facts.get('action')!r} is to wait, and only a cancel can"
    return ""


def request_wrong(fact: e.Recorded) -> str:
    """What answers a request follows from that request, by its id."""
    data, found = fact.data, fact.event.correlation_id
    key = getattr(data, "request_id", "") or getattr(data, "key", "")
    if not key or key == found:
        return ""
    return f"the request is {key!r}, and correlationid {found!r}"


def rules_wrong(decision: e.Decision, known: frozenset[str] | None) -> str:
    """A rule of a decision is one of the policy's. ``known``: those; None for not known."""
    if known is None:
        return ""
    strange = [x for x in decision.rules if x not in known and x not in NO_RULES]
    return f"the policy has no rule {strange[0]!r}" if strange else ""


def size_wrong(fact: e.Recorded, total: int) -> str:
    """A cancel is one of as many as its request on many jobs has, or one alone."""
    size = getattr(fact.data, "bulk_size", 1)
    if size in (1, total):
        return ""
    there = f"has {total} jobs" if total > 1 else "is not on many jobs"
    return f"bulk_size is {size}, and its request {there}"
