"""When the service ends a job or a run on its own account: run-time limits, FailOnTaskFailure.

Source: the product's job properties Runtime and FailOnTaskFailure, its task property Runtime, and
its codes Execution_JobRuntimeExpired and Execution_TaskRuntimeExpired. Deliberate, for no source
says it: what is stopped so is stopped as by a normal cancel, with TaskCancelGracePeriod, and node
release runs; a job whose time is over while it is canceled gracefully loses the runs it was to wait
for; node release has a limit of its own and does not count.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from domain import commands as c
from domain import events as e
from domain.cancelling import release_for
from domain.counted import run_ranges, run_set, waiting_set
from domain.hresult import HResult
from domain.job import Job, Task
from domain.readiness import work_over
from domain.states import CancelMode, JobState, StopCause, TaskState
from domain.subtasks import failed_one

# --- FailOnTaskFailure ----------------------------------------------------------------------------


def fail_due(job: Job) -> bool:
    """Whether a failed task is to stop the rest; a job that is over by itself just ends."""
    failed = any(failed_one(t) for t in job.work)
    return job.fail_on_task_failure and goes_on(job) and failed


def goes_on(job: Job) -> bool:
    """Whether it runs and has not come to its own end."""
    return job.state is JobState.RUNNING and (job.run_until_canceled or not work_over(job))


def fail_job(job: Job, instruction: c.FailJob) -> tuple[e.JobEvent, ...]:
    """JobFailing, once."""
    if not fail_due(job):
        return ()
    first = next(t.spec.id for t in job.work if failed_one(t))
    words = f"task {first} failed, and FailOnTaskFailure stops the rest"
    why = (StopCause.TASK_FAILURE, words, "task_failure", HResult.TASK_FAILURE)
    return (failing(job, *why, instruction.grace_seconds),)


def failing(
    job: Job, cause: StopCause, words: str, code: str, hresult: HResult, grace_seconds: int
) -> e.JobFailing:
    """The fact, with what it finds."""
    return e.JobFailing(
        cause=cause,
        message=words,
        code=code,
        hresult=hresult,
        from_state=job.state,
        running=run_set(job.on_node),
        waiting=waiting_set(job.waiting),
        grace_seconds=grace_seconds,
        node_release=release_for(job, CancelMode.NORMAL),
    )


# --- run-time limits ------------------------------------------------------------------------------


def expire(job: Job, instruction: c.ExpireRuntime) -> tuple[e.JobEvent, ...]:
    """What has run out: the job's time, or that of runs, each limit one fact."""
    at, grace_seconds = instruction.at, instruction.grace_seconds
    ends_at = job_ends_at(job)
    if goes_on(job) and ends_at is not None and ends_at <= at:
        words = f"the job ran for {job.limit_seconds} seconds, its run-time limit"
        code = "job_runtime_expired"
        why = (StopCause.RUN_LIMIT, words, code, HResult.JOB_RUNTIME_EXPIRED)
        return (failing(job, *why, grace_seconds),)
    late: dict[tuple[int, int], tuple[int, Task]] = {}
    for run, limit_seconds, moment in run_limits(job):
        if moment <= at:
            late.setdefault((run.spec.id, run.instance), (limit_seconds, run))
    return tuple(
        e.TaskRuntimeExpired(
            run_ranges(run for seconds, run in late.values() if seconds == limit_seconds),
            limit_seconds,
            grace_seconds,
        )
        for limit_seconds in dict.fromkeys(seconds for seconds, _ in late.values())
    )


def next_limit(job: Job) -> datetime | None:
    """When the next limit of the job or of one of its runs runs out; None for never."""
    moments = [moment for _, _, moment in run_limits(job)]
    ends_at = job_ends_at(job)
    if goes_on(job) and ends_at is not None:
        moments.append(ends_at)
    return min(moments, default=None)


def job_ends_at(job: Job) -> datetime | None:
    """When the job's time is over."""
    if job.limit_seconds == 0 or job.started_at is None:
        return None
    return job.started_at + timedelta(seconds=job.limit_seconds)


def run_limits(job: Job) -> Iterator[tuple[Task, int, datetime]]:
    """Runs that have a limit and nothing else that stops them, their limit, and when it is over."""
    ends_at = job_ends_at(job) if job.state is JobState.CANCELING else None
    for task in job.on_node:
        if task.state is not TaskState.RUNNING or task.started_at is None:
            continue
        if ends_at is not None:
            yield task, job.limit_seconds, ends_at
        if task.spec.runtime_seconds:
            seconds = task.spec.runtime_seconds
            yield task, seconds, task.started_at + timedelta(seconds=seconds)
