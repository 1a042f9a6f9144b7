"""Break glass: a cancel that overrides the rules, and its review by another person."""

from domain import commands as c
from domain import events as e
from domain.cancelling import cancel_refused
from domain.hresult import HResult
from domain.job import Job
from domain.refusal import Refusal, reused, without_message
from domain.requests import command_refused, inadmissible
from domain.reviews import OpenReview
from domain.states import ReviewKind
from domain.two_persons import no_person
from domain.waiting import people
from domain.waiting_words import stamp, state

NO_MESSAGE = "break-glass-needs-a-message"


def break_glass(
    job: Job, request: c.CancelJob, overrides: c.Overrides, fact: e.JobEvent
) -> tuple[e.JobEvent, ...]:
    """``fact``, what a permitted cancel is answered with; and that it overrode the rules."""
    if not isinstance(fact, e.JobCancelRequested):
        return (fact,)
    no = no_override(job, request, overrides)
    if no is not None:
        return (cancel_refused(job, request, no),)
    answer = overrides.decision
    used = e.BreakGlassUsed(
        request_id=request.asked.request_id,
        mode=request.mode,
        message=request.message,
        overridden_effect=answer.effect,
        overridden_rules=answer.rules,
        overridden_explanation=answer.explanation,
        overridden=answer,
        review_seconds=overrides.review_seconds,
        review_by=stamp(request.asked.at, overrides.review_seconds),
    )
    return fact, used


def no_override(job: Job, request: c.CancelJob, overrides: c.Overrides) -> Refusal | None:
    """By a program, without a reason, or under an id that stands for another use."""
    no = no_person(overrides.by, "who overrides the rules")
    if no is not None:
        return no
    words = "who overrides the rules says why: give a message"
    no = without_message(request.message, NO_MESSAGE, words)
    if no is None and request.asked.request_id in job.reviews:
        return reused(request.asked.request_id, "cancel that overrode the rules")
    return no


def review(job: Job, request: c.ReviewUse) -> e.JobEvent:
    """Another person says what they found."""
    open_ = job.reviews.get(request.reviewed)
    no = inadmissible(job, request) or no_review(job, request, open_)
    if no or open_ is None:
        return command_refused(job, request, no or nothing_open(job, request.reviewed))
    return e.BreakGlassReviewed(
        request_id=request.asked.request_id,
        kind=open_.kind,
        reviewed=request.reviewed,
        message=request.message,
        in_time=request.asked.at <= open_.review_by,
        decision=request.asked.decision,
    )


def no_review(job: Job, request: c.ReviewUse, open_: OpenReview | None) -> Refusal | None:
    """There is none, it is one's own, or nothing is said."""
    if open_ is None:
        return nothing_open(job, request.reviewed)
    no = no_person(request.by, "who reviews what overrode the rules")
    if no is not None:
        return no
    own = sorted(people(request.by) & open_.used_by)
    if own:
        words = f"{own[0]} did it: somebody else has to review it"
        rule = "reviewed-by-another-person"
        return Refusal("not_permitted", HResult.PERMISSION_DENIED, rule, words)
    words = "who reviews says what they found: give a message"
    return without_message(request.message, "review-needs-a-message", words)


def nothing_open(job: Job, reviewed: str) -> Refusal:
    """It was reviewed, or there never was one."""
    which = f"; what is open is {', '.join([*job.reviews][:5])}" if job.reviews else ""
    return state("review-open", f"job {job.id} has no open review {reviewed}{which}")


def review_opened(recorded: e.Recorded, data: e.BreakGlassUsed) -> OpenReview:
    """What is to be reviewed from here on."""
    return OpenReview(
        kind=ReviewKind.BREAK_GLASS,
        request_id=data.request_id,
        mode=data.mode,
        message=data.message,
        caller=recorded.event.caller,
        at=recorded.time,
        version=recorded.version,
        review_seconds=data.review_seconds,
        effect=data.overridden_effect,
        rules=data.overridden_rules,
    )
