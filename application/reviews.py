"""What overrode the rules and nobody else has reviewed: told loudly, listed, counted."""

from typing import Final

from msgspec import Struct

from application.board import Board
from application.ledger import Ledger
from application.ports import Clock, Policy, Reporter
from application.run_limits import seconds_until
from application.visibility import Owned, Visibility
from domain.identity import Caller
from domain.job import Job
from domain.reviews import OpenReview

BOARD_SECONDS: Final = 5.0


class Review(Struct, frozen=True):
    """One that is open, and its job. ``overdue``: its time has run out."""

    job: Job
    use: OpenReview
    overdue: bool


class ReviewsSeen(Struct, frozen=True):
    """All that are open, the first to be done first; and the position that it is true for."""

    reviews: tuple[Review, ...]
    position: int


class Reviews:
    """Asks the board."""

    def __init__(
        self, board: Board, ledger: Ledger, policy: Policy, clock: Clock, reporter: Reporter
    ) -> None:
        self._board = board
        self._ledger = ledger
        self._visibility = Visibility(policy)
        self._clock = clock
        self._reporter = reporter
        self._told: set[tuple[int, int, str]] = set()

    async def seen(self, caller: Caller) -> ReviewsSeen:
        """On jobs that this person may see. Raises ``NotPermitted`` for who may not act for the
        person they name, ``Unavailable`` while the stream is being read."""
        self._visibility.check_acting(caller)
        self._board.check()
        await self._board.wait_until(self._ledger.position, BOARD_SECONDS)
        position = self._board.position
        found = tuple(x for x in self.open() if self._sees(caller, x.job))
        return ReviewsSeen(found, position)

    def open(self) -> tuple[Review, ...]:
        """All, the first to be done first."""
        now, jobs = self._clock.now(), self._board.jobs
        found = [
            Review(jobs[n], use, use.review_by < now)
            for n in self._board.reviews
            for use in jobs[n].reviews.values()
        ]
        return tuple(sorted(found, key=lambda x: (x.use.review_by, x.job.id, x.use.version)))

    async def run(self) -> None:
        """Say each use and each review that is late, once; of those that were open at the start
        only how many there are."""
        await self._board.caught_up.wait()
        self.tell_of_before()
        while True:
            looked_at = self._board.position
            self.tell()
            late = self._board.reviews.first_after(self._clock.now())
            await self._board.moved(looked_at, seconds_until(late, self._clock.now()))

    def tell_of_before(self) -> None:
        """What is open already has been told, or its service ended in that very moment."""
        found = self.open()
        for review in found:
            self._told.add(told_as(review, "rules_overridden"))
            if review.overdue:
                self._told.add(told_as(review, "review_overdue"))
        if found:
            first = found[0]
            self._reporter(
                "reviews_open",
                count=len(found),
                overdue=sum(x.overdue for x in found),
                first=f"{first.job.id}/{first.use.request_id}",
                review_by=first.use.review_by.isoformat(),
            )

    def tell(self) -> None:
        """What has not been told yet."""
        for review in self.open():
            self._say_once(review, "rules_overridden")
            if review.overdue:
                self._say_once(review, "review_overdue")

    def _say_once(self, review: Review, event: str) -> None:
        key, use = told_as(review, event), review.use
        if key in self._told:
            return
        self._told.add(key)
        self._reporter(
            event,
            job=review.job.id,
            request=use.request_id,
            by=use.caller.asker,
            kind=str(use.kind),
            overridden=",".join(use.rules),
            review_by=use.review_by.isoformat(),
        )

    def _sees(self, caller: Caller, job: Job) -> bool:
        return self._visibility.sees(caller, Owned(job.owner, job.job_type))


def told_as(review: Review, event: str) -> tuple[int, int, str]:
    """The name under which it is remembered that this was said."""
    return review.job.id, review.use.version, event
