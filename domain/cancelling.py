"""Decisions on a cancel: of a job, and of one of its tasks. Accepted, escalated, repeated, refused.

Who may not cancel learns nothing of the state: the right is checked before it.
"""

from domain import commands as c
from domain import events as e
from domain.counted import run_set, task_set, waiting_of, waiting_set
from domain.hresult import HResult
from domain.job import CancelInForce, Job, Task, TaskCancel
from domain.message import kept
from domain.refusal import Refusal
from domain.requests import REASON_CODE_MAX, content_of, inadmissible
from domain.states import (
    CANCEL_STRENGTH,
    CancelMode,
    JobState,
    NodeRelease,
    TaskState,
    TaskType,
)
from domain.subtasks import named, on_node_of, target
from domain.transitions import CANCEL_JOB, CANCEL_TASK, CancelAnswer

# --- cancel a job ---------------------------------------------------------------------------------


def cancel_job(job: Job, request: c.CancelJob) -> e.JobEvent:
    """Accepted, escalated, repeated or refused, by the table."""
    no = inadmissible(job, request) or bad_cancel_state(job, request)
    if no:
        return cancel_refused(job, request, no)
    under_way = job.cancel if job.state is JobState.CANCELING else None
    if under_way and not stronger(request.mode, under_way.mode):
        return e.JobCancelRepeated(
            request_id=request.asked.request_id,
            mode=request.mode,
            message=request.message,
            reason_code=request.reason_code,
            under_way=under_way.request_id,
            decision=request.asked.decision,
            under_way_version=under_way.version,
        )
    return accepted(job, request)


def accepted(job: Job, request: c.CancelJob, held_version: int = 0) -> e.JobCancelRequested:
    """It takes effect. ``held_version``: of the fact by which it waited until now, or 0."""
    under_way = job.cancel if job.state is JobState.CANCELING else None
    return e.JobCancelRequested(
        request_id=request.asked.request_id,
        mode=request.mode,
        message=request.message,
        reason_code=request.reason_code,
        from_state=job.state,
        running=run_set(job.on_node),
        waiting=waiting_set(job.waiting),
        grace_seconds=0 if request.mode is CancelMode.FORCED else request.grace_seconds,
        node_release=release_for(job, request.mode),
        escalates=under_way.request_id if under_way else "",
        decision=request.asked.decision,
        escalates_version=under_way.version if under_way else 0,
        bulk_size=request.bulk_size,
        held_version=held_version,
    )


def stronger(mode: CancelMode, than: CancelMode) -> bool:
    """graceful < normal < forced."""
    return CANCEL_STRENGTH[mode] > CANCEL_STRENGTH[than]


def bad_cancel_state(job: Job, request: c.CancelJob) -> Refusal | None:
    """The table's answer for the job's state and the mode."""
    answer = CANCEL_JOB[job.state].answer
    refused = answer is CancelAnswer.REFUSE or (
        answer is CancelAnswer.FORCED and request.mode is not CancelMode.FORCED
    )
    if not refused:
        return None
    return Refusal(
        "illegal_transition",
        HResult.INVALID_CANCEL_JOB_STATE,
        f"cancel-from-{job.state}",
        why_not_cancelled(job),
    )


def why_not_cancelled(job: Job) -> str:
    """The sentence for a cancel that does not fit the state."""
    if job.state is JobState.CANCELED and job.cancel:
        by, at = job.cancel.actor, job.cancel.at
        return f"job {job.id} is already canceled by {by} at {at:%Y-%m-%d %H:%M:%S} UTC"
    if job.state is JobState.FINISHING:
        return f"job {job.id} is Finishing; only a forced cancel is possible now"
    return (
        f"job {job.id} is {job.state}; cancel is possible from Configuring, Submitted, Validating, "
        "Queued, Running and Canceling, and by force from Finishing"
    )


def release_for(job: Job, mode: CancelMode) -> NodeRelease:
    """What becomes of node release: none where there is none, or nothing was ever allocated."""
    if not job.nodes or not (job.release_pending or job.release_running):
        return NodeRelease.NONE
    return NodeRelease.SKIP if mode is CancelMode.FORCED else NodeRelease.RUN


def cancel_refused(job: Job, request: c.CancelJob, no: Refusal) -> e.JobCancelRefused:
    """The refusal as a fact; of a message too long it keeps what fits, the length and a digest."""
    message = kept(request.message, request.message_units_max)
    return e.JobCancelRefused(
        request_id=request.asked.request_id,
        mode=request.mode,
        message=message.text,
        message_units=message.units,
        message_sha256=message.sha256,
        reason_code=kept(request.reason_code, REASON_CODE_MAX).text,
        state=job.state,
        code=no.code,
        hresult=no.hresult,
        rule=no.rule,
        explanation=no.explanation,
        decision=request.asked.decision,
        content_sha256=content_of(request),
    )


# --- cancel a task --------------------------------------------------------------------------------


def cancel_task(job: Job, request: c.CancelTask) -> e.JobEvent:
    """Accepted, escalated, repeated or refused, by the table."""
    task = target(job, request.task, request.instance)
    no = inadmissible(job, request) or bad_task(job, task, request)
    if no or task is None:
        return task_cancel_refused(job, task, request, no or no_such_task(job, request))
    under_way = task_cancel_under_way(job, task)
    if under_way and not stronger(request.mode, under_way.mode):
        return e.TaskCancelRepeated(
            request_id=request.asked.request_id,
            task=request.task,
            mode=request.mode,
            message=request.message,
            reason_code=request.reason_code,
            under_way=under_way.request_id,
            decision=request.asked.decision,
            under_way_version=under_way.version,
            instance=request.instance,
        )
    return e.TaskCancelRequested(
        request_id=request.asked.request_id,
        task=request.task,
        mode=request.mode,
        message=request.message,
        reason_code=request.reason_code,
        from_state=task.state,
        running=run_set(on_node_of(task)),
        waiting=waiting_of(task),
        grace_seconds=0 if request.mode is CancelMode.FORCED else request.grace_seconds,
        decision=request.asked.decision,
        escalates=under_way.request_id if under_way else "",
        escalates_version=under_way.version if under_way else 0,
        instance=request.instance,
    )


def task_cancel_under_way(job: Job, task: Task) -> TaskCancel | CancelInForce | None:
    """What is stopping the task: its own cancel or the job's, whichever is stronger."""
    if task.state is not TaskState.CANCELING:
        return None
    found = [x for x in (task.cancel, job.cancel) if x is not None]
    return max(found, key=lambda x: CANCEL_STRENGTH[x.mode], default=None)


def no_such_task(
    job: Job, on: c.CancelTask | c.FinishTask | c.RequeueTask | c.ChangeTask
) -> Refusal:
    """The request is about a task or a subtask that is not there."""
    return not_there(job, on.task, on.instance)


def not_there(job: Job, number: int, instance: int) -> Refusal:
    """The job has no task of this number, the task no such subtask, or not yet.

    Source: the product knows a subtask when it has been expanded, that is, reached for the first
    time, and answers Operation_InvalidTaskId until then.
    """
    task = job.tasks.get(number)
    if task is None:
        known = task_set(job.tasks.values()).tasks
        words = f"job {job.id} has no task {number}; its tasks are {known}"
    elif task.subtasks is None:
        words = f"task {number} of job {job.id} has no subtasks; name the task itself"
    elif not 1 <= instance <= task.subtasks.count:
        words = f"task {number} of job {job.id} has the subtasks 1 to {task.subtasks.count}"
    else:
        words = (
            f"subtask {instance} of task {number} of job {job.id}: the specified subtask has "
            f"not been expanded yet; {task.subtasks.expanded} of {task.subtasks.count} are"
        )
    return Refusal("unknown_task", HResult.INVALID_TASK_ID, "task-exists", words)


def bad_task(job: Job, task: Task | None, request: c.CancelTask) -> Refusal | None:
    """No such task, not this type, not this mode, or not in this state."""
    if task is None:
        return no_such_task(job, request)
    if task.spec.type is TaskType.NODE_RELEASE:
        return Refusal(
            "not_this_task_type",
            HResult.INVALID_OPERATION,
            "node-release-belongs-to-the-job",
            f"task {request.task} is the node release task; cancel the job by force to skip it",
        )
    if request.mode is CancelMode.GRACEFUL:
        return Refusal(
            "no_graceful_task_cancel",
            HResult.ARGUMENT_OUT_OF_RANGE,
            "task-cancel-modes",
            "there is no graceful cancel of a single task; use normal or forced",
        )
    if CANCEL_TASK[task.state].answer is CancelAnswer.REFUSE:
        return Refusal(
            "illegal_transition",
            HResult.INVALID_CANCEL_TASK_STATE,
            f"cancel-task-from-{task.state}",
            f"{named(task)} of job {job.id} is {task.state} and cannot be canceled",
        )
    return None


def task_cancel_refused(
    job: Job, task: Task | None, request: c.CancelTask, no: Refusal
) -> e.TaskCancelRefused:
    """The refusal as a fact."""
    message = kept(request.message, request.message_units_max)
    return e.TaskCancelRefused(
        request_id=request.asked.request_id,
        task=request.task,
        mode=request.mode,
        message=message.text,
        message_units=message.units,
        message_sha256=message.sha256,
        reason_code=kept(request.reason_code, REASON_CODE_MAX).text,
        job_state=job.state,
        state=task.state if task else None,
        code=no.code,
        hresult=no.hresult,
        rule=no.rule,
        explanation=no.explanation,
        decision=request.asked.decision,
        content_sha256=content_of(request),
        instance=request.instance,
    )
