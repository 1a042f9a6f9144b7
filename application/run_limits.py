"""Run-time limits: what has run for too long is stopped, also when it ran out during an outage.

When a limit runs out is in the stream (the start, and the limit), so nothing is remembered here.
"""

import asyncio
from datetime import datetime
from typing import Final

from application.board import Board
from application.patience import RETRY_SECONDS
from application.ports import Clock, Reporter
from application.runs import Runs
from domain.commands import ExpireRuntime
from domain.errors import CountermandError
from domain.parameters import TASK_CANCEL_GRACE_PERIOD

LOOK_SECONDS_MIN: Final = 0.01
LOOK_SECONDS_MAX: Final = 30.0
"""How long it waits at most, should the clock be set."""


class RunLimits:
    """Looks when something happened, and when the next limit runs out."""

    def __init__(self, board: Board, runs: Runs, clock: Clock, reporter: Reporter) -> None:
        self._board = board
        self._runs = runs
        self._clock = clock
        self._reporter = reporter

    async def run(self) -> None:
        """Until cancelled; an outage is waited out."""
        await self._board.caught_up.wait()
        while True:
            looked_at = self._board.position
            if await self.expire_due():
                await self._board.moved(looked_at, self._seconds_left())
            else:
                await asyncio.sleep(RETRY_SECONDS)

    async def expire_due(self) -> bool:
        """Write down each limit that has run out; whether all could be."""
        well = True
        for job_id in self._board.limits.until(self._clock.now()):
            well = await self._expire(job_id) and well
        return well

    async def _expire(self, job_id: int) -> bool:
        """One job's; another job's are not held up by its trouble."""
        try:
            grace_seconds = await self._runs.parameter(TASK_CANCEL_GRACE_PERIOD)
            await self._runs.tell(job_id, ExpireRuntime(self._clock.now(), grace_seconds))
        except CountermandError as error:
            self._reporter("run_limit_waits", job=job_id, reason=error.message)
            return False
        return True

    def _seconds_left(self) -> float:
        """Until the next limit runs out, within bounds; one that ran out is written already."""
        return seconds_until(self._board.limits.earliest(), self._clock.now())


def seconds_until(moment: datetime | None, now: datetime) -> float:
    """How long to wait for a moment, within bounds; the most for none."""
    if moment is None:
        return LOOK_SECONDS_MAX
    return min(max((moment - now).total_seconds(), LOOK_SECONDS_MIN), LOOK_SECONDS_MAX)
