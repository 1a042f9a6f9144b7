"""What people ask without changing anything: a job now or then, its replay, the stream."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from application.board import Board
from application.ledger import Ledger
from application.loading import Until
from application.ports import (
    CaughtUp,
    EventLog,
    Journal,
    Policy,
    Selection,
    Stored,
    Undecodable,
)
from application.retelling import EVENTS_MAX, JobEvents, Replayed, Retelling
from application.sight import Eyes, Sight, eyes_of
from application.tail import Passage, Tail
from application.visibility import Owned, Visibility
from domain.cluster import job_number
from domain.errors import Unavailable, Unknown
from domain.events import job_aggregate
from domain.hresult import HResult
from domain.identity import Caller
from domain.job import Job, removal
from domain.states import JOB_ENDED
from projections.explanation import Sentence
from projections.stamps import stamp

QUIET_SECONDS: Final = 15.0
MICROSECOND: Final = timedelta(microseconds=1)
FIRST_MOMENT: Final = datetime.min.replace(tzinfo=UTC)

KNOW_SECONDS: Final = 10.0
"""How long an answer waits for a position that was asked for."""


class Snapshot(Struct, frozen=True):
    """A job as it was at ``position`` (the place of its last event in the stream) and no later."""

    job: Job
    position: int


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
        self,
        ledger: Ledger,
        log: EventLog,
        journal: Journal,
        board: Board,
        policy: Policy,
        tail: Tail,
    ) -> None:
        self._ledger = ledger
        self._log = log
        self._journal = journal
        self._board = board
        self._tail = tail
        self._visibility = Visibility(policy)
        self._sight = Sight(ledger, self._visibility)
        self._retelling = Retelling(ledger)

    @property
    def position(self) -> int:
        """This service knows the stream up to here: what is asked from now on is true for it."""
        return self._board.position

    def check_acting(self, caller: Caller) -> None:
        """Pass, or raise ``NotPermitted`` for who may not act for the person they name."""
        self._visibility.check_acting(caller)

    async def check_sees(self, caller: Caller, job_id: int) -> None:
        """Pass, or raise as every question about a job does: ``NotPermitted``, ``Unknown``."""
        await self._seen(caller, str(job_id))

    async def know(self, position: int) -> None:
        """Return when this service knows the stream up to a position. ``Unavailable`` when it does
        not in time, ``Unknown`` for a position that there is not."""
        if position <= self._board.position:
            return
        last = (await self._log.identity()).last
        if position > last:
            raise beyond(position, last)
        await self._board.wait_until(position, KNOW_SECONDS)

    async def job(
        self,
        caller: Caller,
        job_id: str,
        *,
        version: int | None = None,
        at: datetime | None = None,
    ) -> Snapshot:
        """The job now, after ``version`` of its events, or at the moment ``at``."""
        number = await self._seen(caller, job_id)
        if version is None and at is None:
            held = await self._ledger.held(number)
        else:
            held = await self._ledger.job_then(number, await self._until(number, version, at))
        job = held.state
        assert job is not None, "it has events"
        if job.removed and version is None and at is None:
            raise Unknown(
                f"{removal(job)}; its events stay, and so does every version of it",
                code="unknown_job",
                hresult=HResult.INVALID_JOB_ID,
            )
        return Snapshot(job, held.token.position)

    async def events(
        self, caller: Caller, job_id: str, *, after: int = 0, limit: int = EVENTS_MAX
    ) -> JobEvents:
        """Events of a job above a position, exact bytes, in order; at most ``limit``."""
        number = await self._seen(caller, job_id)
        return await self._retelling.events(job_aggregate(number), after, limit)

    async def event(self, caller: Caller, position: int) -> Stored:
        """The event at a position. ``Unknown`` for none, also for one that this person may not
        see: which positions there are is no secret, what they are about is."""
        self._visibility.check_reading(caller)
        for stored in await self._sight.seen(eyes_of(caller), await self._at(position)):
            return stored
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
        after: int = 0,
        limit: int = EVENTS_MAX,
    ) -> Replayed:
        """The job from its stored bytes, step by step, compared at the end with the live state.

        At most ``limit`` steps, after the version ``after``.
        """
        number = await self._seen(caller, job_id)
        until = await self._until(number, version, at)
        if after:
            await self._check_version(number, after)
        return await self._retelling.replay(number, until, after, limit)

    async def explain(
        self, caller: Caller, job_id: str, *, at: datetime | None = None
    ) -> Explained:
        """Why the job ended, or has not, as it was at the moment ``at``."""
        number = await self._seen(caller, job_id)
        sentences, position = await self._retelling.explain(
            number, await self._until(number, None, at)
        )
        return Explained(str(number), sentences, position)

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
        since: datetime | None = None,
        types: frozenset[str] | None = None,
        job_id: str | None = None,
        actors: frozenset[str] | None = None,
        follow: bool = True,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> AsyncGenerator[Passage | CaughtUp, None]:
        """The stream from a position on: all of it for those who see everything, else own jobs.

        First a passage without events, at the place where it begins: ``after``, or with ``since``
        just before the first event that is not earlier (if there is none yet, at the end); with
        both, the later place. One ``CaughtUp`` when all has been given that existed at the call;
        with ``follow`` the live part comes next, without end, across outages of the log. What is
        given stands in the log and in the journal; no event is lost, none comes twice, and the
        order is the log's. A passage comes at least every ``quiet_seconds``; one without events
        says how far nothing was to be seen.

        Raises ``NotPermitted`` for who may see nothing at all, ``Unknown`` for a position beyond
        the end, and what ended the journal's keeper for good. Who leaves early closes it
        (``contextlib.aclosing``).
        """
        if job_id is None:
            self._visibility.check_reading(caller)
        self._tail.check()
        last = (await self._log.identity()).last
        if after > last:
            raise beyond(after, last)
        one = None if job_id is None else job_aggregate(await self._seen(caller, job_id))
        only, eyes = Selection(types, one, actors), eyes_of(caller, may_see_all=one is not None)
        position = after if since is None else max(after, await self._before(since, last))
        last = max(last, position)
        yield Passage((), position)
        while position < last:
            found = await self._next(position, last, only, eyes, quiet_seconds)
            position = found.position
            yield found
        yield CaughtUp(last)
        while follow:
            found = await self._next(position, None, only, eyes, quiet_seconds)
            position = found.position
            yield found

    async def first_later_than(self, at: datetime) -> int | None:
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

    # --- how --------------------------------------------------------------------------------------

    async def _next(
        self, after: int, until: int | None, only: Selection, eyes: Eyes, quiet_seconds: float
    ) -> Passage:
        """The next of what is wanted and may be seen."""
        found = await self._tail.passage(after, until=until, only=only, quiet_seconds=quiet_seconds)
        return Passage(await self._sight.seen(eyes, found.events), found.position)

    async def _at(self, position: int) -> tuple[Stored, ...]:
        """The event at a position: from the journal, or from the log when it is newer."""
        kept = await asyncio.to_thread(self._journal.read, position - 1, 1)
        if kept or position > (await self._log.identity()).last:
            return tuple(x for x in kept if x.position == position)
        async with aclosing(self._log.read(position - 1)) as batches:
            async for batch in batches:
                return () if isinstance(batch, CaughtUp) else batch[:1]
        return ()

    async def _before(self, since: datetime, last: int) -> int:
        """The position just before the first event that is not earlier; ``last`` if none is."""
        found = await self.first_later_than(just_before(since))
        return last if found is None else found - 1

    async def _until(self, number: int, version: int | None, at: datetime | None) -> Until:
        """How far that is. ``Unknown`` for a version that there is not, or before the job was."""
        if version is not None:
            await self._check_version(number, version)
        below = None if at is None else await self.first_later_than(at)
        if at is not None and below is not None:
            first = await self._ledger.histories.first(job_aggregate(number))
            if first is None or first.position >= below:
                raise Unknown(
                    f"job {number} did not exist yet at {stamp(at)}", code="unknown_version"
                )
        return Until(version, below)

    async def _check_version(self, number: int, version: int) -> None:
        """Pass for a version that the job has, or may have where its end cannot be read."""
        last = await self._ledger.histories.last(job_aggregate(number))
        newest = last.fact.version if last else 0
        if version < 1 or (newest is not None and version > newest):
            raise Unknown(
                f"job {number} has versions 1 to {newest}; there is no {version}",
                code="unknown_version",
            )

    async def _seen(self, caller: Caller, job_id: str) -> int:
        """The number of a job that there is and that this person may see."""
        self._visibility.check_acting(caller)
        number = job_number(job_id)
        aggregate = job_aggregate(number or 0)
        whose = await self._sight.owner(aggregate) if number else None
        if number is None or (
            whose is None and await self._ledger.histories.first(aggregate) is None
        ):
            raise Unknown(
                f"there is no job {job_id[:64]}", code="unknown_job", hresult=HResult.INVALID_JOB_ID
            )
        self._visibility.check(caller, whose or Owned("", None))
        return number


def just_before(time: datetime) -> datetime:
    """The last moment before ``time``: events count microseconds."""
    return max(time, FIRST_MOMENT + MICROSECOND) - MICROSECOND


def beyond(position: int, last: int) -> Unknown:
    """There is no such position."""
    return Unknown(
        f"the stream ends at {last}; there is no position {position}", code="unknown_position"
    )
