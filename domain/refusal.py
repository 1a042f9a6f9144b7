"""Why not: what every refusal says, and the one that a policy brings about."""

from msgspec import Struct

from domain.commands import Asked
from domain.hresult import HResult
from domain.states import Effect


class Refusal(Struct, frozen=True):
    """Why not: a stable ``code``, HPC Pack's number, the rule that refused, a sentence."""

    code: str
    hresult: int
    rule: str
    explanation: str


def denied(asked: Asked) -> Refusal | None:
    """The policy said no."""
    decision = asked.decision
    if decision.effect is Effect.ALLOW:
        return None
    rule = decision.rules[0] if decision.rules else "policy-error"
    words = decision.explanation or "; ".join(decision.errors) or "the policy said no"
    return Refusal("not_permitted", HResult.PERMISSION_DENIED, rule, words)


def reused(request_id: str, operation: str) -> Refusal:
    """A request id that stands for something else already."""
    return Refusal(
        "request_id_reused",
        HResult.ARGUMENT_OUT_OF_RANGE,
        "one-request-one-id",
        f"the request id {request_id} was used for another {operation}; use a new id for a new "
        "request",
    )
