"""What accepted requests to cancel, finish or run again mean, and how answers are remembered."""

from msgspec.structs import replace

from domain import events as e
from domain.changes import answered, ended, enter, release_skipped, stop_waiting, with_tasks
from domain.commands import content_sha256
from domain.hresult import HResult
from domain.job import (
    CancelInForce,
    FailingInForce,
    FinishInForce,
    Job,
    Task,
    TaskCancel,
    TaskFinish,
    in_ranges,
)
from domain.message import sha256_of
from domain.states import CancelMode, JobState, NodeRelease, TaskState, TaskType

CancelAnswer = (
    e.JobCancelRequested
    | e.JobCancelRepeated
    | e.JobCancelRefused
    | e.TaskCancelRequested
    | e.TaskCancelRepeated
    | e.TaskCancelRefused
)


def cancel_requested(job: Job, recorded: e.Recorded, data: e.JobCancelRequested) -> Job:
    """In effect from here: waiting tasks Canceled, running ones Canceling unless graceful."""
    caller = recorded.event.caller
    first_at = job.cancel.first_at if job.cancel and data.escalates else recorded.time
    cancel = CancelInForce(
        request_id=data.request_id,
        mode=data.mode,
        message=data.message,
        reason_code=data.reason_code,
        actor=caller.actor.name,
        on_behalf_of=caller.acted_for,
        at=recorded.time,
        first_at=first_at,
        version=recorded.version,
        grace_seconds=data.grace_seconds,
        node_release=data.node_release,
    )
    after = stop_waiting(enter(job, JobState.CANCELING), recorded)
    if data.mode is not CancelMode.GRACEFUL:
        after = stop_running(after, TaskState.CANCELING)
    if data.node_release is NodeRelease.NONE:
        after = release_skipped(after)
    after = replace(
        after,
        cancel=cancel,
        outcome=None,
        error_code=HResult.CANCELED_BY_USER,
        error_params=data.message,
    )
    return cancel_answered(after, recorded, data)


def stop_running(job: Job, state: TaskState) -> Job:
    """What runs is on its way out."""
    ids = [t.spec.id for t in job.on_node]
    return with_tasks(job, ids, lambda t: replace(t, state=state))


def cancel_answered(job: Job, recorded: e.Recorded, data: CancelAnswer) -> Job:
    """Remember the answer to a cancel of the job or of one of its tasks."""
    return answered(job, recorded, operation_of(data), data.request_id, content_of(data))


def operation_of(data: CancelAnswer) -> str:
    """The scope of a cancel's request id: the job, or one task."""
    if isinstance(data, e.TaskCancelRequested | e.TaskCancelRepeated | e.TaskCancelRefused):
        return f"cancel_task/{data.task}"
    return "cancel"


def content_of(data: CancelAnswer) -> str:
    """The digest of what was asked, the same as of the command that asked it.

    A refusal may have kept less than was asked, so it brings the digest with it.
    """
    if isinstance(data, e.JobCancelRefused | e.TaskCancelRefused):
        return data.content_sha256
    return content_sha256(data.mode, data.reason_code, sha256_of(data.message))


def task_cancel_requested(job: Job, recorded: e.Recorded, data: e.TaskCancelRequested) -> Job:
    """A waiting task is Canceled, and explicitly so; a running one is Canceling."""
    cancel = TaskCancel(
        request_id=data.request_id,
        mode=data.mode,
        message=data.message,
        actor=recorded.event.caller.actor.name,
        at=recorded.time,
        grace_seconds=data.grace_seconds,
        version=recorded.version,
    )

    def change(task: Task) -> Task:
        if data.running.count:
            return replace(task, state=TaskState.CANCELING, cancel=cancel)
        return replace(
            task,
            state=TaskState.CANCELED,
            cancel=cancel,
            cancel_open=True,
            explicitly_canceled=True,
            ended_at=recorded.time,
        )

    return cancel_answered(with_tasks(job, [data.task], change), recorded, data)


def task_finish_requested(job: Job, recorded: e.Recorded, data: e.TaskFinishRequested) -> Job:
    """A waiting task is Finished without having run; a running one is Finishing."""
    caller = recorded.event.caller
    finish = TaskFinish(
        request_id=data.request_id,
        message=data.message,
        actor=caller.actor.name,
        on_behalf_of=caller.acted_for,
        at=recorded.time,
        grace_seconds=data.grace_seconds,
        version=recorded.version,
    )

    def change(task: Task) -> Task:
        if data.running.count:
            return replace(task, state=TaskState.FINISHING, finish=finish)
        return replace(task, state=TaskState.FINISHED, finish=finish, ended_at=recorded.time)

    after = with_tasks(job, [data.task], change)
    content = content_sha256("finish_task", data.message)
    return answered(after, recorded, f"finish_task/{data.task}", data.request_id, content)


def task_requeued(job: Job, recorded: e.Recorded, data: e.TaskRequeued) -> Job:
    """Queued again; of what it was only its runs and what they left behind are kept."""
    waits = data.from_state is TaskState.QUEUED
    after = with_tasks(
        job,
        [] if waits else [data.task],
        lambda t: Task(
            t.spec, TaskState.QUEUED, attempt=t.attempt, node=t.node, outlived=t.outlived
        ),
    )
    content = content_sha256("requeue_task")
    return answered(after, recorded, f"requeue_task/{data.task}", data.request_id, content)


def command_refused(job: Job, recorded: e.Recorded, data: e.JobCommandRefused) -> Job:
    """Only the answer is remembered, in the scope of the task where there is one."""
    operation = data.command if data.task is None else f"{data.command}/{data.task}"
    return answered(job, recorded, operation, data.request_id, data.content_sha256)


def canceled(job: Job, recorded: e.Recorded) -> Job:
    """Carried out to its end; code and message are the cancel's."""
    return ended(job, recorded, JobState.CANCELED, job.error_code, job.error_params)


def finish_requested(job: Job, recorded: e.Recorded, data: e.JobFinishRequested) -> Job:
    """Finishing: waiting tasks Canceled, running ones Finishing."""
    finish = FinishInForce(
        request_id=data.request_id,
        message=data.message,
        actor=recorded.event.caller.actor.name,
        at=recorded.time,
        version=recorded.version,
        grace_seconds=data.grace_seconds,
        node_release=data.node_release,
    )
    after = stop_waiting(enter(job, JobState.FINISHING), recorded)
    after = stop_running(after, TaskState.FINISHING)
    if data.node_release is NodeRelease.NONE:
        after = release_skipped(after)
    after = replace(after, finish=finish, outcome=JobState.FINISHED)
    content = content_sha256("finish", data.message)
    return answered(after, recorded, "finish", data.request_id, content)


def failing(job: Job, recorded: e.Recorded, data: e.JobFailing) -> Job:
    """Finishing on the service's own account: as by a finish, but the outcome is Failed."""
    why = FailingInForce(
        order_id=recorded.event.id,
        cause=data.cause,
        message=data.message,
        code=data.code,
        hresult=data.hresult,
        version=recorded.version,
        grace_seconds=data.grace_seconds,
    )
    after = stop_waiting(enter(job, JobState.FINISHING), recorded)
    after = stop_running(after, TaskState.FINISHING)
    if data.node_release is NodeRelease.NONE:
        after = release_skipped(after)
    return replace(after, failing=why, outcome=JobState.FAILED)


def job_finished(job: Job, recorded: e.Recorded, data: e.JobFinished) -> Job:
    """Finished, by itself or by a finish."""
    return ended(job, recorded, JobState.FINISHED, data.hresult, data.message)


def again(
    job: Job,
    recorded: e.Recorded,
    data: e.JobConfigured | e.JobRequeued,
    state: JobState,
    task_state: TaskState,
) -> Job:
    """Back to the start: the tasks named as queued, and node release, wait again."""
    release = [t.spec.id for t in job.tasks.values() if t.spec.type is TaskType.NODE_RELEASE]
    after = with_tasks(
        enter(job, state),
        [*in_ranges(data.queued.tasks), *release],
        lambda t: Task(t.spec, task_state, attempt=t.attempt, node=t.node, outlived=t.outlived),
    )
    if isinstance(data, e.JobRequeued):
        after = replace(after, submitted_at=recorded.time)
    after = replace(
        after,
        cancel=None,
        finish=None,
        failing=None,
        limit_seconds=0,
        outcome=None,
        nodes=(),
        stopped=0,
        force_stopped=0,
        released=False,
        error_code=0,
        error_params="",
        requeue_count=data.requeue_count,
        queued_at=None,
        started_at=None,
        ended_at=None,
    )
    operation = "requeue" if isinstance(data, e.JobRequeued) else "configure"
    return answered(after, recorded, operation, data.request_id, content_sha256(operation))
