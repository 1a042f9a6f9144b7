"""``instruct(job, instruction) -> events``: what the service itself writes down about a job.

An instruction that no longer fits (it was done, or something overtook it) gives no event, so every
one of them is safe to repeat; nothing that is not due can be written.
"""

from collections.abc import Iterable
from typing import assert_never

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.exit_codes import counts_as_success
from domain.failing import expire, fail_job
from domain.filtering import (
    end_activation,
    end_external_validation,
    start_external_validation,
)
from domain.hresult import HResult
from domain.job import Job, Task, runs_of
from domain.orders import order_stop
from domain.ranges import ranges
from domain.readiness import may_start_on, on_own_nodes, work_over
from domain.states import (
    JOB_ENDED,
    TASK_ON_NODE,
    TASK_WAITING,
    ForceReason,
    JobState,
    NodeRelease,
    StopCause,
    StopStep,
    TaskState,
    TaskType,
)
from domain.subtasks import subtask, waiting_ones

Facts = tuple[e.JobEvent, ...]


def instruct(  # noqa: C901 - one case an instruction, and the compiler checks that none is missing
    job: Job, instruction: c.Instruction
) -> Facts:
    """The facts that follow; empty when the instruction does not fit (any more)."""
    if job.removed:
        return ()
    match instruction:
        case c.StartValidation():
            return (e.JobValidationStarted(),) if job.state is JobState.SUBMITTED else ()
        case c.EndValidation():
            return end_validation(job, instruction)
        case c.StartExternalValidation():
            return start_external_validation(job, instruction)
        case c.EndExternalValidation():
            return end_external_validation(job, instruction)
        case c.EndActivation():
            return end_activation(job, instruction)
        case c.StartJob():
            return start_job(job, instruction)
        case c.StartTask():
            return start_task(job, instruction)
        case c.StartRelease():
            return start_release(job, instruction)
        case c.RefuseTask():
            return refuse_task(job, instruction)
        case c.SkipRelease():
            return skip_release(job)
        case c.OrderStop():
            return order_stop(job, instruction)
        case c.RecordRunEnd():
            return record_run_end(job, instruction)
        case c.RecordSurvivorsGone():
            return record_survivors_gone(job, instruction)
        case c.RecordTaskCanceled():
            return record_task_canceled(job)
        case c.FailJob():
            return fail_job(job, instruction)
        case c.ExpireRuntime():
            return expire(job, instruction)
        case c.EndJob():
            return end_job(job, instruction)
        case c.RemoveJob():
            return (e.JobRemoved(instruction.reason),) if removable(job) else ()
        case _:
            assert_never(instruction)


def removable(job: Job) -> bool:
    """Ended, and nothing of it left behind that somebody must still be told of."""
    return job.state in JOB_ENDED and not any(t.survivors for t in job.tasks.values())


def end_validation(job: Job, instruction: c.EndValidation) -> Facts:
    """Validating, or ExternalValidation when a filter ran -> Queued or Failed."""
    if job.state not in (JobState.VALIDATING, JobState.EXTERNAL_VALIDATION):
        return ()
    if instruction.reason:
        return (e.JobRejected(instruction.code, instruction.reason, HResult.UNKNOWN_ERROR),)
    return (e.JobQueued(),)


# --- start ----------------------------------------------------------------------------------------


def start_job(job: Job, instruction: c.StartJob) -> Facts:
    """Queued -> Running, with the run-time limit that is in force from now on."""
    if job.state is not JobState.QUEUED:
        return ()
    seconds = job.runtime_seconds or instruction.runtime_seconds_default
    asked = (instruction.filter, instruction.filter_outcome)
    return (e.JobStarted(instruction.nodes, seconds, *asked),)


def may_start(job: Job, start: c.StartTask | c.RefuseTask) -> bool:
    """Whether this is the next attempt of a task that waits for a slot in a running job.

    Node release is not such a task: it comes last, when ``release_due`` says so.
    """
    run = one_run(job, start.task, start.instance)
    return (
        job.state is JobState.RUNNING
        and run is not None
        and run.spec.type is not TaskType.NODE_RELEASE
        and start.attempt == run.attempt + 1
        and may_start_on(job, run, start.node)
    )


def one_run(job: Job, task: int, instance: int) -> Task | None:
    """What has runs of its own: a task without subtasks, or a subtask."""
    found = job.tasks.get(task)
    if found is None or instance:
        return subtask(found, instance) if found else None
    return found if found.subtasks is None else None


def range_of(run: c.StartTask | c.StartRelease | c.RefuseTask, task: int) -> e.RunRange:
    """The run as facts name it."""
    return e.RunRange(task, run.attempt, run.node, str(run.instance))


def start_task(job: Job, instruction: c.StartTask) -> Facts:
    """Queued -> Running."""
    if not may_start(job, instruction):
        return ()
    return (e.TaskStarted((range_of(instruction, instruction.task),), instruction.handle),)


def refuse_task(job: Job, instruction: c.RefuseTask) -> Facts:
    """An attempt that the engine can never start is a failed attempt."""
    run = range_of(instruction, instruction.task)
    if job.release is not None and instruction.task == job.release.spec.id:
        ended = e.NodeReleaseEnded(instruction.node, (run,), e.Exit(), False, instruction.reason)
        return (ended,) if is_due(job, instruction) else ()
    if not may_start(job, instruction):
        return ()
    return (e.TaskFailed((run,), e.Exit(), instruction.code, instruction.reason),)


# --- node release ---------------------------------------------------------------------------------


def release_wanted(job: Job) -> bool:
    """Whether the way the job is ending lets node release run."""
    if job.state is JobState.CANCELING:
        return job.cancel is not None and job.cancel.node_release is NodeRelease.RUN
    return job.state is JobState.FINISHING


def release_due(job: Job) -> tuple[Task, ...]:
    """The runs of node release that are the next thing to do, each knowing its node."""
    release = job.release
    if release is None or not (job.nodes and job.all_ended and release_wanted(job)):
        return ()
    if release.subtasks is None:
        return (replace(release, node=job.nodes[0]),) if release.state in TASK_WAITING else ()
    return tuple(on_own_nodes(job, waiting_ones(release)))


def is_due(job: Job, start: c.StartRelease | c.RefuseTask) -> bool:
    """Whether it is the next attempt of a node release that is due."""
    this = (start.instance, start.attempt)
    return this in {(run.instance, run.attempt + 1) for run in release_due(job)}


def skip_due(job: Job) -> bool:
    """Whether node release is to be given up now: forced, and all work has ended."""
    return (
        job.state is JobState.CANCELING
        and job.all_ended
        and job.release_pending
        and not release_wanted(job)
    )


def start_release(job: Job, instruction: c.StartRelease) -> Facts:
    """Node release begins."""
    if job.release is None or not is_due(job, instruction):
        return ()
    run = range_of(instruction, job.release.spec.id)
    return (e.NodeReleaseStarted(instruction.node, (run,), instruction.handle),)


def skip_release(job: Job) -> Facts:
    """Node release is given up."""
    if not skip_due(job):
        return ()
    return (e.NodeReleaseSkipped(", ".join(job.nodes), "forced"),)


# --- the end of a run -----------------------------------------------------------------------------


def record_run_end(job: Job, instruction: c.RecordRunEnd) -> Facts:
    """How a run ended, once."""
    task = one_run(job, instruction.task, instruction.instance)
    if task is None or task.attempt != instruction.attempt or task.state not in TASK_ON_NODE:
        return ()
    if task.spec.type is TaskType.NODE_RELEASE:
        return (release_end(task, instruction),)
    again = runs_again(job, task, instruction)
    valid = task.spec.valid_exit_codes or job.valid_exit_codes
    return (run_end(task, instruction, again, valid),)


def runs_again(job: Job, task: Task, instruction: c.RecordRunEnd) -> bool:
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
    return undisturbed and not instruction.survivors and task.retries < limit


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


def record_survivors_gone(job: Job, instruction: c.RecordSurvivorsGone) -> Facts:
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


def record_task_canceled(job: Job) -> Facts:
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


# --- the end of the job ---------------------------------------------------------------------------


def end_due(job: Job) -> bool:
    """Whether the job's next step is its end, or the step before it (JobEnding)."""
    if open_cancels(job):
        return False
    if job.state in (JobState.CANCELING, JobState.FINISHING):
        release_open = job.release_running or bool(release_due(job)) or skip_due(job)
        return job.all_ended and not release_open
    goes_on = job.state not in (JobState.RUNNING, JobState.QUEUED) or job.run_until_canceled
    return not goes_on and work_over(job)


def end_job(job: Job, instruction: c.EndJob) -> Facts:
    """JobCanceled, JobEnding, JobFinished or JobFailed: whichever is due."""
    if not end_due(job):
        return ()
    if job.state is JobState.CANCELING and job.cancel is not None:
        lasted = instruction.at - job.cancel.first_at
        return (
            e.JobCanceled(
                request_id=job.cancel.request_id,
                lasted_ms=max(0, round(lasted.total_seconds() * 1000)),
                stopped=job.stopped,
                force_stopped=job.force_stopped,
                released=job.released,
                request_version=job.cancel.version,
            ),
        )
    outcome = job.outcome or own_outcome(job.work)
    if job.state is not JobState.FINISHING and job.nodes and job.release_pending:
        return (e.JobEnding(outcome, *ending_words(job, outcome)),)
    words, code, hresult = ending_words(job, outcome)
    if outcome is JobState.FINISHED:
        request_id = job.finish.request_id if job.finish is not None else ""
        return (e.JobFinished(words, code, request_id, hresult),)
    return (e.JobFailed(words, code, hresult),)


def own_outcome(tasks: Iterable[Task]) -> JobState:
    """Finished when every task finished, else Failed; what waits now waits in vain."""
    well = all(t.state is TaskState.FINISHED for t in tasks)
    return JobState.FINISHED if well else JobState.FAILED


def ending_words(job: Job, outcome: JobState) -> tuple[str, str, int]:
    """Message, code and HPC Pack's number of an end that no cancel brought about."""
    if job.failing is not None:
        return job.failing.message, job.failing.code, job.failing.hresult
    if job.finish is not None:
        return job.finish.message, "finished_by_user", HResult.FINISHED_BY_USER
    if outcome is JobState.FINISHED:
        return "", "", 0
    if job.prep is not None and job.prep.state is TaskState.FAILED:
        words = f"node preparation failed on {', '.join(job.nodes)}; there is no other node"
        return words, "node_prep_failure", HResult.NODE_PREP_TASK_FAILURE
    failed = sum(t.state is TaskState.FAILED for t in job.work)
    canceled = sum(t.state is TaskState.CANCELED for t in job.work) + len(job.waiting)
    words = f"{failed} of {len(job.work)} tasks failed, {canceled} canceled"
    words += "".join(subtasks_ended(t) for t in job.work)
    return words, "task_failure", HResult.TASK_FAILURE


def subtasks_ended(task: Task) -> str:
    """How many subtasks of a sweep came to no good end."""
    subtasks = task.subtasks
    if subtasks is None or not (subtasks.failed or subtasks.canceled):
        return ""
    failed, canceled = len(subtasks.failed), len(subtasks.canceled)
    return (
        f"; of the {subtasks.count} subtasks of task {task.spec.id} {failed} failed, "
        f"{canceled} canceled"
    )
