"""``decide(job, request) -> events``: what becomes of what people ask. It refuses by a fact.

The order of the checks: a request id seen before, the right, the message and the reason code, the
version asked for, the state. Who has no right learns nothing of version and state. Cancels are
decided in ``cancelling``, those that wait in ``waiting_cancels``, more tasks and new properties in
``changing``, finish and requeue of one task in ``task_commands``, marks in ``marking``; what the
service itself tells a job in ``instruct``.
"""

from collections.abc import Callable
from typing import assert_never

from domain import commands as c
from domain import events as e
from domain.cancelling import cancel_task, release_for
from domain.changing import add_tasks, change_job, change_task, not_whole
from domain.counted import partly, run_set, waiting_set
from domain.emergency import record_emergency_stop, record_refused_stop
from domain.errors import Unknown
from domain.hresult import HResult
from domain.job import Job, Task
from domain.marking import mark_job
from domain.refusal import Refusal
from domain.requests import (
    JobRequest,
    answered_before,
    command_refused,
    content_of,
    inadmissible,
    operation_of,
)
from domain.reviewing import review
from domain.states import CancelMode, TaskState, TaskType
from domain.subtasks import again_numbers, kept_numbers
from domain.task_commands import finish_task, requeue_task
from domain.transitions import GATES
from domain.waiting_cancels import approve, cancel_or_hold, withdraw


def decide(  # noqa: C901 - one case a request, and the compiler checks that none is missing
    job: Job, request: JobRequest
) -> tuple[e.JobEvent, ...]:
    """The facts that follow; empty when this very request was answered before.

    A refusal is a fact too: JobCancelRefused, TaskCancelRefused or JobCommandRefused. Raises
    ``Unknown`` for a removed job, because nothing follows JobRemoved: whoever asks records that
    elsewhere.
    """
    if job.removed:
        raise Unknown(f"job {job.id} is gone", code="unknown_job", hresult=HResult.INVALID_JOB_ID)
    if answered_before(job, request):
        return ()
    match request:
        case c.AddTasks():
            return add_tasks(job, request)
        case c.ChangeJob():
            return (change_job(job, request),)
        case c.ChangeTask():
            return (change_task(job, request),)
        case c.CancelJob():
            return cancel_or_hold(job, request)
        case c.CancelTask():
            return (cancel_task(job, request),)
        case c.SubmitJob():
            return (submit(job, request),)
        case c.FinishJob():
            return (finish(job, request),)
        case c.FinishTask():
            return (finish_task(job, request),)
        case c.ConfigureJob():
            return (configure(job, request),)
        case c.RequeueJob():
            return (requeue(job, request),)
        case c.RequeueTask():
            return (requeue_task(job, request),)
        case c.MarkJob():
            return (mark_job(job, request),)
        case c.RecordEmergencyStop():
            return record_emergency_stop(job, request)
        case c.RecordRefusedStop():
            return record_refused_stop(job, request)
        case c.ApproveCancel():
            return (approve(job, request),)
        case c.WithdrawCancel():
            return (withdraw(job, request),)
        case c.ReviewUse():
            return (review(job, request),)
        case _:
            assert_never(request)


# --- submit, finish, configure, requeue -----------------------------------------------------------


def wrong_state(job: Job, operation: str) -> Refusal | None:
    """The state does not let the operation pass."""
    gate = GATES[operation]
    if job.state in gate.states:
        return None
    allowed = ", ".join(sorted(gate.states))
    return Refusal(
        "illegal_transition",
        gate.hresult,
        f"{operation}-states",
        f"job {job.id} is {job.state}; {operation} is possible from {allowed}",
    )


def gated(job: Job, request: JobRequest, fact: Callable[[], e.JobEvent]) -> e.JobEvent:
    """``fact()`` when every check passes, else the refusal."""
    no = inadmissible(job, request) or wrong_state(job, operation_of(request))
    return fact() if no is None else command_refused(job, request, no)


def submit(job: Job, request: c.SubmitJob) -> e.JobEvent:
    """Configuring -> Submitted, when nothing is missing."""
    asked, run_as, content = request.asked, request.run_as or job.run_as, content_of(request)
    no = inadmissible(job, request) or wrong_state(job, "submit")
    no = no or not_whole(tuple(t.spec for t in job.tasks.values()))
    if no is not None:
        return command_refused(job, request, no)
    return e.JobSubmitted(run_as, asked.request_id, asked.decision, content)


def finish(job: Job, request: c.FinishJob) -> e.JobEvent:
    """Queued, Running -> Finishing."""
    return gated(
        job,
        request,
        lambda: e.JobFinishRequested(
            request_id=request.asked.request_id,
            message=request.message,
            from_state=job.state,
            running=run_set(job.on_node),
            waiting=waiting_set(job.waiting),
            grace_seconds=request.grace_seconds,
            node_release=release_for(job, CancelMode.NORMAL),
            decision=request.asked.decision,
        ),
    )


def configure(job: Job, request: c.ConfigureJob) -> e.JobEvent:
    """Canceled, Failed, Queued -> Configuring."""
    again, kept_ = kept_and_again(job)
    asked, count = request.asked, job.requeue_count + 1
    return gated(
        job,
        request,
        lambda: e.JobConfigured(asked.request_id, count, again, kept_, asked.decision, job.state),
    )


def requeue(job: Job, request: c.RequeueJob) -> e.JobEvent:
    """Canceled, Failed -> Submitted."""
    again, kept_ = kept_and_again(job)
    asked, count = request.asked, job.requeue_count + 1
    return gated(
        job,
        request,
        lambda: e.JobRequeued(
            asked.request_id, count, again, kept_, asked.decision, job.state, request.message
        ),
    )


def kept_and_again(job: Job) -> tuple[e.TaskSet, e.TaskSet]:
    """Tasks that run again, and tasks that stay as they are; a sweep may be in both.

    Seed, Remarks: finished tasks stay finished; tasks explicitly canceled before they ran and still
    Canceled stay canceled; all others are queued, including those that failed. Node preparation is
    work of the round, as node release is: it always runs again.
    """
    again = [task for task in job.work if not stays(task)]
    kept_ = [(task, kept_numbers(task)) for task in job.work]
    return (
        partly((task, again_numbers(task)) for task in again),
        partly((task, these) for task, these in kept_ if these or stays(task)),
    )


def stays(task: Task) -> bool:
    """Finished, or explicitly canceled before it ran, and still Canceled."""
    if task.spec.type is TaskType.NODE_PREP:
        return False
    if task.state is TaskState.FINISHED:
        return True
    if task.subtasks is not None:
        return not again_numbers(task)
    return task.state is TaskState.CANCELED and task.explicitly_canceled
