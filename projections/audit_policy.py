"""What facts about the policy say in the audit trail."""

from msgspec.structs import replace

from domain import events as e
from domain.other_answers import kind_in_shadow
from domain.outcome import outcome_of
from domain.policy_shadow import SHADOW, STOP_SHADOW
from projections.audit_trail import Kind, Said
from projections.summary import DIGEST_CHARACTERS, summary


def policy_proposed(fact: e.PolicyProposed) -> Said:
    """Somebody wants other rules in force."""
    return Said(
        kind=Kind.POLICY_CHANGE,
        operation="propose_policy",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.note,
        rule=rules(fact.decision),
        subject=fact.digest[:DIGEST_CHARACTERS],
        detail=summary(fact),
    )


def policy_activated(fact: e.PolicyActivated) -> Said | None:
    """Other rules are in force. Those that are so from the beginning nobody has chosen."""
    if fact.decision is None:
        return None
    return Said(
        kind=Kind.POLICY_CHANGE,
        operation="activate_policy",
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.note,
        rule=rules(fact.decision),
        subject=fact.digest[:DIGEST_CHARACTERS],
        detail=summary(fact),
    )


def shadow_changed(fact: e.PolicyShadowStarted | e.PolicyShadowStopped) -> Said:
    """Rules run in shadow, or do so no more."""
    started = isinstance(fact, e.PolicyShadowStarted)
    return Said(
        kind=Kind.POLICY_CHANGE,
        operation=SHADOW if started else STOP_SHADOW,
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.note,
        rule=rules(fact.decision),
        subject=fact.digest[:DIGEST_CHARACTERS],
        detail=summary(fact),
    )


def policy_refused(fact: e.PolicyCommandRefused) -> Said:
    """Rules that somebody wanted, and that are not to be in force."""
    return Said(
        kind=Kind.REFUSAL,
        operation=fact.command,
        outcome=outcome_of(fact),
        request_id=fact.request_id,
        message=fact.note,
        rule=fact.rule,
        explanation=fact.explanation,
        code=fact.code,
        subject=fact.digest[:DIGEST_CHARACTERS],
    )


def rules(decision: e.Decision) -> str:
    """The rules that allowed it."""
    return ",".join(decision.rules)


def with_shadow(said: Said | None, decision: e.Decision | None) -> Said | None:
    """With what rules in shadow said, where that is something else."""
    answer = decision.shadow if decision is not None else None
    if said is None or decision is None or answer is None:
        return said
    if kind_in_shadow(decision, answer) is None:
        return said
    words = in_shadow(answer)
    return replace(said, detail=f"{said.detail}; {words}" if said.detail else words)


def in_shadow(answer: e.ShadowAnswer) -> str:
    """What rules in shadow said."""
    by = f" by {', '.join(answer.rules)}" if answer.rules else ""
    why = "an error" if answer.errors else f"{answer.effect}{by}"
    return f"in shadow, binding nobody: {why} ({answer.digest[:DIGEST_CHARACTERS]})"
