"""What rules in shadow said, beside what was decided: told as a trial on history is told.

Nothing is asked anew to find what differs: the answers are those that were recorded. Only the
sentences of refusals are computed again, because no event holds them.
"""

from collections.abc import Callable

from application.asked_before import AskedBefore
from application.backtesting import Reading, Told, Untold
from application.rechecking import Again
from domain.events import Decision
from domain.other_answers import ends_early
from domain.states import Effect


class SaidInShadow:
    """Recorded answers as a candidate. ``policy_of``: the rules that answered beside a decision."""

    def __init__(
        self, digest: str, schema_digest: str, policy_of: Callable[[Decision], Again | None]
    ) -> None:
        self.digest = digest
        self.schema_digest = schema_digest
        self._policy_of = policy_of

    def tried(self, decision: Decision, asked: AskedBefore) -> Told | Untold:
        """Their answer, as it was recorded; it must have one."""
        answer = decision.shadow
        assert answer is not None, "only what they answered is wanted"
        if answer.effect is not Effect.DENY and ends_early(decision):
            what = f"whether {asked.wanted} would be allowed, which was never asked"
            return Untold((Reading("", what),))
        denied = answer.effect is Effect.DENY and not answer.errors
        return Told(
            answer.effect,
            answer.rules,
            answer.errors,
            answer.errors[0] if answer.errors else self._words(decision) if denied else "",
            answer.hold_seconds,
            answer.approvals,
        )

    def _words(self, decision: Decision) -> str:
        policy = self._policy_of(decision)
        return "" if policy is None else policy.again(decision).explanation
