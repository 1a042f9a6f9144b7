"""How a run ended, as a fact: by itself, stopped, lost; whether it runs again; what it left."""

from domain import commands as c
from domain import events as e
from domain.exit_codes import counts_as_success
from domain.job import Job, Task, runs_of
from domain.ranges import ranges
from domain.states import (
    TASK_ON_NODE,
    ForceReason,
    JobState,
    StopCause,
    StopStep,
    TaskState,
    TaskType,
)
from domain.subtasks import one_run


def record_run_end(job: Job, instruction: c.RecordRunEnd) -> tuple[e.JobEvent, ...]:
    """How a run ended, once."""
    task = one_run(job, instruction.task, instruction.instance)
    if task is None or task.attempt != instruction.attempt or task.state not in TASK_ON_NODE:
        return ()
    if task.spec.type is TaskType.NODE_RELEASE:
        return (release_end(task, instruction),)
    valid = task.spec.valid_exit_codes or job.valid_exit_codes
    again = runs_again(job, task, instruction, valid)
    return (run_end(task, instruction, again, valid),)


def runs_again(job: Job, task: Task, instruction: c.RecordRunEnd, valid: str) -> bool:
    """Whether a failure of this run queues the task again.

    Source: the product's TaskRetryCount, for errors of the system, and its job property
    TaskExecutionFailureRetryLimit, for failures of tasks. Deliberate: a task may have a number of
    its own, which counts all its failures; nothing that somebody or a limit stops runs again by
    itself, nor what left processes behind, nor anything while the job ends.
    """
    if task.spec.type is TaskType.SERVICE:
        return is_replaced(job, task)
    limit = task.spec.retry_count
    if limit is None:
        limit = max(job.task_retry_count, instruction.retry_count if instruction.lost else 0)
    undisturbed = job.state is JobState.RUNNING and task.state is TaskState.RUNNING
    failed = failed_by_itself(instruction, valid) and not instruction.survivors
    return undisturbed and failed and task.retries < limit


def failed_by_itself(instruction: c.RecordRunEnd, valid: str) -> bool:
    """Whether the run was lost, or ended by itself and not well."""
    if instruction.lost:
        return True
    return instruction.stop is None and not counts_as_success(instruction.exit.code, valid)


def is_replaced(job: Job, instance: Task) -> bool:
    """Whether another run takes this one's place: until the job ends, or the service as a whole.

    Source: the product's service tasks, whose instances are replaced also after one was canceled.
    """
    service = job.tasks[instance.spec.id]
    goes_on = service.cancel is None and service.finish is None
    return job.state is JobState.RUNNING and goes_on


def run_end(task: Task, instruction: c.RecordRunEnd, again: bool, valid: str) -> e.JobEvent:
    """Finished or failed by itself, stopped, or stopped by force. ``valid``: good exit codes."""
    stop, runs = instruction.stop, (task.run,)
    if instruction.lost:
        lost, killed, survivors = instruction.lost, instruction.killed, instruction.survivors
        how = (runs, instruction.exit, "run_lost", lost, killed, survivors)
        return e.TaskFailed(*how, again)
    if stop is None:
        return own_end(runs, instruction, again, valid)
    cause = cause_of(task, stop)
    if cause is None:
        return unordered_end(runs, instruction.exit, stop, again)
    outcome = TaskState.FINISHED if cause is StopCause.FINISH else TaskState.FAILED
    if not stop.grace_expired and stop.step is StopStep.SIGNAL:
        seen = (instruction.exit, stop.after_ms, outcome, again)
        return e.TaskStopped(stop.request_id, cause, runs, *seen)
    return e.TaskForceStopped(
        request_id=stop.request_id,
        cause=cause,
        why=ForceReason.GRACE_EXPIRED if stop.grace_expired else ForceReason.FORCED,
        runs=runs,
        exit=instruction.exit,
        after_ms=stop.after_ms,
        killed=stop.killed,
        survivors=stop.survivors,
        outcome=outcome,
        runs_again=again,
    )


def cause_of(task: Task, stop: c.StopSeen) -> StopCause | None:
    """Why the performed order was given; None for one that was never written down."""
    for order in (task.order, task.order_before):
        if order is not None and (order.request_id, order.step) == (stop.request_id, stop.step):
            return order.cause
    return None


def own_end(
    runs: tuple[e.RunRange, ...], instruction: c.RecordRunEnd, again: bool, valid: str
) -> e.JobEvent:
    """Ended without being stopped: a valid exit code is Finished, all else Failed."""
    exit_ = instruction.exit
    if counts_as_success(exit_.code, valid):
        return e.TaskFinished(runs, exit_, runs_again=again)
    how = f"signal {exit_.signal}" if exit_.signal else f"exit code {exit_.code}"
    return e.TaskFailed(
        runs,
        exit_,
        "task_failure",
        f"ended by itself with {how}",
        instruction.killed,
        instruction.survivors,
        again,
    )


def unordered_end(
    runs: tuple[e.RunRange, ...], exit_: e.Exit, stop: c.StopSeen, again: bool
) -> e.JobEvent:
    """The engine stopped the run on its own account, as when the service ends with its tasks."""
    reason = f"stopped by the engine without an order on the stream ({stop.request_id})"
    how = (runs, exit_, "stopped_by_engine", reason, stop.killed, stop.survivors)
    return e.TaskFailed(*how, again)


def record_survivors_gone(job: Job, instruction: c.RecordSurvivorsGone) -> tuple[e.JobEvent, ...]:
    """What a run left behind has ended, also when the task has run again since."""
    task = job.tasks.get(instruction.task)
    this = (instruction.attempt, str(instruction.instance))
    runs = tuple(x.run for x in task.outlived) if task else ()
    return tuple(e.TaskSurvivorsGone((r,)) for r in runs if (r.attempt, r.instances) == this)


def release_end(task: Task, instruction: c.RecordRunEnd) -> e.NodeReleaseEnded:
    """Node release ended, timed out, or was cut short by a forced cancel."""
    stop = instruction.stop
    reason = instruction.lost or ("forced" if stop else "")
    return e.NodeReleaseEnded(
        node=task.node,
        runs=(task.run,),
        exit=instruction.exit,
        timed_out=instruction.timed_out,
        reason=reason,
        killed=stop.killed if stop else instruction.killed,
        survivors=stop.survivors if stop else instruction.survivors,
        request_id=stop.request_id if stop else "",
    )


def open_cancels(job: Job) -> tuple[Task, ...]:
    """Tasks and subtasks canceled before they ran whose TaskCanceled is not written yet."""
    subtasks = (run for task in job.work if task.subtasks for run in runs_of(task))
    return tuple(t for t in (*job.work, *subtasks) if t.cancel_open)


def record_task_canceled(job: Job) -> tuple[e.JobEvent, ...]:
    """Close each such request."""
    by_request: dict[str, list[Task]] = {}
    for task in open_cancels(job):
        if task.cancel is not None:
            by_request.setdefault(task.cancel.request_id, []).append(task)
    return tuple(
        e.TaskCanceled(
            request_id,
            ranges(sorted({t.spec.id for t in tasks})),
            tuple(e.SubtaskSet(t.spec.id, str(t.instance)) for t in tasks if t.instance),
        )
        for request_id, tasks in by_request.items()
    )
