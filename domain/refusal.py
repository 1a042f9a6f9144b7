"""Why not: what every refusal says, and those that concern every request, whatever it asks."""

from typing import Final

from msgspec import Struct

from domain.commands import Asked
from domain.events import Decision
from domain.hresult import HResult
from domain.policy import FACTS_TOO_LARGE, POLICY_ERROR
from domain.states import Effect

VERSIONS_NAMED_MAX: Final = 5


class Refusal(Struct, frozen=True):
    """Why not: a stable ``code``, HPC Pack's number, the rule that refused, a sentence."""

    code: str
    hresult: int
    rule: str
    explanation: str


POLICY_FAILED: Final = frozenset({POLICY_ERROR, FACTS_TOO_LARGE})
"""Rules of decisions that no rule of the policy made: it could not be asked, or not be told."""


def code_of(decision: Decision) -> str:
    """The code of a refusal: whether the policy said no, or could not say anything."""
    failed = not POLICY_FAILED.isdisjoint(decision.rules)
    return "policy_error" if failed or decision.errors else "not_permitted"


def denied(asked: Asked, *, may_wait: bool = False) -> Refusal | None:
    """The policy said no. ``may_wait``: for what can be held, "first wait" is no refusal."""
    decision = asked.decision
    if decision.effect is Effect.ALLOW or (may_wait and decision.effect is Effect.HOLD):
        return None
    rule = decision.rules[0] if decision.rules else POLICY_ERROR
    words = decision.explanation or "; ".join(decision.errors) or "the policy said no"
    return Refusal(code_of(decision), HResult.PERMISSION_DENIED, rule, words)


def without_message(message: str, rule: str, words: str) -> Refusal | None:
    """Nothing is said where a reason is required. ``words``: who has to say what."""
    if message.strip():
        return None
    return Refusal("message_required", HResult.ARGUMENT_OUT_OF_RANGE, rule, words)


def at_other_version(asked: Asked, version: int, what: str) -> Refusal | None:
    """The request was for another version of ``what`` (job 7, the cluster) than the one it has."""
    wanted = asked.if_versions
    if wanted is None or version in wanted:
        return None
    return Refusal(
        "version_mismatch",
        HResult.INVALID_OPERATION,
        "if-match",
        f"{what} is at version {version}, but the request is only for {versions(wanted)}",
    )


def versions(wanted: tuple[int, ...]) -> str:
    """The versions a request was for, the first few of many."""
    if not wanted:
        return "a version that it never has"
    named = ", ".join(str(n) for n in wanted[:VERSIONS_NAMED_MAX])
    more = ", ..." if len(wanted) > VERSIONS_NAMED_MAX else ""
    return f"version{'s' if len(wanted) > 1 else ''} {named}{more}"


def reused(request_id: str, operation: str) -> Refusal:
    """A request id that stands for something else already."""
    return Refusal(
        "request_id_reused",
        HResult.ARGUMENT_OUT_OF_RANGE,
        "one-request-one-id",
        f"the request id {request_id} was used for another {operation}; use a new id for a new "
        "request",
    )
