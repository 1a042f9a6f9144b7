"""Rules in shadow, asked what was decided: the same requests, and an answer that binds nobody."""

from collections.abc import Callable

from application.ports import Rules
from domain.events import Decision, ShadowAnswer
from domain.policy_shadow import answer_in_shadow, failed_in_shadow


def in_shadow(rules: Rules, decision: Decision) -> ShadowAnswer | None:
    """What ``rules`` say to the very requests of a decision. Never raises.

    None where it was made with another schema: then they do not understand the same.
    """
    if rules.schema_digest != decision.schema_digest:
        return None
    return said(rules.digest, lambda: rules.recalled(decision))


def said(digest: str, ask: Callable[[], Decision]) -> ShadowAnswer:
    """The answer of the rules with this digest; what goes wrong is an error in it."""
    try:
        return answer_in_shadow(ask())
    except Exception as error:  # whatever it is, the rules in force have answered
        return failed_in_shadow(digest, f"{type(error).__name__}: {error}")
