"""When a job is over, and how: Finished, Failed or Canceled, with the words that say why."""

from collections.abc import Iterable

from domain import commands as c
from domain import events as e
from domain.hresult import HResult
from domain.job import Job, Task
from domain.message import kept
from domain.node_release import release_due, skip_due
from domain.readiness import work_over
from domain.run_ends import open_cancels
from domain.states import JobState, TaskState
from domain.vain import preparation


def end_due(job: Job) -> bool:
    """Whether the job's next step is its end, or the step before it (JobEnding)."""
    if open_cancels(job):
        return False
    if job.state in (JobState.CANCELING, JobState.FINISHING):
        release_open = job.release_running or bool(release_due(job)) or skip_due(job)
        return job.all_ended and not release_open
    goes_on = job.state not in (JobState.RUNNING, JobState.QUEUED) or job.run_until_canceled
    return not goes_on and work_over(job)


def end_job(job: Job, instruction: c.EndJob) -> tuple[e.JobEvent, ...]:
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
                released=job.released and not job.release_cut_short,
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
        words = kept(f"there is no node left: {preparation(job, job.prep)}").text
        return words, "node_prep_failure", HResult.NODE_PREP_TASK_FAILURE
    failed = sum(t.state is TaskState.FAILED for t in job.work)
    canceled = sum(t.state is TaskState.CANCELED for t in job.work) + len(job.waiting)
    words = f"{failed} of {len(job.work)} tasks failed, {canceled} canceled"
    words += "".join(subtasks_ended(t) for t in job.work)
    return kept(words).text, "task_failure", HResult.TASK_FAILURE


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
