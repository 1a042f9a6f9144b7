"""Every job that is not over, as the stream tells it: what carrying out and waiting go by.

The board follows the log from its beginning, so it knows what this process decided and what an
earlier one did, alike. A job that has ended keeps only its number and the time of its end; a fact
that wakes it up again (a requeue) is folded onto its history, all others change nothing here.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Final

from msgspec import Struct

from application.histories import sha256_hex
from application.job_maker import JobKeys
from application.ledger import Ledger, readable
from application.loading import Until
from application.moments import Moments
from application.ports import CaughtUp, EventLog, Mark, Stored
from application.waiting_line import Changes, Occupied, WaitingLine
from domain.errors import Corrupt, CountermandError, Unavailable
from domain.events import (
    JOB,
    Aggregate,
    JobAdded,
    JobConfigured,
    JobLegalHoldPlaced,
    JobRemoved,
    JobRequeued,
    Recorded,
)
from domain.evolve import evolve
from domain.failing import next_limit
from domain.holding import held_until
from domain.job import Job
from domain.next_steps import wants_slots
from domain.states import JOB_ENDED
from domain.waiting_cancels import next_look

RETRY_SECONDS: Final = 0.2
PACE_SECONDS: Final = 0.02


Proof = Callable[[tuple[Stored, ...]], Awaitable[None]]


async def unproven(batch: tuple[Stored, ...]) -> None:
    """Take what the log says."""


class BoardState(Struct, frozen=True):
    """All that a board has read off the log, up to and with the event that ``mark`` names.

    ``keys``: as ``JobKeys.all`` tells them; ``corrupt``: aggregates and what is wrong with them.
    """

    mark: Mark
    jobs: tuple[Job, ...]
    ended: dict[int, datetime]
    queued_at: dict[int, int]
    corrupt: tuple[tuple[Aggregate, str], ...]
    keys: dict[str, dict[str, int]]


class Board:
    """``changed`` yields numbers of jobs to look at, each as soon as its event is in the log.

    ``ended``: when each job ended; ``limits``: when the next run-time limit of each runs out;
    ``holds``: until when each that is held is not in the line; ``waiting``: when something is due
    on a cancel of it that waits; ``reviews``: until when the first of its reviews is to be done. A
    job with such a cancel or review stays here, also when it has ended.
    """

    def __init__(
        self, log: EventLog, ledger: Ledger, keys: JobKeys, proof: Proof = unproven
    ) -> None:
        """``proof``: asked of each batch before it is read; what it raises ends ``run``."""
        self._log = log
        self._proof = proof
        self._ledger = ledger
        self._keys = keys
        self.jobs: dict[int, Job] = {}
        self.ended = Moments()
        self.limits = Moments()
        self.holds = Moments()
        self.waiting = Moments()
        self.reviews = Moments()
        self._let_go: dict[int, datetime] = {}
        self.queued_at: dict[int, int] = {}
        self.corrupt: dict[Aggregate, str] = {}
        self.position = 0
        self._last_sha256: Callable[[], str] = str  # of the event at ``position``, when asked for
        self.caught_up = asyncio.Event()
        self._moved = asyncio.Condition()
        self._changed = Changes()
        self.line = WaitingLine()
        self.occupied = Occupied()

    async def run(self) -> None:
        """Follow the log until cancelled; an outage is waited out."""
        while True:
            try:
                async with aclosing(self._log.read(self.position, follow=True)) as batches:
                    async for batch in batches:
                        await self._take(batch)
            except Unavailable:
                await asyncio.sleep(RETRY_SECONDS)

    def state(self, log_id: str) -> BoardState:
        """What is known now, for a board to go on from."""
        return BoardState(
            Mark(log_id, self.position, self._last_sha256()),
            tuple(self.jobs.values()),
            dict(self.ended.items()),
            dict(self.queued_at),
            tuple(self.corrupt.items()),
            self._keys.all(),
        )

    def restore(self, state: BoardState) -> None:
        """Know what another board knew. Only before ``run``."""
        self._keys.restore(state.keys)
        self.queued_at = dict(state.queued_at)
        for number, at in state.ended.items():
            self.ended.put(number, at)
        for job in state.jobs:
            self._hold(job)
        for aggregate, reason in state.corrupt:
            self._mark_corrupt(aggregate, reason)
        self.position = state.mark.position
        self._last_sha256 = partial(str, state.mark.sha256)

    def check(self) -> None:
        """Pass, or raise ``Unavailable``: what the log holds has not been read to its end yet.

        Whether it is whole is known only then; nothing new may be appended to a damaged one.
        """
        if not self.caught_up.is_set():
            raise Unavailable(f"the stream is being read; position {self.position} so far")

    async def changed(self) -> AsyncIterator[int]:
        """Numbers of jobs that something happened to; one consumer."""
        while True:
            yield await self._changed.get()

    def look_at(self, job_id: int) -> None:
        """Have a job looked at again."""
        self._changed.put(job_id)

    def let_go(self, job_id: int) -> None:
        """The hold of a job is over: it has its place in the line."""
        self._let_go[job_id] = self.holds[job_id]
        self._stand(self.jobs[job_id])
        self.look_at(job_id)

    async def wait_until(self, position: int, timeout_seconds: float) -> None:
        """Return when everything up to ``position`` is known here.

        Raises ``Unavailable`` when it takes too long.
        """
        try:
            async with asyncio.timeout(timeout_seconds), self._moved:
                await self._moved.wait_for(lambda: self.position >= position)
        except TimeoutError:
            raise Unavailable(
                f"the stream's events up to {position} have not been read yet (at {self.position})"
            ) from None

    async def wait_for(
        self, job_id: int, good: Callable[[Job | None], bool], timeout_seconds: float
    ) -> bool:
        """Whether ``good`` came true of the job (None when it is over) within the time."""
        try:
            async with asyncio.timeout(timeout_seconds), self._moved:
                await self._moved.wait_for(lambda: good(self.jobs.get(job_id)))
        except TimeoutError:
            return False
        return True

    async def moved(self, beyond: int, timeout_seconds: float, *, at_once: bool = False) -> None:
        """Return when something after position ``beyond`` was read, or the time is over.

        For those who look at moments of all jobs; unless ``at_once``, not for every single event of
        a busy time.
        """
        if not at_once:
            await asyncio.sleep(min(timeout_seconds, PACE_SECONDS))
        try:
            async with asyncio.timeout(timeout_seconds), self._moved:
                await self._moved.wait_for(lambda: self.position > beyond)
        except TimeoutError:
            return

    async def _take(self, batch: tuple[Stored, ...] | CaughtUp) -> None:
        """Event by event: after an outage in the middle none is folded twice."""
        if isinstance(batch, CaughtUp):
            self.caught_up.set()
            return
        await self._proof(batch)
        for stored in batch:
            await self._take_one(stored)
            self.position = stored.position
            self._last_sha256 = partial(sha256_hex, stored.raw)
        async with self._moved:
            self._moved.notify_all()

    async def _take_one(self, stored: Stored) -> None:
        """Damage, of whatever kind, concerns the one aggregate that it is in."""
        if stored.aggregate in self.corrupt:
            return
        try:
            recorded = readable(stored)
            self._ledger.seen(stored.aggregate, recorded.version)
            if stored.aggregate.kind == JOB:
                await self._fold(stored, recorded)
        except Corrupt as error:
            self._mark_corrupt(stored.aggregate, error.message)
        except CountermandError:
            raise
        except Exception as error:
            self._mark_corrupt(stored.aggregate, f"position {stored.position}: {error!r}")

    async def _fold(self, stored: Stored, recorded: Recorded) -> None:
        number = number_of(stored.aggregate)
        before = self.jobs.get(number)
        if before is not None or number not in self.ended:
            self._place(self._after(before, recorded), stored, recorded)
        elif isinstance(recorded.data, JobRemoved):
            self.ended.drop(number)
        elif isinstance(recorded.data, JobConfigured | JobRequeued | JobLegalHoldPlaced):
            self._place(await self._from_history(stored.aggregate, recorded), stored, recorded)

    def _after(self, before: Job | None, recorded: Recorded) -> Job:
        """The job with this fact: as the ledger has just folded it, where it did."""
        follows = recorded.version == (1 if before is None else before.version + 1)
        known = self._ledger.fresh.take(recorded) if follows else None
        return evolve(before, recorded) if known is None else known

    async def _from_history(self, aggregate: Aggregate, recorded: Recorded) -> Job:
        """A job that had ended, with its history up to and with this fact."""
        then = await self._ledger.job_then(number_of(aggregate), Until(recorded.version))
        assert then.state is not None, "a version is 1 or more"
        return then.state

    def _place(self, job: Job, stored: Stored, recorded: Recorded) -> None:
        """Keep what is not over; of the rest, when it ended."""
        if isinstance(recorded.data, JobAdded):
            if recorded.data.job_id != number_of(stored.aggregate):
                raise Corrupt(f"{stored.aggregate} was added as job {recorded.data.job_id}")
            asker = recorded.event.caller.asker
            self._keys.note(asker, recorded.data.request_id, job.id)
        if stored.type == "JobQueued":
            self.queued_at[job.id] = stored.position
        kept = job.legal_hold is not None or any(t.survivors for t in job.tasks.values())
        kept = kept or bool(job.waiting_cancels) or bool(job.reviews)
        if job.removed or (job.state in JOB_ENDED and not kept):
            self._drop(job.id)
        else:
            self._hold(job)
        over = job.state in JOB_ENDED and not job.removed
        self.ended.put(job.id, job.ended_at if over else None)
        if self.caught_up.is_set():  # before, nobody carries out; then all jobs are looked at
            self.look_at(job.id)

    def _hold(self, job: Job) -> None:
        self.jobs[job.id] = job
        self.occupied.put(job)
        self.limits.put(job.id, next_limit(job))
        self.waiting.put(job.id, next_look(job))
        self.reviews.put(job.id, min((x.review_by for x in job.reviews.values()), default=None))
        self._stand(job)

    def _stand(self, job: Job) -> None:
        """In the line, when it wants slots and is not held."""
        moment = held_until(job)
        self.holds.put(job.id, None if self._let_go.get(job.id) == moment else moment)
        if wants_slots(job) and job.id not in self.holds:
            self.line.put(job, self.queued_at.get(job.id, 0))
        else:
            self.line.drop(job.id)

    def _drop(self, job_id: int) -> None:
        self.jobs.pop(job_id, None)
        self.queued_at.pop(job_id, None)
        self.occupied.drop(job_id)
        self.limits.drop(job_id)
        self.waiting.drop(job_id)
        self.reviews.drop(job_id)
        self.holds.drop(job_id)
        self._let_go.pop(job_id, None)
        self.line.drop(job_id)

    def _mark_corrupt(self, aggregate: Aggregate, reason: str) -> None:
        """A damaged job is left as it is, with its runs, for a person."""
        self.corrupt[aggregate] = reason
        self._ledger.distrust(aggregate)
        if aggregate.kind == JOB and aggregate.id.isdigit():
            self._drop(int(aggregate.id))
            self.ended.drop(int(aggregate.id))


def number_of(aggregate: Aggregate) -> int:
    """A job's number; ``Corrupt`` for an aggregate that cannot be a job."""
    number = int(aggregate.id) if aggregate.id.isdigit() else 0
    if str(number) != aggregate.id or number < 1:
        raise Corrupt(f"{aggregate} is no job: its id is not a number from 1 on")
    return number
