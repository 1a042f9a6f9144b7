"""What is recorded of a stop that was ordered while the stream could not be reached.

It has happened, so it is never refused. What it means for the job is decided now, when the stream
is back: a forced cancel, wherever one would be accepted.
"""

from domain import commands as c
from domain import events as e
from domain.cancelling import release_for
from domain.counted import run_set, waiting_set
from domain.job import CancelInForce, Job
from domain.refusal import denied
from domain.requests import asking, command_refused
from domain.states import CancelMode, JobState, NodeRelease
from domain.transitions import CANCEL_JOB, CancelAnswer


def record_emergency_stop(job: Job, request: c.RecordEmergencyStop) -> tuple[e.JobEvent, ...]:
    """The record; nothing when this stop, by its id, is recorded already."""
    if asking(request) in job.asked:
        return ()
    takes = takes_effect(job)
    under_way = canceled_weaker(job) if takes else None
    return (
        e.EmergencyStopRecorded(
            request_id=request.asked.request_id,
            mode=CancelMode.FORCED,
            message=request.message,
            reason_code=request.reason_code,
            from_state=job.state,
            running=run_set(job.on_node),
            waiting=waiting_set(job.waiting),
            grace_seconds=0,
            node_release=release_for(job, CancelMode.FORCED) if takes else NodeRelease.NONE,
            escalates=under_way.request_id if under_way else "",
            in_effect=takes,
            decision=request.asked.decision,
            stop=request.stop,
            review_seconds=request.review_seconds,
            escalates_version=under_way.version if under_way else 0,
        ),
    )


def record_refused_stop(job: Job, request: c.RecordRefusedStop) -> tuple[e.JobEvent, ...]:
    """The record of a no; nothing when it is recorded already, or the rules did not say no.

    That the rules want a cancel to wait first is no such no.
    """
    no = denied(request.asked, may_wait=True)
    if no is None or asking(request) in job.asked:
        return ()
    return (command_refused(job, request, no),)


def takes_effect(job: Job) -> bool:
    """Whether a forced cancel would change the job as it is."""
    if job.state is JobState.CANCELING:
        return canceled_weaker(job) is not None
    return CANCEL_JOB[job.state].answer is not CancelAnswer.REFUSE


def canceled_weaker(job: Job) -> CancelInForce | None:
    """The cancel under way that a forced one takes over from, if there is one."""
    cancel = job.cancel
    weaker = cancel is not None and cancel.mode is not CancelMode.FORCED
    return cancel if weaker and job.state is JobState.CANCELING else None
