"""Decisions on finish and requeue of one task: accepted or refused by tables (``transitions``).

A refusal names the task. Who has no right learns nothing of its state.
"""

from domain import commands as c
from domain import events as e
from domain.cancelling import no_such_task
from domain.counted import run_set, waiting_of
from domain.hresult import HResult
from domain.job import Job, Task
from domain.refusal import Refusal
from domain.requests import command_refused, inadmissible
from domain.states import TaskState, TaskType
from domain.subtasks import named, on_node_of, target
from domain.transitions import (
    FINISH_TASK,
    REQUEUE_TASK,
    REQUEUE_TASK_JOB,
    REQUEUE_TASK_NEVER,
)

# --- finish a task --------------------------------------------------------------------------------


def finish_task(job: Job, request: c.FinishTask) -> e.JobEvent:
    """A running task is stopped, a waiting one is Finished without running."""
    task = target(job, request.task, request.instance)
    no = inadmissible(job, request)
    if no is None and task is not None:
        no = bad_finish(job, task)
    if no or task is None:
        return command_refused(job, request, no or no_such_task(job, request))
    return e.TaskFinishRequested(
        request_id=request.asked.request_id,
        task=request.task,
        message=request.message,
        from_state=task.state,
        running=run_set(on_node_of(task)),
        waiting=waiting_of(task),
        grace_seconds=request.grace_seconds,
        decision=request.asked.decision,
        instance=request.instance,
    )


def bad_finish(job: Job, task: Task) -> Refusal | None:
    """Not this type, or not in this state."""
    number = task.spec.id
    if task.spec.type is TaskType.NODE_RELEASE:
        return Refusal(
            "not_this_task_type",
            HResult.INVALID_OPERATION,
            "node-release-belongs-to-the-job",
            f"task {number} is the node release task, which ends with the job; finish the job",
        )
    if FINISH_TASK[task.state].accepted:
        return None
    return Refusal(
        "illegal_transition",
        HResult.INVALID_CANCEL_TASK_STATE,
        f"finish-task-from-{task.state}",
        f"{named(task)} of job {job.id} is {task.state}{by_whom(task)}; a task is finished while "
        "it waits or runs",
    )


def by_whom(task: Task) -> str:
    """Whose finish of this one task it was, if it was one."""
    ended_so = task.state in (TaskState.FINISHING, TaskState.FINISHED)
    if task.finish is None or not ended_so:
        return ""
    return f", as asked by {task.finish.actor} at {task.finish.at:%Y-%m-%d %H:%M:%S} UTC"


# --- requeue a task -------------------------------------------------------------------------------


def requeue_task(job: Job, request: c.RequeueTask) -> e.JobEvent:
    """Failed, Canceled -> Queued, while the job is Queued or Running."""
    task = target(job, request.task, request.instance)
    no = inadmissible(job, request)
    if no is None and task is not None:
        no = bad_requeue(job, task)
    if no or task is None:
        return command_refused(job, request, no or no_such_task(job, request))
    undone = task.cancel if task.explicitly_canceled else None
    return e.TaskRequeued(
        request_id=request.asked.request_id,
        task=request.task,
        from_state=task.state,
        attempt=task.attempt + 1,
        decision=request.asked.decision,
        undoes=undone.request_id if undone else "",
        undoes_version=undone.version if undone else 0,
        instance=request.instance,
        message=request.message,
    )


def bad_requeue(job: Job, task: Task) -> Refusal | None:
    """Not this type, not in this state of the job, or not in this state of the task."""
    number = task.spec.id
    if task.spec.type in REQUEUE_TASK_NEVER:
        return Refusal(
            "not_this_task_type",
            HResult.TASK_OF_TYPE_CANNOT_BE_RECONFIGURED,
            "requeue-task-types",
            f"task {number} is of type {task.spec.type}, which runs again only with its job; "
            "requeue the job when it has ended",
        )
    if job.state not in REQUEUE_TASK_JOB.states:
        allowed = " or ".join(sorted(REQUEUE_TASK_JOB.states))
        return Refusal(
            "illegal_transition",
            REQUEUE_TASK_JOB.hresult,
            f"requeue-task-in-{job.state}",
            f"job {job.id} is {job.state}; a task is queued again while its job is {allowed}",
        )
    if job.tasks[number].state is TaskState.FINISHED and task.instance:
        return Refusal(
            "illegal_transition",
            HResult.ONLY_FAILED_CANCELLED_TASKS_CAN_BE_CONFIGURED,
            "requeue-task-from-Finished",
            f"task {number} of job {job.id} is Finished as a whole, and none of its subtasks runs "
            "again",
        )
    if REQUEUE_TASK[task.state].accepted:
        return None
    return Refusal(
        "illegal_transition",
        HResult.ONLY_FAILED_CANCELLED_TASKS_CAN_BE_CONFIGURED,
        f"requeue-task-from-{task.state}",
        f"{named(task)} of job {job.id} is {task.state}; only a Failed or Canceled task runs again",
    )
