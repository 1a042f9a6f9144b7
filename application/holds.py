"""HoldUntil: a job that is held stands in no line, until its moment has come.

The moment is in the stream, so nothing is remembered here: after a start all holds are known again.
"""

from application.board import Board
from application.ports import Clock
from application.run_limits import seconds_until


class Holds:
    """Looks when something happened, and when the next hold is over."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        await self._board.caught_up.wait()
        while True:
            looked_at = self._board.position
            self.let_go_due()
            left = seconds_until(self._board.holds.earliest(), self._clock.now())
            await self._board.moved(looked_at, left, at_once=bool(self._board.holds))

    def let_go_due(self) -> None:
        """Put each job whose hold is over in its place in the line."""
        for job_id in self._board.holds.until(self._clock.now()):
            self._board.let_go(job_id)
