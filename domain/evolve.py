"""``evolve(job, recorded) -> job``: what each fact means. Never refuses, never looks outside."""

from collections.abc import Iterable
from typing import TypeAlias, assert_never

from msgspec.structs import replace

from domain import events as e
from domain.changes import dated, ended, enter, release_skipped
from domain.counted import count_of
from domain.errors import Corrupt
from domain.evolve_emergency import emergency_recorded
from domain.evolve_making import added, properties_changed, task_changed, tasks_added
from domain.evolve_marks import held_by_law, protected
from domain.evolve_requests import (
    again,
    cancel_answered,
    cancel_requested,
    canceled,
    command_refused,
    failing,
    finish_requested,
    job_ending,
    job_failed,
    job_finished,
    task_cancel_requested,
    task_canceled,
    task_finish_requested,
    task_requeued,
)
from domain.evolve_runs import (
    activation_held,
    queued,
    release_ended,
    run_ended,
    run_failed,
    run_started,
    runtime_expired,
    started,
    stop_ordered,
    submitted,
    with_survivors,
)
from domain.evolve_waiting import (
    cancel_approved,
    cancel_held,
    cancel_lapsed,
    cancel_withdrawn,
    reviewed,
)
from domain.job import Job
from domain.reviewing import review_opened
from domain.states import JobState, StopCause, TaskState
from domain.stopped_by import job_canceled_by, why_stopped

OfNoJob: TypeAlias = e.ClusterEvent | e.RequestEvent | e.BulkEvent | e.PolicyEvent


def evolve(job: Job | None, recorded: e.Recorded) -> Job:
    """The job after one more fact.

    Raises ``Corrupt`` only when the history itself is impossible: a gap in the versions, a first
    fact that is not JobAdded, or a fact that belongs to no job.
    """
    expected = 1 if job is None else job.version + 1
    if recorded.version != expected:
        raise Corrupt(f"{recorded.aggregate}: version {recorded.version} follows {expected - 1}")
    data = recorded.data
    if isinstance(data, OfNoJob):
        raise Corrupt(f"{recorded.aggregate}: {type(data).__name__} is not a fact about a job")
    if isinstance(data, e.JobAdded):
        if job is not None:
            raise Corrupt(f"{recorded.aggregate}: added twice")
        return dated({}, added(recorded, data), recorded)
    if job is None:
        raise Corrupt(f"{recorded.aggregate}: begins with {type(data).__name__}, not JobAdded")
    after = dated(job.tasks, apply(job, recorded, data), recorded)
    return replace(after, version=recorded.version, changed_at=recorded.time)


def replay(history: Iterable[e.Recorded]) -> Job | None:
    """The job after all of ``history``; None for an empty one."""
    job: Job | None = None
    for recorded in history:
        job = evolve(job, recorded)
    return job


def apply(  # noqa: C901, PLR0915 - one case a fact, and the compiler checks that none is missing
    job: Job, recorded: e.Recorded, data: e.JobEvent
) -> Job:
    """One line a fact; anything longer has a function in another ``evolve_*`` module."""
    match data:
        case e.JobAdded():
            return job  # handled by evolve
        case e.TasksAdded():
            return tasks_added(job, recorded, data)
        case e.JobPropertiesChanged():
            return properties_changed(job, recorded, data)
        case e.TaskPropertiesChanged():
            return task_changed(job, recorded, data)
        case e.JobSubmitted():
            return submitted(job, recorded, data)
        case e.JobValidationStarted():
            return enter(job, JobState.VALIDATING)
        case e.JobExternalValidationStarted():
            return enter(job, JobState.EXTERNAL_VALIDATION)
        case e.JobQueued():
            return queued(job, recorded)
        case e.JobRejected():
            return ended(job, recorded, JobState.FAILED, data.hresult, data.reason)
        case e.JobActivationHeld():
            return activation_held(job, recorded, data)
        case e.JobStarted():
            return started(job, recorded, data)
        case e.TaskStarted():
            return run_started(job, recorded, data.runs, data.handle)
        case e.TaskFinished():
            how = (TaskState.FINISHED, data.exit)
            return run_ended(job, recorded, data.runs, *how, again=data.runs_again)
        case e.TaskFailed():
            return run_failed(job, recorded, data)
        case e.JobCancelRequested():
            return cancel_requested(job, recorded, data)
        case e.EmergencyStopRecorded():
            return emergency_recorded(job, recorded, data)
        case e.JobCancelRepeated() | e.JobCancelRefused():
            return cancel_answered(job, recorded, data)
        case e.JobCancelHeld():
            return cancel_held(job, recorded, data)
        case e.JobCancelApprovalRequested():
            return job
        case e.JobCancelApproved():
            return cancel_approved(job, recorded, data)
        case e.JobCancelWithdrawn():
            return cancel_withdrawn(job, recorded, data)
        case e.JobCancelLapsed():
            return cancel_lapsed(job, recorded, data)
        case e.BreakGlassUsed():
            opened = {data.request_id: review_opened(recorded, data)}
            return replace(job, reviews=job.reviews | opened)
        case e.BreakGlassReviewed():
            return reviewed(job, recorded, data)
        case e.TaskCancelRequested():
            return task_cancel_requested(job, recorded, data)
        case e.TaskCancelRepeated() | e.TaskCancelRefused():
            return cancel_answered(job, recorded, data)
        case e.TaskFinishRequested():
            return task_finish_requested(job, recorded, data)
        case e.TaskRequeued():
            return task_requeued(job, recorded, data)
        case e.JobCommandRefused():
            return command_refused(job, recorded, data)
        case e.TaskStopOrdered():
            return stop_ordered(job, data)
        case e.JobFailing():
            return failing(job, recorded, data)
        case e.TaskRuntimeExpired():
            return runtime_expired(job, recorded, data)
        case e.TaskStopped():
            after = stopped(job, recorded, data)
            return replace(after, stopped=job.stopped + runs_of_job_cancel(data))
        case e.TaskForceStopped():
            after = with_survivors(stopped(job, recorded, data), data.runs, data.survivors)
            return replace(after, force_stopped=job.force_stopped + runs_of_job_cancel(data))
        case e.TaskSurvivorsGone():
            return with_survivors(job, data.runs, 0)
        case e.TaskCanceled():
            return task_canceled(job, data)
        case e.NodeReleaseStarted():
            return run_started(job, recorded, data.runs, data.handle)
        case e.NodeReleaseEnded():
            return release_ended(job, recorded, data)
        case e.NodeReleaseSkipped():
            return release_skipped(job, job_canceled_by(job.cancel))
        case e.JobCanceled():
            return canceled(job, recorded)
        case e.JobFinishRequested():
            return finish_requested(job, recorded, data)
        case e.JobEnding():
            return job_ending(job, recorded, data)
        case e.JobFinished():
            return job_finished(job, recorded, data)
        case e.JobFailed():
            return job_failed(job, recorded, data)
        case e.JobConfigured():
            return again(job, recorded, data, JobState.CONFIGURING, TaskState.CONFIGURING)
        case e.JobRequeued():
            return again(job, recorded, data, JobState.SUBMITTED, TaskState.SUBMITTED)
        case e.JobProtected() | e.JobProtectionLifted():
            return protected(job, recorded, data)
        case e.JobLegalHoldPlaced() | e.JobLegalHoldReleased():
            return held_by_law(job, recorded, data)
        case e.JobRemoved():
            return replace(job, removed=True)
        case _:
            assert_never(data)


def stopped(job: Job, recorded: e.Recorded, data: e.TaskStopped | e.TaskForceStopped) -> Job:
    """The runs are over, as the order that stopped them says."""
    code, reason = why_stopped(job, data)
    how = (data.outcome, data.exit, code, reason)
    return run_ended(job, recorded, data.runs, *how, again=data.runs_again)


def runs_of_job_cancel(data: e.TaskStopped | e.TaskForceStopped) -> int:
    """How many runs ended here by the job's cancel."""
    return count_of(data.runs) if data.cause is StopCause.JOB_CANCEL else 0
