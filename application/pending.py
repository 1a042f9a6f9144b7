"""Which cancels wait now, and for what, as the stream tells it."""

from typing import Final

from msgspec import Struct

from application.board import Board
from application.ledger import Ledger
from application.ports import Policy
from application.visibility import Owned, Visibility
from domain.identity import Caller
from domain.job import Job
from domain.waiting import WaitingCancel

BOARD_SECONDS: Final = 5.0


class Pending(Struct, frozen=True):
    """A cancel that waits, and its job."""

    job: Job
    cancel: WaitingCancel


class PendingSeen(Struct, frozen=True):
    """All that wait, what is due first first; and the position of the stream it is true for."""

    cancels: tuple[Pending, ...]
    position: int


class PendingCancels:
    """Asks the board."""

    def __init__(self, board: Board, ledger: Ledger, policy: Policy) -> None:
        self._board = board
        self._ledger = ledger
        self._visibility = Visibility(policy)

    async def seen(self, caller: Caller) -> PendingSeen:
        """On jobs that this person may see. Raises ``NotPermitted`` for who may not act for the
        person they name, ``Unavailable`` while the stream is being read."""
        self._visibility.check_acting(caller)
        self._board.check()
        await self._board.wait_until(self._ledger.position, BOARD_SECONDS)
        position, jobs = self._board.position, self._board.jobs
        waiting = [jobs[n] for n in self._board.waiting if n in jobs]
        seen = [job for job in waiting if self._sees(caller, job)]
        found = [Pending(job, cancel) for job in seen for cancel in job.waiting_cancels.values()]
        found.sort(key=lambda x: (x.cancel.look_at, x.job.id, x.cancel.version))
        return PendingSeen(tuple(found), position)

    def _sees(self, caller: Caller, job: Job) -> bool:
        return self._visibility.sees(caller, Owned(job.owner, job.job_type))
