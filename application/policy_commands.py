"""Rules proposed by one person and activated by another: each is one event on the policy.

What Cedar has to say of a text is found out before; the domain decides.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec.structs import replace

from application.admission import Admission
from application.ledger import Cause, Ledger
from application.policy_in_force import PolicyInForce
from application.ports import Clock, Policy, Rules
from application.receipts import Receipt, receipt, replayed
from domain import commands as c
from domain import events as e
from domain.errors import BadRequest, Misconfigured, Unavailable
from domain.freezing import FreezeWindow, in_force
from domain.identity import Caller, Origin, Principal
from domain.job import Asking
from domain.message import check_message, said_units
from domain.policy import Action, Question, RequestKnown
from domain.policy_life import (
    ActivatePolicy,
    Candidate,
    Command,
    PolicyLife,
    ProposePolicy,
    StartShadow,
    StopShadow,
    decide_policy,
    digest_of,
    long_as_json,
    operation_of,
)
from domain.questions import plain
from domain.states import Effect

BACKTEST: Final = re.compile(r"[0-9a-f]{64}")
ABLE_AT_LEAST: Final = 2
A_MONDAY: Final = datetime(2026, 11, 23, tzinfo=UTC)
HOURS_OF_A_WEEK: Final = 24 * 7
NOTE_UNITS: Final = 20


class PolicyCommands:
    """``administrators``: everybody who is known to be one, by name. ``objection``: why rules that
    can be asked, with this schema, are not to be put in force all the same; "" for nothing.
    ``tried``: the digest of the rules that the backtest of this digest has tried, "" where none is
    known; raises ``OSError``."""

    def __init__(
        self,
        ledger: Ledger,
        in_force: PolicyInForce,
        clock: Clock,
        admission: Admission,
        administrators: Callable[[], Awaitable[Sequence[Principal]]],
        objection: Callable[[str, str], str],
        tried: Callable[[str], str],
        freeze_windows: tuple[FreezeWindow, ...] = (),
    ) -> None:
        self._ledger = ledger
        self._in_force = in_force
        self._clock = clock
        self._admission = admission
        self._administrators = administrators
        self._objection = objection
        self._tried = tried
        self._freeze_windows = freeze_windows

    async def propose(self, caller: Caller, text: str, note: str, request_id: str) -> Receipt:
        """Proposed, or refused. Raises ``BadRequest`` for a note that none can have."""
        asked, candidate = await self._asked(caller, text, note, request_id)
        return await self._ask(caller, ProposePolicy(asked, caller, candidate, note))

    async def activate(
        self, caller: Caller, text: str, note: str, request_id: str, backtest: str = ""
    ) -> Receipt:
        """In force, proposed because nobody else has proposed it, or refused.

        Raises ``BadRequest`` as ``propose`` does, and for a backtest that is no digest.
        """
        if backtest and BACKTEST.fullmatch(backtest) is None:
            raise BadRequest(f"{backtest[:80]!r} is no digest of a backtest: it has 64 of 0-9a-f")
        asked, candidate = await self._asked(caller, text, note, request_id)
        untried = await self._untried(backtest, candidate.digest) if backtest else ""
        command = ActivatePolicy(asked, caller, candidate, note, backtest, untried)
        return await self._ask(caller, command)

    async def start_shadow(self, caller: Caller, text: str, note: str, request_id: str) -> Receipt:
        """In shadow from here on, or refused. Raises ``BadRequest`` as ``propose`` does.

        Whom the rules would lock out is not looked at: in shadow they lock out nobody.
        """
        asked = self._asked_by(caller, note, request_id)
        candidate = self._not_read(text)
        if asked.decision.effect is Effect.ALLOW:
            candidate, _ = await self._read(text)
        return await self._ask(caller, StartShadow(asked, caller, candidate, note))

    async def stop_shadow(self, caller: Caller, note: str, request_id: str) -> Receipt:
        """In shadow no more, or refused. Raises ``BadRequest`` as ``propose`` does."""
        asked = self._asked_by(caller, note, request_id)
        return await self._ask(caller, StopShadow(asked, caller, note))

    # --- how --------------------------------------------------------------------------------------

    async def _asked(
        self, caller: Caller, text: str, note: str, request_id: str
    ) -> tuple[c.Asked, Candidate]:
        """Who asks, what the policy says to it, and what there is to say of the text."""
        asked = self._asked_by(caller, note, request_id)
        if asked.decision.effect is Effect.ALLOW:
            return asked, await self._candidate(text)
        return asked, self._not_read(text)

    def _asked_by(self, caller: Caller, note: str, request_id: str) -> c.Asked:
        """Who asks, and what the policy says to it. Raises ``BadRequest`` for a bad note."""
        check_message(note)
        now = self._clock.now()
        said = plain(said_units(note), now, in_force(self._freeze_windows, now))
        decision = self._in_force.decide(Question(caller, Action.ACTIVATE_POLICY, said=said))
        return c.Asked(request_id, caller.asker, now, decision)

    def _not_read(self, text: str) -> Candidate:
        """The text, which nobody has looked at."""
        return Candidate(digest_of(text), text, digest_of(self._in_force.schema), 0)

    async def _untried(self, backtest: str, digest: str) -> str:
        """Why this is no backtest of the rules of this digest; "" when it is."""
        try:
            rules = await asyncio.to_thread(self._tried, backtest)
        except OSError as error:
            raise Unavailable(f"the backtests that were kept cannot be read: {error}") from error
        if rules == digest:
            return ""
        of = f"is of the rules {rules[:12]}" if rules else "is not known on this service"
        return (
            f"the backtest {backtest[:12]} {of}, and these are {digest[:12]}: run `countermand "
            "policy backtest FILE` with this file on the data directory of this service, and give "
            "the id that it ends with"
        )

    async def _candidate(self, text: str) -> Candidate:
        """The text, with what is wrong with it."""
        found, rules = await self._read(text)
        if rules is None:
            return found
        people = await self._administrators()
        return replace(found, locks_out=await asyncio.to_thread(locked_out, rules, people))

    async def _read(self, text: str) -> tuple[Candidate, Rules | None]:
        """The text, and its rules; None and the flaw where it has none."""
        found = self._not_read(text)
        too_long = long_as_json(text)
        if too_long:
            return replace(found, flaw=f"the policy is too long: {too_long}"), None
        try:
            rules = await asyncio.to_thread(self._in_force.rules_of, text)
        except Misconfigured as error:
            return replace(found, flaw=error.message), None
        flaw = await asyncio.to_thread(self._objection, text, self._in_force.schema)
        if flaw:
            return replace(found, flaw=flaw), None
        return replace(found, rule_count=rules.rule_count), rules

    async def _ask(self, caller: Caller, command: Command) -> Receipt:
        """Store what is decided; nothing for a request answered before."""

        def change(life: PolicyLife, _: datetime) -> Sequence[e.PolicyEvent]:
            fact = decide_policy(life, command)
            return self._admission.admitted(caller, [fact]) if fact is not None else []

        request_id, operation = command.asked.request_id, operation_of(command)
        cause = Cause(caller, correlation_id=request_id, causation_id=request_id)
        done = await self._ledger.change_policy(change, cause)
        if done.recorded:
            self._in_force.take(done.position, done.recorded[0].data)
            return receipt(done.recorded[0], done.position, operation, "", None)
        answered = done.after.asked[Asking(caller.asker, operation, request_id)]
        policy = self._ledger.policy_aggregate
        stored = await self._ledger.histories.event(policy, answered.version)
        return replayed(stored, operation, "", None)


def locked_out(rules: Policy, administrators: Sequence[Principal]) -> str:
    """Who could activate other rules under these, when those are too few; else "".

    Two of the administrators must be able to, or all when there are fewer.
    """
    needed = min(ABLE_AT_LEAST, len(administrators))
    able: list[str] = []
    for person in administrators:
        if may_always_activate(rules, person):
            able.append(person.name)
        if len(able) >= needed:
            return ""
    names = ", ".join(person.name for person in administrators)
    can = f"only {', '.join(able)} could" if able else "nobody could"
    return (
        f"under these rules {can} activate others at every hour of the week, and {needed} of the "
        f"administrators ({names}) must be able to; permit activate_policy to them"
    )


def may_always_activate(rules: Policy, person: Principal) -> bool:
    """Whether a person may, at the command line and with a note, at each hour of a week."""
    caller = Caller(person, origin=Origin.CLI)
    hours = (A_MONDAY + timedelta(hours=n) for n in range(HOURS_OF_A_WEEK))
    said = (RequestKnown(message_units=NOTE_UNITS, at=hour) for hour in hours)
    questions = (Question(caller, Action.ACTIVATE_POLICY, said=one) for one in said)
    return all(rules.decide(question).effect is Effect.ALLOW for question in questions)
