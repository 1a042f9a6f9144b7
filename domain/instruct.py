"""``instruct(job, instruction) -> events``: what the service itself writes down about a job.

An instruction that no longer fits (it was done, or something overtook it) gives no event, so every
one of them is safe to repeat; nothing that is not due can be written.
"""

from typing import assert_never

from domain import commands as c
from domain import events as e
from domain.failing import expire, fail_job
from domain.filtering import (
    end_activation,
    end_external_validation,
    start_external_validation,
)
from domain.hresult import HResult
from domain.job import Job
from domain.job_ends import end_job
from domain.node_release import is_due, range_of, skip_release, start_release
from domain.orders import order_stop
from domain.readiness import may_start_on
from domain.run_ends import record_run_end, record_survivors_gone, record_task_canceled
from domain.states import JOB_ENDED, JobState, TaskType
from domain.subtasks import one_run

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
            return closing(job, end_validation(job, instruction))
        case c.StartExternalValidation():
            return start_external_validation(job, instruction)
        case c.EndExternalValidation():
            return closing(job, end_external_validation(job, instruction))
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
    """Ended, not under legal hold, and nothing of it left that somebody must still be told of, or
    look at."""
    survivors = any(t.survivors for t in job.tasks.values())
    kept = survivors or job.reviews or job.legal_hold is not None
    return job.state in JOB_ENDED and not kept


def closing(job: Job, facts: Facts) -> Facts:
    """The facts; where the job ends by them, the open cancels of its tasks are closed before."""
    ends = any(isinstance(fact, e.JobRejected) for fact in facts)
    return (*record_task_canceled(job), *facts) if ends else facts


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
