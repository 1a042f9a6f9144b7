"""TTLCompletedJobs: an ended job leaves the job view when its time is over. Its events stay.

Source: seed, Remarks. Ours is at once when due; the product waits for its clean-up hour. Jobs in
Configuring never leave.
"""

import asyncio
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from application.board import Board
from application.ledger import Ledger
from application.ports import Clock, Engine, Reporter, RunKey
from application.runs import Runs
from domain.commands import RemoveJob
from domain.errors import Corrupt, CountermandError, Refused
from domain.parameters import TTL_COMPLETED_JOBS

LOOK_SECONDS_MAX: Final = 30.0
RETRY_SECONDS: Final = 1.0


class Retention:
    """Removes jobs in the order of their ends."""

    def __init__(
        self,
        board: Board,
        ledger: Ledger,
        engine: Engine,
        runs: Runs,
        clock: Clock,
        reporter: Reporter,
    ) -> None:
        self._board = board
        self._ledger = ledger
        self._engine = engine
        self._runs = runs
        self._clock = clock
        self._reporter = reporter
        self._left: set[int] = set()

    async def run(self) -> None:
        """Look when something happened, at least every LOOK_SECONDS_MAX; until cancelled."""
        await self._board.caught_up.wait()
        while True:
            looked_at = self._board.position
            try:
                await self.remove_due()
                await self._board.moved(looked_at, LOOK_SECONDS_MAX)
            except CountermandError as error:
                self._reporter("retention_waits", reason=error.message)
                await asyncio.sleep(RETRY_SECONDS)

    async def remove_due(self) -> int:
        """Remove every job whose time is over; how many."""
        cluster = await self._ledger.cluster()
        kept = timedelta(days=cluster.value(TTL_COMPLETED_JOBS.name))
        latest = self._clock.now() - kept
        removed = 0
        for job_id in self._ended_until(latest):
            removed += await self._remove(job_id)
        return removed

    def _ended_until(self, latest: datetime) -> list[int]:
        """Jobs in the order of their ends: nothing is looked at beyond the first that may stay."""
        ended = takewhile(lambda x: x[1] <= latest, self._board.ended.items())
        waiting = self._left | self._board.jobs.keys()  # survivors keep a job on the board
        return [job_id for job_id, _ in ended if job_id not in waiting]

    async def _remove(self, job_id: int) -> int:
        """The notes of its runs first, so that a crash in between leaves none behind."""
        try:
            job = await self._ledger.job(job_id)
            for task in job.tasks.values() if job else ():
                for attempt in range(1, task.attempt + 1):
                    await self._engine.forget(RunKey(job_id, task.spec.id, 0, attempt))
            done = await self._runs.tell(job_id, RemoveJob())
        except (Corrupt, Refused) as error:
            self._left.add(job_id)
            self._reporter("job_stays_in_view", job=job_id, reason=error.message)
            return 0
        return len(done.recorded)
