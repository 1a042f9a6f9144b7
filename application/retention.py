"""TTLCompletedJobs: an ended job leaves the job view when its time is over. Its events stay.

Source: seed, Remarks. Ours is at once when due; the product waits for its clean-up hour. Jobs in
Configuring never leave.

Thousands may be due at once: after an outage, or when the parameter gets a smaller value. They go
in batches, a few at a time, so that a command waits for a few appends and not for thousands; before
each batch the parameter is read again, so that a new value stops what has not been done yet. From a
service that is read-only none goes: who looks at its stream wants everything as it was.
"""

import asyncio
from collections.abc import Callable, Container, Sequence
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Final

from application.board import Board
from application.engine import Engine
from application.ledger import Ledger
from application.ports import Clock, Reporter
from application.runs import Runs
from domain.commands import RemoveJob
from domain.errors import Corrupt, CountermandError, Refused
from domain.events import job_aggregate
from domain.instruct import removable
from domain.parameters import TTL_COMPLETED_JOBS

LOOK_SECONDS_MIN: Final = 0.001
LOOK_SECONDS_MAX: Final = 30.0
"""How long it waits at most, should the clock be set."""

RETRY_SECONDS: Final = 1.0
BATCH_JOBS: Final = 64
IN_FLIGHT_MAX: Final = 8
"""How many removals are under way at once: more of them do not go faster, but hold up commands."""


class Retention:
    """Removes jobs in the order of their ends. ``held``: why none may be now, or ""."""

    def __init__(
        self,
        board: Board,
        ledger: Ledger,
        engine: Engine,
        runs: Runs,
        clock: Clock,
        reporter: Reporter,
        held: Callable[[], str],
    ) -> None:
        self._board = board
        self._ledger = ledger
        self._engine = engine
        self._runs = runs
        self._clock = clock
        self._reporter = reporter
        self._held = held
        self._left: set[int] = set()

    async def run(self) -> None:
        """Look when something happened, and when the next job is due; until cancelled."""
        await self._board.caught_up.wait()
        while True:
            looked_at = self._board.position
            try:
                await self.remove_due()
                await self._board.moved(looked_at, await self._seconds_left())
            except CountermandError as error:
                self._reporter("retention_waits", reason=error.message)
                await asyncio.sleep(RETRY_SECONDS)

    async def remove_due(self) -> int:
        """Remove every job whose time is over, the earliest end first; how many.

        A job that the board has not seen leave yet is not removed twice.
        """
        removed, done = 0, set[int]()
        while not self._held() and (batch := self._next(await self._latest(), done)):
            removed += await self._remove_all(batch)
            done.update(batch)
        return removed

    async def _seconds_left(self) -> float:
        """How long the next job may still stay, within bounds."""
        kept, now = await self._kept(), self._clock.now()
        ended_at = self._board.ended.first_after(now - kept)
        if ended_at is None:
            return LOOK_SECONDS_MAX
        left = (ended_at + kept - now).total_seconds()
        return min(max(left, LOOK_SECONDS_MIN), LOOK_SECONDS_MAX)

    async def _latest(self) -> datetime:
        """Jobs that ended by then are to go."""
        return self._clock.now() - await self._kept()

    async def _kept(self) -> timedelta:
        """How long jobs stay after their end."""
        cluster = await self._ledger.cluster()
        return timedelta(days=cluster.number(TTL_COMPLETED_JOBS))

    def _next(self, latest: datetime, done: Container[int]) -> list[int]:
        """A batch of jobs that ended by then; survivors and legal holds keep a job on the board."""
        ended, left, jobs = self._board.ended, self._left, self._board.jobs
        due = takewhile(lambda n: ended[n] <= latest, ended)
        free = (n for n in due if n not in done and n not in left and n not in jobs)
        return list(islice(free, BATCH_JOBS))

    async def _remove_all(self, batch: Sequence[int]) -> int:
        """Remove these, a few at a time; how many. Raises what the first failure is, if one fails,
        once nothing is under way any more."""
        waiting = iter(batch)

        async def some() -> int:
            return sum([await self._remove(job_id) for job_id in waiting])

        ends = await asyncio.gather(*(some() for _ in range(IN_FLIGHT_MAX)), return_exceptions=True)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return sum(end for end in ends if isinstance(end, int))

    async def _remove(self, job_id: int) -> int:
        """The notes of its runs first, so that a crash in between leaves none behind."""
        try:
            job = await self._ledger.job(job_id)
            if job is not None and not removable(job):  # a legal hold that is newer than the board
                return 0
            await self._engine.forget(job_id)
            done = await self._runs.tell(job_id, RemoveJob())
        except (Corrupt, Refused) as error:
            self._left.add(job_id)
            self._reporter("job_stays_in_view", job=job_id, reason=error.message)
            return 0
        self._ledger.forget(job_aggregate(job_id))  # room for what somebody still asks for
        return len(done.recorded)
