"""What somebody else has to review: each use of a way past the rules."""

from datetime import datetime, timedelta

from msgspec import Struct

from domain.identity import Caller
from domain.states import CancelMode, Effect, ReviewKind
from domain.waiting import people


class OpenReview(Struct, frozen=True):
    """One that nobody has reviewed. ``effect``, ``rules``: what was overridden."""

    kind: ReviewKind
    request_id: str
    mode: CancelMode
    message: str
    caller: Caller
    at: datetime
    version: int
    review_seconds: int
    effect: Effect
    rules: tuple[str, ...]

    @property
    def review_by(self) -> datetime:
        """Until when it is to be reviewed."""
        return self.at + timedelta(seconds=self.review_seconds)

    @property
    def used_by(self) -> frozenset[str]:
        """Who is behind it: the actor, and whom they acted for."""
        return people(self.caller)
