"""HPC Pack's number for how a task ended, which its clients read as the task's ErrorCode.

Source: the client library's ErrorCode (execution) and the product's table of task types. The number
says who ended the task; a task that ended well, or has not ended, has none. Nor has one with
subtasks, which end each in its own way, nor a subtask of which only its state is remembered.
"""

from typing import Final

from domain.hresult import HResult
from domain.job import Task
from domain.states import StopCause, TaskState

LOST: Final = "run_lost"
BY_ORDER: Final = {
    StopCause.JOB_CANCEL: HResult.TASKS_JOB_CANCELED,
    StopCause.TASK_CANCEL: HResult.TASK_CANCELED_DURING_EXECUTION,
    StopCause.RUN_LIMIT: HResult.JOB_RUNTIME_EXPIRED,
}
"""Of a run that was stopped. Any other order leaves a plain failure."""


def task_error(task: Task) -> HResult | None:
    """The number, or None."""
    if task.subtasks is not None or forgotten(task):
        return None
    match task.state:
        case TaskState.CANCELED:
            return HResult.TASK_CANCELED_BEFORE_ASSIGNMENT
        case TaskState.FAILED:
            return failure(task)
        case TaskState.FINISHED if task.order and task.order.cause is StopCause.FINISH:
            return HResult.TASK_FINISHED_DURING_EXECUTION
        case _:
            return None


def forgotten(task: Task) -> bool:
    """Whether it is a subtask that ran, and nothing is kept of its run."""
    return task.instance > 0 and task.attempt > 0 and task.exit is None


def failure(task: Task) -> HResult:
    """Of a task that Failed: lost, out of time, stopped by somebody, or by itself."""
    if task.code == LOST:
        return HResult.PROCESS_DEAD
    if task.order is None or task.code == "task_failure":
        return HResult.TASK_FAILURE
    if task.expired is not None and task.order.cause is StopCause.RUN_LIMIT:
        return HResult.TASK_RUNTIME_EXPIRED
    return BY_ORDER.get(task.order.cause, HResult.TASK_FAILURE)
