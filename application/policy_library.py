"""Every policy there was, by the events on it: which was in force when, and what it would say."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from application.histories import readable
from application.ledger import Ledger
from application.policy_in_force import PolicyInForce
from application.ports import Clock
from application.queries import Queries
from application.visibility import not_permitted
from domain import events as e
from domain.errors import Unknown
from domain.freezing import FreezeWindow, in_force
from domain.identity import Caller, Principal
from domain.job import Job
from domain.policy import Action, JobKnown, Question, RequestKnown
from domain.policy_life import digest_of
from domain.questions import of_cancel, on_job, plain
from domain.remaking_policy import WithText
from domain.states import CancelMode, Effect
from projections.stamps import stamp

MADE_UP: Final = (
    "what rules say to a job or a person that there is not is tried as a case, by `countermand "
    "policy test`"
)


class PolicyText(Struct, frozen=True):
    """Rules, with the schema that they were asked with at that time, and the event that brought
    them. ``in_force``: whether they were; else they were only proposed, or ran in shadow.
    ``broken``: why they cannot be asked, of those in force now."""

    rules: str
    schema: str
    schema_digest: str
    position: int
    recorded: e.Recorded
    in_force: bool
    broken: str = ""

    @property
    def fact(self) -> WithText:
        """What was recorded."""
        data = self.recorded.data
        assert isinstance(data, WithText), "it has a text"
        return data


class PolicyStep(Struct, frozen=True):
    """A fact about the policy, and its place in the stream."""

    position: int
    recorded: e.Recorded


class Wondering(Struct, frozen=True):
    """What somebody wants to know: may ``person`` do ``action`` on a job, with such a request?"""

    job_id: str
    person: str
    action: Action
    mode: CancelMode | None = None
    message_units: int = 0
    reason_code: str = ""


WITH_MESSAGE: Final = frozenset(
    {
        *(Action.CANCEL, Action.CANCEL_TASK, Action.BREAK_GLASS, Action.FINISH, Action.REQUEUE),
        *(Action.PROTECT, Action.UNPROTECT, Action.LEGAL_HOLD),
        *(Action.APPROVE, Action.WITHDRAW, Action.REVIEW),
    }
)
"""Acts with which something can be said."""

CANCELS: Final = frozenset({Action.CANCEL, Action.CANCEL_TASK, Action.BREAK_GLASS})


class PolicyLibrary:
    """Answers for who may see the policy; ``NotPermitted`` for the rest."""

    def __init__(
        self,
        ledger: Ledger,
        queries: Queries,
        in_force: PolicyInForce,
        clock: Clock,
        freeze_windows: tuple[FreezeWindow, ...] = (),
    ) -> None:
        self._ledger = ledger
        self._queries = queries
        self._in_force = in_force
        self._clock = clock
        self._freeze_windows = freeze_windows

    async def history(self, caller: Caller) -> tuple[PolicyStep, ...]:
        """Every fact about the policy, in order."""
        self._check(caller)
        async with aclosing(self._steps()) as steps:
            return tuple([step async for step in steps])

    async def at(
        self, caller: Caller, *, position: int | None = None, at: datetime | None = None
    ) -> PolicyText:
        """The rules in force now, after the event at a position, or at a moment. ``Unknown`` when
        there were none yet, and for a position that there is not."""
        self._check(caller)
        below = await self._below(position, at)
        found = await self._found(below, lambda fact: isinstance(fact, e.PolicyActivated))
        if found is None:
            when = stamp(at) if at is not None else f"event {position}"
            raise Unknown(f"no rules were recorded yet at {when}", code="unknown_policy")
        return found if below is not None else replace(found, broken=self._in_force.broken)

    async def shadow(
        self, caller: Caller, *, position: int | None = None, at: datetime | None = None
    ) -> PolicyText:
        """The rules that run in shadow now, did so after the event at a position, or at a moment.
        ``Unknown`` when none did, and for a position that there is not."""
        self._check(caller)
        below = await self._below(position, at)
        started = lambda fact: isinstance(fact, e.PolicyShadowStarted)  # noqa: E731
        found = await self._found(below, started, ends_shadow)
        if found is None:
            raise Unknown("no rules run in shadow, or did then", code="unknown_policy")
        return found

    async def _below(self, position: int | None, at: datetime | None) -> int | None:
        """The first position that does not count any more; None when all do."""
        if position is not None:
            await self._queries.know(position)
        below = None if position is None else position + 1
        return await self._queries.first_later_than(at) if at is not None else below

    async def named(self, caller: Caller, digest: str) -> PolicyText:
        """The latest rules whose digest begins so, whatever became of them. ``Unknown`` for none,
        and when there are several."""
        self._check(caller)
        digests = set[str]()
        async with aclosing(self._steps()) as steps:
            async for step in steps:
                fact = step.recorded.data
                if isinstance(fact, WithText):
                    digests |= {fact.digest} if fact.digest.startswith(digest) else set()
        if len(digests) != 1:
            many = f"{len(digests)} policies have" if digests else "no policy has"
            raise Unknown(
                f"{many} a digest that begins with {digest}; `countermand policy history` lists "
                "all of them",
                code="unknown_policy",
            )
        (whole,) = digests
        found = await self._found(None, lambda fact: fact.digest == whole)
        assert found is not None, "it was found just now"
        return found

    async def answer(
        self,
        caller: Caller,
        wondering: Wondering,
        named: Callable[[str], Awaitable[Principal]],
    ) -> e.Decision:
        """What the rules in force would say now; nothing is done, and nothing recorded.

        Raises as a look at the job does, and what ``named`` raises for no such person; for neither
        anything is guessed.
        """
        self._check(caller)
        job = await self._job(caller, wondering.job_id)
        person = Caller(await self._person(wondering.person, named), origin=caller.origin)
        now = self._clock.now()
        question = on_job(person, wondering.action, job, self._said(wondering, now), now)
        if wondering.action is Action.VIEW:
            question = replace(question, job=JobKnown(), said=RequestKnown())
        return self._in_force.asked(question)

    async def _job(self, caller: Caller, job_id: str) -> Job:
        try:
            return (await self._queries.job(caller, job_id)).job
        except Unknown as error:
            words = f"{error.message}; `countermand ls` has those there are: {MADE_UP}"
            raise Unknown(words, code=error.code, hresult=error.hresult) from None

    async def _person(self, name: str, named: Callable[[str], Awaitable[Principal]]) -> Principal:
        try:
            return await named(name)
        except Unknown as error:
            raise Unknown(f"{error.message}; {MADE_UP}", code="no_such_person") from None

    def _said(self, wondering: Wondering, now: datetime) -> RequestKnown:
        """The request, with all that a real one would tell."""
        windows, length = in_force(self._freeze_windows, now), wondering.message_units
        if wondering.action in CANCELS:
            mode = wondering.mode or CancelMode.NORMAL
            return of_cancel(mode, length, wondering.reason_code, now, 1, windows)
        return plain(length if wondering.action in WITH_MESSAGE else None, now, windows)

    # --- how --------------------------------------------------------------------------------------

    def _check(self, caller: Caller) -> None:
        answer = self._in_force.decide(Question(caller, Action.VIEW_POLICY))
        if answer.effect is not Effect.ALLOW:
            raise not_permitted(answer)

    async def _found(
        self,
        below: int | None,
        wanted: Callable[[WithText], bool],
        ended: Callable[[e.Event], bool] = lambda _: False,
    ) -> PolicyText | None:
        """The last fact with rules that is wanted and that none has ``ended`` since, with the
        schema of that time."""
        schema, found = "", None
        async with aclosing(self._steps()) as steps:
            async for step in steps:
                if below is not None and step.position >= below:
                    break
                fact = step.recorded.data
                if isinstance(fact, e.PolicySchemaRecorded):
                    schema = fact.text
                elif isinstance(fact, WithText) and wanted(fact):
                    found = step
                elif ended(fact):
                    found = None
        return None if found is None else text_of(found, schema)

    async def _steps(self) -> AsyncGenerator[PolicyStep, None]:
        pages = self._ledger.histories.pages(self._ledger.policy_aggregate)
        async with aclosing(pages) as all_pages:
            async for page in all_pages:
                for stored in page:
                    yield PolicyStep(stored.position, readable(stored))


def text_of(step: PolicyStep, schema: str) -> PolicyText:
    """The rules in a fact that has some."""
    fact = step.recorded.data
    assert isinstance(fact, WithText), "it has a text"
    return PolicyText(
        rules=fact.text,
        schema=schema,
        schema_digest=digest_of(schema),
        position=step.position,
        recorded=step.recorded,
        in_force=isinstance(fact, e.PolicyActivated),
    )


def ends_shadow(fact: e.Event) -> bool:
    """Whether what ran in shadow does so no more."""
    if isinstance(fact, e.PolicyActivated):
        return fact.shadow_version > 0
    return isinstance(fact, e.PolicyShadowStopped)
