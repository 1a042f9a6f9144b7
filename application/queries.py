"""What people ask without changing anything: a job now or then, its replay, the stream."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Final

from msgspec import Struct

from application.board import Board
from application.ledger import Ledger, readable
from application.ports import CaughtUp, EventLog, Journal, Policy, Stored, Undecodable
from application.replay import ReplayStep, steps_of
from application.scheduler import job_number
from domain.errors import NotPermitted, Unavailable, Unknown
from domain.events import JOB, Aggregate, Decision, JobAdded, job_aggregate
from domain.evolve import replay
from domain.hresult import HResult
from domain.identity import Caller, Role
from domain.job import Job
from domain.policy import Action, Question
from domain.states import JOB_ENDED, Effect, JobType
from projections.explanation import Sentence, explain

OWNERS_MAX: Final = 100_000


class Owned(Struct, frozen=True):
    """What decides who may see a job."""

    owner: str
    job_type: JobType | None


class Snapshot(Struct, frozen=True):
    """A job as it was at ``position`` (the place of its last event in the stream) and no later."""

    job: Job
    position: int


class Replayed(Struct, frozen=True):
    """A job told event by event. ``matches_live``: the last step equals the state held live; None
    when the replay was stopped before the end."""

    steps: tuple[ReplayStep, ...]
    job: Job
    position: int
    matches_live: bool | None


class Explained(Struct, frozen=True):
    """A job explained from its events up to ``position``."""

    job_id: str
    sentences: tuple[Sentence, ...]
    position: int


class Queries:
    """Answers for who may see; ``NotPermitted`` for the rest, ``Unknown`` for no such job.

    What is damaged can still be seen as far as it is readable, and its exact bytes whole.
    """

    def __init__(
        self, ledger: Ledger, log: EventLog, journal: Journal, board: Board, policy: Policy
    ) -> None:
        self._ledger = ledger
        self._log = log
        self._journal = journal
        self._board = board
        self._policy = policy
        self._owners: OrderedDict[Aggregate, Owned] = OrderedDict()

    async def job(
        self,
        caller: Caller,
        job_id: str,
        *,
        version: int | None = None,
        at: datetime | None = None,
    ) -> Snapshot:
        """The job now, after ``version`` of its events, or at the moment ``at``."""
        history = await self._history(caller, job_id, version, at)
        job = replay(readable(x) for x in history)
        assert job is not None, "the history is not empty"
        if job.removed and version is None and at is None:
            raise Unknown(
                f"job {job.id} was removed at {job.changed_at:%Y-%m-%d %H:%M:%S} UTC, because "
                "TTLCompletedJobs ran out; its events stay, and so does every version of it",
                code="unknown_job",
                hresult=HResult.INVALID_JOB_ID,
            )
        return Snapshot(job, history[-1].position)

    async def events(self, caller: Caller, job_id: str) -> tuple[Stored, ...]:
        """Every event of a job, exact bytes, in order."""
        return await self._seen(caller, job_id)

    async def event(self, caller: Caller, position: int) -> Stored:
        """The event at a position. ``Unknown`` for none, also for one that this person may not
        see: which positions there are is no secret, what they are about is."""
        self._check_acting(caller)
        found = await asyncio.to_thread(self._journal.read, position - 1, 1)
        if not found or found[0].position != position:
            async with aclosing(self._log.read(position - 1)) as batches:
                async for batch in batches:
                    found = () if isinstance(batch, CaughtUp) else batch[:1]
                    break
        if found and found[0].position == position and await self._shown(caller, found[0], None):
            return found[0]
        raise Unknown(
            f"there is no event {position} that {caller.subject.name} may see",
            code="unknown_position",
        )

    async def replay(
        self,
        caller: Caller,
        job_id: str,
        *,
        version: int | None = None,
        at: datetime | None = None,
    ) -> Replayed:
        """The job from its stored bytes, step by step, compared at the end with the live state."""
        number = job_number(job_id) if version is None and at is None else None
        live = await self._ledger.job(number) if number else None
        history = await self._history(caller, job_id, version, at)
        steps = tuple(steps_of([(x.position, readable(x)) for x in history]))
        same = None if live is None else live == steps[live.version - 1].job
        return Replayed(steps, steps[-1].job, history[-1].position, same)

    async def explain(
        self, caller: Caller, job_id: str, *, at: datetime | None = None
    ) -> Explained:
        """Why the job ended, or has not, as it was at the moment ``at``."""
        history = await self._history(caller, job_id, None, at)
        sentences = explain((x.position, readable(x)) for x in history)
        return Explained(history[-1].aggregate.id, sentences, history[-1].position)

    async def ended(self, caller: Caller, job_id: str, timeout_seconds: float) -> Snapshot:
        """The job when it has ended, or as it is when the time is over."""
        now = await self.job(caller, job_id)
        try:
            await self._board.wait_until(now.position, timeout_seconds)
        except Unavailable:  # the time is over before the board knows of the job
            return now
        await self._board.wait_for(
            now.job.id, lambda job: job is None or job.state in JOB_ENDED, timeout_seconds
        )
        return await self.job(caller, job_id)

    async def follow(
        self,
        caller: Caller,
        after: int,
        *,
        types: frozenset[str] | None = None,
        job_id: str | None = None,
        follow: bool = True,
    ) -> AsyncGenerator[Stored | CaughtUp, None]:
        """The stream from a position on: all of it for those who see everything, else own jobs.

        Who leaves early closes it (``contextlib.aclosing``).
        """
        self._check_acting(caller)
        last = (await self._log.identity()).last
        if after > last:
            raise Unknown(
                f"the stream ends at {last}; there is no position {after}", code="unknown_position"
            )
        one = None if job_id is None else (await self._seen(caller, job_id))[0].aggregate
        async with aclosing(self._log.read(after, types=types, follow=follow)) as batches:
            async for batch in batches:
                if isinstance(batch, CaughtUp):
                    yield batch
                    continue
                for stored in batch:
                    if await self._shown(caller, stored, one):
                        yield stored

    # --- how --------------------------------------------------------------------------------------

    async def _shown(self, caller: Caller, stored: Stored, one: Aggregate | None) -> bool:
        if one is not None:
            return stored.aggregate == one
        if sees_everything(caller):
            return True
        if stored.aggregate.kind != JOB:
            return False
        owned = await self._owned(stored.aggregate)
        return owned is not None and self._may_view(caller, owned).effect is Effect.ALLOW

    async def _owned(self, aggregate: Aggregate) -> Owned | None:
        """Whose job it is, which never changes; None when that cannot be read."""
        found = self._owners.pop(aggregate, None)
        if found is None:
            history = await self._ledger.history(aggregate)
            found = owned(history[0]) if history else None
        if found is not None:
            self._owners[aggregate] = found
        while len(self._owners) > OWNERS_MAX:
            self._owners.popitem(last=False)
        return found

    def _may_view(self, caller: Caller, job: Owned) -> Decision:
        return self._policy.decide(Question(caller, Action.VIEW, job.owner, job.job_type))

    async def _history(
        self, caller: Caller, job_id: str, version: int | None, at: datetime | None
    ) -> tuple[Stored, ...]:
        history = await self._seen(caller, job_id)
        if version is not None:
            if not 1 <= version <= len(history):
                raise Unknown(
                    f"job {job_id} has versions 1 to {len(history)}; there is no {version}",
                    code="unknown_version",
                )
            return history[:version]
        if at is None:
            return history
        later = await self._first_later_than(at)
        then = tuple(x for x in history if later is None or x.position < later)
        if not then:
            raise Unknown(
                f"job {job_id} did not exist yet at {at.isoformat()}", code="unknown_version"
            )
        return then

    async def _first_later_than(self, at: datetime) -> int | None:
        """Position of the first event of the whole stream that is later than ``at``."""
        mark = await asyncio.to_thread(self._journal.mark)
        kept = await asyncio.to_thread(self._journal.first_later_than, at)
        if kept is not None:
            return kept
        async with aclosing(self._log.read(mark.position if mark else 0)) as batches:
            async for batch in batches:
                for stored in () if isinstance(batch, CaughtUp) else batch:
                    if not isinstance(stored.fact, Undecodable) and stored.fact.time > at:
                        return stored.position
        return None

    async def _seen(self, caller: Caller, job_id: str) -> tuple[Stored, ...]:
        self._check_acting(caller)
        number = job_number(job_id)
        history = await self._ledger.history(job_aggregate(number)) if number else ()
        if not history:
            raise Unknown(
                f"there is no job {job_id[:64]}", code="unknown_job", hresult=HResult.INVALID_JOB_ID
            )
        answer = self._may_view(caller, owned(history[0]) or Owned("", None))
        if answer.effect is not Effect.ALLOW:
            raise NotPermitted(answer.explanation, hresult=HResult.PERMISSION_DENIED)
        return history

    def _check_acting(self, caller: Caller) -> None:
        """Who asks for somebody must be allowed to see at least what is that person's own."""
        if caller.on_behalf_of is None:
            return
        answer = self._may_view(caller, Owned(caller.subject.name, JobType.BATCH))
        if answer.effect is not Effect.ALLOW:
            raise NotPermitted(answer.explanation, hresult=HResult.PERMISSION_DENIED)


def owned(stored: Stored) -> Owned | None:
    """What the first event of a job says; None when it does not."""
    fact = None if isinstance(stored.fact, Undecodable) else stored.fact.data
    return Owned(fact.owner, fact.job_type) if isinstance(fact, JobAdded) else None


def sees_everything(caller: Caller) -> bool:
    """Whether this person's role lets them see every job."""
    return set(caller.subject.roles) & SEEING != set()


SEEING = frozenset({Role.ADMINISTRATOR, Role.JOB_ADMINISTRATOR, Role.JOB_OPERATOR, Role.AUDITOR})
