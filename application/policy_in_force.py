"""The policy that answers now: the rules that the stream says are in force.

Whatever is decided asks this one object. When other rules come into force it answers by them from
that moment on: at once for those that were activated here, and by what the stream says at a start.
Decisions that are made are no longer touched.
"""

import threading
from collections import OrderedDict
from typing import Final

from msgspec.structs import replace

from application.ports import Policy, ReadRules, Rules
from application.shadowing import in_shadow
from domain import events as e
from domain.errors import Misconfigured
from domain.identity import Role
from domain.policy import ACTION_IN_WORDS, POLICY_ERROR, Action, Question, facts_of
from domain.policy_life import digest_of
from domain.policy_requests import requests_of
from domain.policy_shadow import NEVER_RECORDED
from domain.refusal import POLICY_FAILED
from domain.states import Effect

READ_KEPT_MAX: Final = 8
WHY_CHARACTERS_MAX: Final = 300
STILL_ASKED: Final = frozenset(
    {Action.ACTIVATE_POLICY, Action.VIEW_POLICY, Action.VIEW_PRINCIPALS, Action.VIEW}
)
"""What an administrator may do although the rules in force cannot be asked: look, and have others
put in force."""


class BrokenRules:
    """Rules that cannot be asked. Everything is refused, with the error.

    An administrator who acts for nobody else is asked about by the rules that came with this
    release, so that there is a way out: activating others takes two of them, as ever.
    """

    rule_count = 0

    def __init__(self, text: str, schema: str, why: str, shipped: Policy) -> None:
        self.text = text
        self.digest = digest_of(text)
        self.schema_digest = digest_of(schema)
        self.why = " ".join(why.split())[:WHY_CHARACTERS_MAX]
        self._shipped = shipped

    def decide(self, question: Question) -> e.Decision:
        """No, but for an administrator who looks or activates."""
        caller = question.caller
        alone = caller.on_behalf_of is None and caller.actor.has(Role.ADMINISTRATOR)
        if alone and question.action in STILL_ASKED:
            return self._shipped.decide(question)
        words = ACTION_IN_WORDS[question.action]
        return self._no(requests_of(question), facts_of(question), caller.subject.name, words)

    def again(self, decision: e.Decision) -> e.Decision:
        """No, again."""
        if not decision.requests:
            raise ValueError("it was asked nothing")
        last = decision.requests[-1]
        words = ACTION_IN_WORDS[Action(last.action)]
        return self._no(decision.requests, decision.facts, last.principal.id, words)

    def recalled(self, decision: e.Decision) -> e.Decision:
        """No, again."""
        return self.again(decision)

    def _no(
        self,
        requests: tuple[e.PolicyRequest, ...],
        facts: dict[str, str],
        person: str,
        words: str,
    ) -> e.Decision:
        return e.Decision(
            effect=Effect.DENY,
            digest=self.digest,
            rules=(POLICY_ERROR,),
            facts=facts,
            errors=(self.why,),
            explanation=f"whether {person} may {words} could not be decided, and so they may not: "
            f"the policy in force cannot be used ({self.why}); tell an administrator",
            schema_digest=self.schema_digest,
            requests=requests,
        )


def usable(read: ReadRules, text: str, schema: str, shipped: Policy) -> Rules:
    """A text as rules, whatever it is: broken ones refuse everything."""
    try:
        return read(text, schema)
    except Misconfigured as error:
        return BrokenRules(text, schema, error.message, shipped)


class PolicyInForce:
    """``Policy``: always by the latest rules that it was told of. Those in shadow are asked beside
    them; what they say stands in the decision, and changes nothing else of it.

    ``position``: of the latest fact about the policy that it knows. ``errors``: how many of its
    answers were refusals because it could not be asked. ``schema``: the text that rules are held
    against.
    """

    def __init__(self, shipped: Rules, schema: str, read: ReadRules) -> None:
        self._shipped = shipped
        self._read = read
        self._reading = threading.Lock()  # texts are read beside the loop
        self._kept: OrderedDict[tuple[str, str], Rules] = OrderedDict()
        self._rules: Rules = shipped
        self._text = shipped.text
        self._shadow: Rules | None = None
        self._shadow_text = ""
        self.schema = schema
        self.position = 0
        self.errors = 0
        self._damaged = False

    @property
    def digest(self) -> str:
        """Of the rules that answer."""
        return self._rules.digest

    @property
    def broken(self) -> str:
        """Why they cannot be asked, "" when they can."""
        return self._rules.why if isinstance(self._rules, BrokenRules) else ""

    def decide(self, question: Question) -> e.Decision:
        """As the port says; what goes wrong is counted."""
        decision = self._rules.decide(question)
        if decision.errors or not POLICY_FAILED.isdisjoint(decision.rules):
            self.errors += 1
        if self._shadow is None or question.action in NEVER_RECORDED:
            return decision
        return replace(decision, shadow=in_shadow(self._shadow, decision))

    def asked(self, question: Question) -> e.Decision:
        """The answer to somebody who only wants to know it."""
        return self._rules.decide(question)

    def take(self, position: int, fact: e.Event) -> None:
        """One more fact about the policy; one that was told before changes nothing."""
        if position <= self.position or self._damaged:
            return
        self.position = position
        if isinstance(fact, e.PolicySchemaRecorded):
            self.schema = fact.text
        elif isinstance(fact, e.PolicyActivated):
            self._text = fact.text
            self._shadow_text = "" if fact.shadow_version else self._shadow_text
        elif isinstance(fact, e.PolicyShadowStarted):
            self._shadow_text = fact.text
        elif isinstance(fact, e.PolicyShadowStopped):
            self._shadow_text = ""
        else:
            return
        self._rules = self._usable(self._text)
        self._shadow = self._usable(self._shadow_text) if self._shadow_text else None

    def _usable(self, text: str) -> Rules:
        """As rules, whatever it is."""
        read = lambda text, _: self.rules_of(text)  # noqa: E731
        return usable(read, text, self.schema, self._shipped)

    def unreadable(self, why: str) -> None:
        """What the stream says of it cannot be read: nothing is in force until the next start."""
        self._damaged = True
        self._rules = BrokenRules("", self.schema, why, self._shipped)
        self._shadow = None

    def rules_of(self, text: str) -> Rules:
        """A text as rules, held against the schema in force. Raises ``Misconfigured``."""
        about = (digest_of(text), digest_of(self.schema))
        if about == (self._shipped.digest, self._shipped.schema_digest):
            return self._shipped
        with self._reading:
            if about not in self._kept:
                self._kept[about] = self._read(text, self.schema)
            self._kept.move_to_end(about)
            while len(self._kept) > READ_KEPT_MAX:
                self._kept.popitem(last=False)
            return self._kept[about]
