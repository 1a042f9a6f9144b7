"""What overrode the rules, as it goes out, and what is said of one."""

from msgspec import Struct

from adapters.http.bodies.commands import MessageText
from adapters.http.bodies.shapes import (
    EffectWord,
    JobNumber,
    ModeWord,
    PositionNumber,
    ReviewKindWord,
    Time,
)
from application.reviews import Review, ReviewsSeen
from projections.stamps import stamp


class ReviewBody(Struct, forbid_unknown_fields=True):
    """What was found: one that says nothing is refused."""

    message: MessageText = ""


class OpenReviewBody(Struct, frozen=True):
    """One that nobody else has reviewed. ``overridden_effect``, ``overridden_rules``: what the
    rules had said. ``overdue``: its time has run out."""

    job_id: JobNumber
    job_name: str
    owner: str
    kind: ReviewKindWord
    request_id: str
    mode: ModeWord
    message: str
    actor: str
    on_behalf_of: str
    at: Time
    overridden_effect: EffectWord
    overridden_rules: tuple[str, ...]
    review_by: Time
    overdue: bool


class ReviewListBody(Struct, frozen=True):
    """All that are open, the first to be done first. ``position``: of the stream, what it is true
    for."""

    position: PositionNumber
    reviews: tuple[OpenReviewBody, ...]


def open_review(review: Review) -> OpenReviewBody:
    """One as it goes out."""
    job, use = review.job, review.use
    return OpenReviewBody(
        job_id=job.id,
        job_name=job.name,
        owner=job.owner,
        kind=use.kind,
        request_id=use.request_id,
        mode=use.mode,
        message=use.message,
        actor=use.caller.actor.name,
        on_behalf_of=use.caller.acted_for,
        at=stamp(use.at),
        overridden_effect=use.effect,
        overridden_rules=use.rules,
        review_by=stamp(use.review_by),
        overdue=review.overdue,
    )


def review_list(seen: ReviewsSeen) -> ReviewListBody:
    """All of them."""
    return ReviewListBody(seen.position, tuple(map(open_review, seen.reviews)))
