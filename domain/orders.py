"""Which stop orders are called for: by cancel, finish or limit, of the job or of one task."""

from collections.abc import Iterator

from domain import commands as c
from domain import events as e
from domain.counted import RUNS_MAX, run_ranges
from domain.job import Job, Order, Task
from domain.states import TASK_ON_NODE, CancelMode, JobState, StopCause, StopStep, TaskType


def order_for(job: Job, task: Task, signal: int) -> Order | None:
    """The strongest order that is called for on the task's latest run; None for none.

    Of two that are as strong the first counts. The finish of the task comes first: it is accepted
    only before any other request stops the run.
    """
    called_for = (
        task_finish_order(task, signal),
        job_order(job, signal),
        finish_order(job, signal),
        failing_order(job, signal),
        task_order(task, signal),
        expired_order(task, signal),
    )
    wanted = [x for x in called_for if x is not None]
    if task.spec.type is TaskType.NODE_RELEASE:
        wanted = [x for x in wanted if x.step is StopStep.KILL and x.cause is StopCause.JOB_CANCEL]
    return max(wanted, key=strength, default=None)


def strength(order: Order) -> int:
    """A kill is stronger than a signal."""
    return 1 if order.step is StopStep.KILL else 0


def job_order(job: Job, signal: int) -> Order | None:
    """What the job's cancel calls for."""
    cancel = job.cancel
    if job.state is not JobState.CANCELING or cancel is None:
        return None
    if cancel.mode is CancelMode.GRACEFUL:
        return None
    return made(cancel.request_id, StopCause.JOB_CANCEL, cancel.mode, signal, cancel.grace_seconds)


def finish_order(job: Job, signal: int) -> Order | None:
    """What a finish calls for; a forced cancel that overtook it speaks for itself."""
    finish = job.finish
    if job.state is not JobState.FINISHING or finish is None:
        return None
    return made(
        finish.request_id, StopCause.FINISH, CancelMode.NORMAL, signal, finish.grace_seconds
    )


def failing_order(job: Job, signal: int) -> Order | None:
    """What the service's own end of the job calls for."""
    why = job.failing
    if job.state is not JobState.FINISHING or why is None:
        return None
    return made(why.order_id, why.cause, CancelMode.NORMAL, signal, why.grace_seconds)


def expired_order(task: Task, signal: int) -> Order | None:
    """What a run-time limit calls for."""
    why = task.expired
    if why is None:
        return None
    return made(why.order_id, StopCause.RUN_LIMIT, CancelMode.NORMAL, signal, why.grace_seconds)


def task_order(task: Task, signal: int) -> Order | None:
    """What a cancel of this one task calls for."""
    if task.cancel is None:
        return None
    return made(
        task.cancel.request_id,
        StopCause.TASK_CANCEL,
        task.cancel.mode,
        signal,
        task.cancel.grace_seconds,
    )


def task_finish_order(task: Task, signal: int) -> Order | None:
    """What a finish of this one task calls for."""
    if task.finish is None:
        return None
    return made(
        task.finish.request_id,
        StopCause.FINISH,
        CancelMode.NORMAL,
        signal,
        task.finish.grace_seconds,
    )


def made(
    request_id: str, cause: StopCause, mode: CancelMode, signal: int, grace_seconds: int
) -> Order:
    """An order in the terms of a mode."""
    if mode is CancelMode.FORCED:
        return Order(request_id, cause, StopStep.KILL, 9, 0)
    return Order(request_id, cause, StopStep.SIGNAL, signal, grace_seconds * 1000)


def orders_due(job: Job, signal: int) -> tuple[tuple[Order, tuple[Task, ...]], ...]:
    """Orders to write down now, each with the tasks it is for.

    A run has one order in force; a new one is due when there is none, or a stronger one is wanted.
    """
    due: dict[Order, list[Task]] = {}
    for task in job.runs:
        order = order_for(job, task, signal) if task.state in TASK_ON_NODE else None
        if order and (task.order is None or strength(order) > strength(task.order)):
            due.setdefault(order, []).append(task)
    return tuple((order, tuple(tasks)) for order, tasks in due.items())


def order_stop(job: Job, instruction: c.OrderStop) -> tuple[e.JobEvent, ...]:
    """One fact an order, for all runs it is for."""
    return tuple(
        e.TaskStopOrdered(
            request_id=order.request_id,
            cause=order.cause,
            step=order.step,
            signal=order.signal,
            grace_ms=order.grace_ms,
            runs=run_ranges(some),
        )
        for order, tasks in orders_due(job, instruction.signal)
        for some in batched(tasks)
    )


def batched(tasks: tuple[Task, ...]) -> Iterator[tuple[Task, ...]]:
    """So many that one fact can name them all, wherever they run."""
    for first in range(0, len(tasks), RUNS_MAX):
        yield tasks[first : first + RUNS_MAX]
