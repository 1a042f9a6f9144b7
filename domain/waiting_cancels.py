"""Cancels that wait: held, approved, withdrawn, settled. Used by ``decide`` and by who settles.

What a cancel has to wait for is what the rules demanded when it was asked for. When that is done,
they are asked again; what they demand then counts too.
"""

from datetime import datetime

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.cancelling import accepted, bad_cancel_state, cancel_job, cancel_refused, stronger
from domain.hresult import HResult
from domain.job import Job
from domain.refusal import Refusal, denied, reused, without_message
from domain.requests import command_refused, inadmissible
from domain.reviewing import break_glass
from domain.states import JOB_ENDED, Effect, JobState, LapseCause
from domain.two_persons import no_person
from domain.waiting import WaitingCancel, people
from domain.waiting_words import (
    approved_already,
    by_the_same,
    gone,
    grown,
    lapsed_by_time,
    needs_none,
    nothing_waits,
    of_own_request,
    over,
    stamp,
    too_many,
    uncounted,
)

WAITING_MAX = 16
"""So many cancels of a job wait at once."""


def cancel_or_hold(job: Job, request: c.CancelJob) -> tuple[e.JobEvent, ...]:
    """As ``cancel_job``; what would be accepted waits when the rules demand it."""
    fact = cancel_job(job, request)
    if request.overrides is not None:
        return break_glass(job, request, request.overrides, fact)
    if not isinstance(fact, e.JobCancelRequested) or not waits_first(request.asked):
        return (fact,)
    same = the_same(job, request)
    if same is not None:
        return (repeats(request, same),)
    no = no_place(job, request)
    return (cancel_refused(job, request, no),) if no else held(job, request)


def waits_first(asked: c.Asked) -> bool:
    """Whether the rules demand something before it takes effect."""
    return asked.decision.effect is Effect.HOLD


def the_same(job: Job, request: c.CancelJob) -> WaitingCancel | None:
    """The cancel of the same person in the same mode that waits already."""
    for waiting in job.waiting_cancels.values():
        if (waiting.caller.asker, waiting.mode) == (request.asked.asker, request.mode):
            return waiting
    return None


def repeats(request: c.CancelJob, same: WaitingCancel) -> e.JobCancelRepeated:
    """It changes nothing."""
    return e.JobCancelRepeated(
        request_id=request.asked.request_id,
        mode=request.mode,
        message=request.message,
        reason_code=request.reason_code,
        under_way=same.request_id,
        decision=request.asked.decision,
        under_way_version=same.version,
    )


def no_place(job: Job, request: c.CancelJob) -> Refusal | None:
    """Somebody else's cancel waits under this very id, or too many wait."""
    if request.asked.request_id in job.waiting_cancels:
        return reused(request.asked.request_id, "cancel that waits")
    if len(job.waiting_cancels) >= WAITING_MAX:
        return too_many(job, WAITING_MAX)
    return None


def held(job: Job, request: c.CancelJob) -> tuple[e.JobEvent, ...]:
    """It waits; where approvals are needed, a second fact asks for them."""
    demands, at = request.asked.decision, request.asked.at
    approval_seconds = request.approval_seconds if demands.approvals else 0
    expires = stamp(at, approval_seconds) if demands.approvals else ""
    fact = e.JobCancelHeld(
        request_id=request.asked.request_id,
        mode=request.mode,
        message=request.message,
        reason_code=request.reason_code,
        from_state=job.state,
        hold_seconds=demands.hold_seconds,
        due=stamp(at, demands.hold_seconds),
        approvals_needed=demands.approvals,
        approval_seconds=approval_seconds,
        expires=expires,
        decision=demands,
        bulk_size=request.bulk_size,
    )
    return (fact, *asking_for_approval(fact))


def asking_for_approval(fact: e.JobCancelHeld) -> tuple[e.JobCancelApprovalRequested, ...]:
    """What follows in the same append when approvals are needed."""
    if not fact.approvals_needed:
        return ()
    return (e.JobCancelApprovalRequested(fact.request_id, fact.approvals_needed, fact.expires),)


# --- approve, withdraw ----------------------------------------------------------------------------


def approve(job: Job, request: c.ApproveCancel) -> e.JobEvent:
    """One more approval, by somebody who has not spoken for this cancel yet."""
    waiting = job.waiting_cancels.get(request.cancel_id)
    no = inadmissible(job, request) or no_approval(job, request, waiting)
    if no or waiting is None:
        return command_refused(job, request, no or nothing_waits(job, request.cancel_id))
    return e.JobCancelApproved(
        request_id=request.asked.request_id,
        cancel_id=request.cancel_id,
        message=request.message,
        given=len(waiting.approvals) + 1,
        needed=waiting.needed,
        decision=request.asked.decision,
    )


def no_approval(
    job: Job, request: c.ApproveCancel, waiting: WaitingCancel | None
) -> Refusal | None:
    """Nothing waits for it, or this person is not one more."""
    if waiting is None or over(job, waiting):
        return nothing_waits(job, request.cancel_id)
    if not waiting.needed:
        return needs_none(job, waiting)
    no = no_person(request.by, "who approves a cancel")
    if no is not None:
        return no
    by = people(request.by)
    if by & waiting.asked_by:
        return of_own_request(waiting, sorted(by & waiting.asked_by)[0])
    for before in waiting.approvals:
        if by & {before.actor, before.on_behalf_of}:
            return by_the_same(job, waiting, before)
    return None if waiting.missing else approved_already(job, waiting)


def withdraw(job: Job, request: c.WithdrawCancel) -> e.JobEvent:
    """The cancel that waits never takes effect; who takes it back says why."""
    waiting = job.waiting_cancels.get(request.cancel_id)
    no = inadmissible(job, request) or no_withdrawal(job, request, waiting)
    if no:
        return command_refused(job, request, no)
    return e.JobCancelWithdrawn(
        request_id=request.asked.request_id,
        cancel_id=request.cancel_id,
        message=request.message,
        decision=request.asked.decision,
    )


def no_withdrawal(
    job: Job, request: c.WithdrawCancel, waiting: WaitingCancel | None
) -> Refusal | None:
    """Nothing waits, or no reason is given."""
    if waiting is None or over(job, waiting):
        return nothing_waits(job, request.cancel_id)
    words = "who withdraws a cancel says why: give a message"
    return without_message(request.message, "withdrawal-needs-a-message", words)


# --- settle ---------------------------------------------------------------------------------------


def next_look(job: Job) -> datetime | None:
    """When something is due on one of the job's waiting cancels; None when none waits."""
    moments = [job.changed_at if over(job, x) else x.look_at for x in job.waiting_cancels.values()]
    return min(moments, default=None)


def due_cancels(job: Job, at: datetime) -> list[WaitingCancel]:
    """Those on which something is due by then, the earliest request first."""
    waiting = sorted(job.waiting_cancels.values(), key=lambda x: x.version)
    return [x for x in waiting if over(job, x) or x.look_at <= at]


def asks_again(job: Job, waiting: WaitingCancel) -> bool:
    """Whether what becomes of it hangs on the rules: all it was to wait for is done."""
    return not over(job, waiting) and not waiting.missing


def settle(job: Job, command: c.SettleCancel) -> tuple[e.JobEvent, ...]:
    """What becomes of a cancel that waited; nothing while it still waits, or waits no more.

    It takes effect (JobCancelRequested, its requester's), or it lapses (JobCancelLapsed).
    """
    waiting = job.waiting_cancels.get(command.cancel_id)
    if waiting is None:
        return ()
    if over(job, waiting):
        return (lapsed(waiting, LapseCause.STATE, why_over(job, waiting)),)
    if waiting.look_at > command.at:
        return ()
    if waiting.missing:
        return (lapsed(waiting, LapseCause.EXPIRED, lapsed_by_time(job, waiting)),)
    if command.unknown:
        fact = lapsed(waiting, LapseCause.DENIED, gone(waiting, command.unknown))
        return (replace(fact, unknown=command.unknown),)
    if command.uncounted:
        return (lapsed_uncounted(waiting, command),)
    if command.decision is None:
        return ()
    return (decided_again(job, waiting, command, command.decision),)


def lapsed_uncounted(waiting: WaitingCancel, command: c.SettleCancel) -> e.JobCancelLapsed:
    """It had the approvals, and one of them does not count any more."""
    no = uncounted(waiting, command.uncounted, command.decision)
    fact = lapsed(waiting, LapseCause.DENIED, no, command.decision)
    return replace(fact, uncounted=command.uncounted)


def decided_again(
    job: Job, waiting: WaitingCancel, command: c.SettleCancel, decision: e.Decision
) -> e.JobEvent:
    """As the rules and the job's state say now."""
    request = as_request(waiting, command, decision)
    no = denied(request.asked, may_wait=True) or grown(waiting, decision, command.at)
    if no:
        return lapsed(waiting, LapseCause.DENIED, no, decision)
    no = bad_cancel_state(job, request) or not_stronger(job, request)
    if no:
        return lapsed(waiting, LapseCause.STATE, no, decision)
    return accepted(job, request, held_version=waiting.version)


def as_request(
    waiting: WaitingCancel, command: c.SettleCancel, decision: e.Decision
) -> c.CancelJob:
    """The cancel as it was asked for, with what the rules say now."""
    asked = c.Asked(waiting.request_id, waiting.caller.asker, command.at, decision)
    how = (waiting.mode, waiting.message, command.grace_seconds, waiting.reason_code)
    return c.CancelJob(asked, *how, bulk_size=waiting.bulk_size)


def not_stronger(job: Job, request: c.CancelJob) -> Refusal | None:
    """Another cancel is carried out, and this one would add nothing to it."""
    under_way = job.cancel if job.state is JobState.CANCELING else None
    if under_way is None or stronger(request.mode, under_way.mode):
        return None
    words = f"job {job.id} is being canceled by {under_way.actor} already ({under_way.mode})"
    return Refusal("illegal_transition", HResult.INVALID_CANCEL_JOB_STATE, "under-way", words)


def why_over(job: Job, waiting: WaitingCancel) -> Refusal:
    """The job has ended meanwhile, or was queued again since."""
    ended = job.state in JOB_ENDED
    words = f"job {job.id} is {job.state}" if ended else f"job {job.id} was queued again"
    rule = "job-ended" if ended else "job-queued-again"
    return Refusal("illegal_transition", HResult.INVALID_CANCEL_JOB_STATE, rule, words)


def lapsed(
    waiting: WaitingCancel, cause: LapseCause, no: Refusal, decision: e.Decision | None = None
) -> e.JobCancelLapsed:
    """It never takes effect."""
    return e.JobCancelLapsed(
        cancel_id=waiting.request_id,
        cause=cause,
        code=no.code,
        hresult=no.hresult,
        rule=no.rule,
        explanation=no.explanation,
        decision=decision,
    )
