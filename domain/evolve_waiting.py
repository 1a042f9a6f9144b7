"""What the facts about cancels that wait mean for the job."""

from datetime import timedelta

from msgspec.structs import replace

from domain import events as e
from domain.changes import answered
from domain.commands import content_sha256
from domain.job import Asking, Job
from domain.message import said_units, sha256_of
from domain.waiting import Approval, WaitingCancel


def cancel_held(job: Job, recorded: e.Recorded, data: e.JobCancelHeld) -> Job:
    """One more cancel waits."""
    waiting = WaitingCancel(
        request_id=data.request_id,
        mode=data.mode,
        message=data.message,
        reason_code=data.reason_code,
        caller=recorded.event.caller,
        at=recorded.time,
        version=recorded.version,
        round=job.requeue_count,
        due=recorded.time + timedelta(seconds=data.hold_seconds),
        needed=data.approvals_needed,
        expires=recorded.time + timedelta(seconds=data.approval_seconds),
        bulk_size=data.bulk_size,
    )
    content = content_sha256(data.mode, data.reason_code, sha256_of(data.message))
    after = replace(job, waiting_cancels={**job.waiting_cancels, data.request_id: waiting})
    return answered(after, recorded, "cancel", data.request_id, content)


def cancel_approved(job: Job, recorded: e.Recorded, data: e.JobCancelApproved) -> Job:
    """One more approval."""
    caller, after = recorded.event.caller, job
    waiting = job.waiting_cancels.get(data.cancel_id)
    if waiting is not None:
        approval = Approval(caller, recorded.time, said_units(data.message))
        waiting = replace(waiting, approvals=(*waiting.approvals, approval))
        after = replace(job, waiting_cancels={**job.waiting_cancels, data.cancel_id: waiting})
    content = content_sha256("approve", data.cancel_id, data.message)
    return answered(after, recorded, "approve", data.request_id, content)


def cancel_withdrawn(job: Job, recorded: e.Recorded, data: e.JobCancelWithdrawn) -> Job:
    """It waits no more; who asked for it and asks again is told of this."""
    after = told_instead(job, recorded, data.cancel_id)
    content = content_sha256("withdraw", data.cancel_id, data.message)
    return answered(after, recorded, "withdraw", data.request_id, content)


def cancel_lapsed(job: Job, recorded: e.Recorded, data: e.JobCancelLapsed) -> Job:
    """It waits no more; who asked for it and asks again is told of this."""
    return told_instead(job, recorded, data.cancel_id)


def told_instead(job: Job, recorded: e.Recorded, cancel_id: str) -> Job:
    """The job on which this cancel waits no more; this fact answers its request from now on."""
    waiting = job.waiting_cancels.get(cancel_id)
    if waiting is None:
        return job
    key = Asking(waiting.caller.asker, "cancel", cancel_id)
    asked = job.asked
    if key in asked:
        asked = {**asked, key: replace(asked[key], version=recorded.version)}
    return replace(without(job, cancel_id), asked=asked)


def without(job: Job, cancel_id: str) -> Job:
    """The job, on which this cancel waits no more."""
    left = {name: x for name, x in job.waiting_cancels.items() if name != cancel_id}
    return replace(job, waiting_cancels=left)


def reviewed(job: Job, recorded: e.Recorded, data: e.BreakGlassReviewed) -> Job:
    """Nobody has to look at it any more."""
    left = {name: x for name, x in job.reviews.items() if name != data.reviewed}
    content = content_sha256("review", data.reviewed, data.message)
    after = replace(job, reviews=left)
    return answered(after, recorded, "review", data.request_id, content)
