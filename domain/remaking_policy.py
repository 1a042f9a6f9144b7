"""Facts about the policy: could the rules have made them? And was each decision by the rules in
force?
"""

from datetime import datetime, timedelta
from typing import Final, assert_never

from msgspec import Struct

from domain import events as e
from domain.differing import difference
from domain.identity import SYSTEM
from domain.policy_life import (
    ACTIVATE,
    FLAW_RULE,
    INVALID,
    LOCK_RULE,
    LOCKS_OUT,
    PROPOSE,
    TRIED_RULE,
    UNTRIED,
    ActivatePolicy,
    Candidate,
    Command,
    PolicyLife,
    ProposePolicy,
    StartShadow,
    StopShadow,
    begin,
    decide_policy,
    digest_of,
)
from domain.policy_shadow import SHADOW, STOP_SHADOW
from domain.remaking_requests import asked
from domain.states import Effect

NO_POLICY: Final = ""
"""The digest of a decision that no policy made: a site's filter gave a job new properties."""

IN_FLIGHT_MAX: Final = timedelta(minutes=10)
"""How long after an activation a decision by rules of before may still come to be recorded, when
they are not the ones that were replaced last."""

REIGNS_KEPT: Final = 64
WithText = e.PolicyProposed | e.PolicyActivated | e.PolicyShadowStarted
"""Facts that bring rules."""

NOTHING: Final = "nothing: this very request was answered before"


def policy_fact_refused(before: PolicyLife, recorded: e.Recorded) -> str:
    """Why the rules could not have made this fact about the policy; "" when they could.

    What Cedar says of a text is taken as it stands; its digest is not.
    """
    data = recorded.data
    assert isinstance(data, e.PolicyEvent), "evolve takes no other"
    match data:
        case e.PolicySchemaRecorded():
            return by_the_service(recorded) or schema_wrong(before, data)
        case e.PolicyActivated(approver=""):
            return by_the_service(recorded) or first_wrong(before, data)
        case e.PolicyProposed():
            return digest_wrong(data) or proposal_wrong(before, recorded, data)
        case e.PolicyActivated():
            words = digest_wrong(data)
            return words or unlike(before, activation(recorded, data), data)
        case e.PolicyShadowStarted():
            return digest_wrong(data) or unlike(before, start_of_shadow(recorded, data), data)
        case e.PolicyShadowStopped():
            who = asked(recorded, data.request_id, data.decision)
            return unlike(before, StopShadow(who, recorded.event.caller, data.note), data)
        case e.PolicyCommandRefused():
            return refusal_wrong(before, recorded, data)
        case _:
            assert_never(data)


def by_the_service(recorded: e.Recorded) -> str:
    """Only the service records what came with its release."""
    actor = recorded.event.caller.actor
    return "" if actor == SYSTEM else f"only the service writes this, and it is by {actor.name!r}"


def schema_wrong(before: PolicyLife, data: e.PolicySchemaRecorded) -> str:
    """A schema is recorded once."""
    if data.digest in before.schemas:
        return f"the schema {data.digest[:12]} was recorded before"
    return "" if digest_of(data.text) == data.digest else "its digest is of another text"


def first_wrong(before: PolicyLife, data: e.PolicyActivated) -> str:
    """Rules that nobody chose are the first ones."""
    if data.schema_digest not in before.schemas:
        return f"the schema {data.schema_digest[:12]} was not recorded before"
    shipped = candidate_of(data)
    (made,) = begin(before, shipped, "") or (None,)
    if made is None:
        return "there are rules in force, and nobody activated others"
    return digest_wrong(data) or difference(made, data, frozenset())


def digest_wrong(data: WithText) -> str:
    """The digest is that of the text."""
    return "" if digest_of(data.text) == data.digest else "its digest is of another text"


def candidate_of(data: WithText) -> Candidate:
    """The text, as it was looked at then."""
    return Candidate(data.digest, data.text, data.schema_digest, data.rule_count)


def proposal_wrong(before: PolicyLife, recorded: e.Recorded, data: e.PolicyProposed) -> str:
    """It was asked for as a proposal, or it is what became of an activation."""
    who = asked(recorded, data.request_id, data.decision)
    candidate = candidate_of(data)
    one = ProposePolicy(who, recorded.event.caller, candidate, data.note)
    other = ActivatePolicy(who, recorded.event.caller, candidate, data.note)
    words = unlike(before, one, data)
    return words and unlike(before, other, data, frozenset({"content_sha256"})) and words


def activation(recorded: e.Recorded, data: e.PolicyActivated) -> Command:
    """The command again; nobody may who was not asked."""
    candidate = candidate_of(data)
    decision = data.decision or e.Decision(Effect.DENY, "", (), {})
    who = asked(recorded, data.request_id, decision)
    return ActivatePolicy(who, recorded.event.caller, candidate, data.note, data.backtest)


def start_of_shadow(recorded: e.Recorded, data: e.PolicyShadowStarted) -> Command:
    """The command again."""
    candidate = candidate_of(data)
    who = asked(recorded, data.request_id, data.decision)
    return StartShadow(who, recorded.event.caller, candidate, data.note)


def refusal_wrong(before: PolicyLife, recorded: e.Recorded, data: e.PolicyCommandRefused) -> str:
    """Refused again, for the same reason; what was wrong with a text is taken as it stands."""
    candidate = Candidate(
        digest=data.digest,
        text="",
        schema_digest=before.schema,
        rule_count=0,
        flaw=data.explanation if (data.code, data.rule) == (INVALID, FLAW_RULE) else "",
        locks_out=data.explanation if (data.code, data.rule) == (LOCKS_OUT, LOCK_RULE) else "",
    )
    who, by = asked(recorded, data.request_id, data.decision), recorded.event.caller
    untried = data.explanation if (data.code, data.rule) == (UNTRIED, TRIED_RULE) else ""
    commands: dict[str, Command] = {
        PROPOSE: ProposePolicy(who, by, candidate, data.note),
        ACTIVATE: ActivatePolicy(who, by, candidate, data.note, untried=untried),
        SHADOW: StartShadow(who, by, candidate, data.note),
        STOP_SHADOW: StopShadow(who, by, data.note),
    }
    command = commands.get(data.command, commands[ACTIVATE])
    apart = frozenset({"content_sha256"} if command is commands[ACTIVATE] else ())
    return unlike(before, command, data, apart)


def unlike(
    before: PolicyLife,
    command: Command,
    data: e.PolicyEvent,
    apart: frozenset[str] = frozenset(),
) -> str:
    """How what is decided now differs from what is stored."""
    made = decide_policy(before, command)
    return NOTHING if made is None else difference(made, data, apart)


# --- every decision -------------------------------------------------------------------------------


class Reign(Struct, frozen=True):
    """Rules that were in force, and the schema they were asked with. ``until``: when the next ones
    came, None for those that are in force."""

    digest: str
    schema_digest: str
    until: datetime | None = None


class ShadowReign(Struct, frozen=True):
    """Rules that ran in shadow. ``until``: when they ended, None while they run."""

    digest: str
    until: datetime | None = None


class Reigns:
    """Which rules were in force when, as the stream tells it, for whoever goes through it, and
    which ran in shadow.

    ``shipped``: digests of the rules of this and of earlier releases. They answer whether somebody
    may activate a policy while what is in force cannot be asked.
    """

    def __init__(self, shipped: frozenset[str] = frozenset()) -> None:
        self._shipped = shipped
        self._reigns: list[Reign] = []
        self._shadows: list[ShadowReign] = []

    def take(self, recorded: e.Recorded) -> None:
        """One more fact about the policy."""
        data = recorded.data
        now = self._reigns[-1] if self._reigns else None
        if isinstance(data, e.PolicyActivated):
            self._begin(Reign(data.digest, data.schema_digest), recorded.time)
            if data.shadow_version:
                self._end_shadow(recorded.time)
        elif isinstance(data, e.PolicyShadowStarted):
            self._shadows = [*self._shadows[-REIGNS_KEPT:], ShadowReign(data.digest)]
        elif isinstance(data, e.PolicyShadowStopped):
            self._end_shadow(recorded.time)
        elif isinstance(data, e.PolicySchemaRecorded) and now is not None:
            self._begin(Reign(now.digest, data.digest), recorded.time)

    def _begin(self, reign: Reign, at: datetime) -> None:
        if self._reigns:
            last = self._reigns[-1]
            self._reigns[-1] = Reign(last.digest, last.schema_digest, at)
        self._reigns = [*self._reigns[-REIGNS_KEPT:], reign]

    def _end_shadow(self, at: datetime) -> None:
        *before, last = self._shadows or [ShadowReign("")]
        self._shadows = [*before, ShadowReign(last.digest, last.until or at)]

    def wrong(self, recorded: e.Recorded) -> str:
        """Why what was decided in a fact cannot have been when it was recorded; "" when it can."""
        return self._decided_wrong(recorded) or self._shadow_wrong(recorded)

    def _shadow_wrong(self, recorded: e.Recorded) -> str:
        """Why what ran in shadow cannot have said so. A command may have been on its way when that
        ended, so it counts for ten minutes more."""
        for decision in answers_in(recorded.data):
            answer = decision.shadow
            if answer is not None and not self._in_shadow(answer.digest, recorded.time):
                return f"the rules {answer.digest[:12]} answered in shadow, and did not run there"
        return ""

    def _in_shadow(self, digest: str, at: datetime) -> bool:
        mine = (x for x in self._shadows if x.digest == digest)
        return any(x.until is None or at - x.until <= IN_FLIGHT_MAX for x in mine)

    def _decided_wrong(self, recorded: e.Recorded) -> str:
        """Why the decision in a fact cannot have been made when it was recorded; "" when it can.

        It is by the rules in force, or by those before them: the command was on its way when they
        were replaced. By others only within ten minutes of their end. Nothing is known of decisions
        before rules were first recorded.
        """
        decision = decision_of(recorded.data)
        if decision is None or decision.digest == NO_POLICY or not self._reigns:
            return ""
        if isinstance(recorded.data, e.PolicyEvent) and decision.digest in self._shipped:
            return ""
        about = (decision.digest, decision.schema_digest)
        if any((x.digest, x.schema_digest) == about for x in self._reigns[-2:]):
            return ""
        late = (x for x in self._reigns if (x.digest, x.schema_digest) == about)
        if any(x.until is not None and recorded.time - x.until <= IN_FLIGHT_MAX for x in late):
            return ""
        now = self._reigns[-1].digest
        return f"it was decided by the rules {decision.digest[:12]}, and {now[:12]} are in force"


def decision_of(fact: e.Event) -> e.Decision | None:
    """The decision in a fact, if there is one."""
    found = getattr(fact, "decision", None)
    return found if isinstance(found, e.Decision) else None


def answers_in(fact: e.Event) -> tuple[e.Decision, ...]:
    """All answers of a policy in a fact: its decision, and what that passed over."""
    decision, overridden = decision_of(fact), getattr(fact, "overridden", None)
    found = (decision, overridden if isinstance(overridden, e.Decision) else None)
    return tuple(x for x in found if x is not None)
