"""What accepted requests to cancel, finish or run again mean, and how answers are remembered."""

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from domain import events as e
from domain.changes import (
    answered,
    ended,
    enter,
    release_skipped,
    run_changed,
    stop_running,
    stop_waiting,
    with_tasks,
)
from domain.commands import content_sha256, on_task, requeue_sha256
from domain.evolve_waiting import told_instead
from domain.hresult import HResult
from domain.job import (
    CancelInForce,
    FailingInForce,
    FinishInForce,
    Job,
    Task,
    TaskCancel,
    TaskFinish,
)
from domain.message import sha256_of
from domain.ranges import in_ranges
from domain.states import TASK_ENDED, CancelMode, JobState, NodeRelease, TaskState, TaskType
from domain.stopped_by import canceled_by, finished_by, job_canceled_by, job_finished_by
from domain.subtasks import (
    cut_short,
    queued_again,
    running_changed,
    waiting_canceled,
    waiting_ended,
    without_nodes,
)
from domain.vain import reasons_in_vain

CancelAnswer = (
    e.JobCancelRequested
    | e.JobCancelRepeated
    | e.JobCancelRefused
    | e.TaskCancelRequested
    | e.TaskCancelRepeated
    | e.TaskCancelRefused
)


def cancel_requested(job: Job, recorded: e.Recorded, data: e.JobCancelRequested) -> Job:
    """In effect from here, and answered."""
    after = canceling(job, recorded, data)
    if data.held_version:
        after = told_instead(after, recorded, data.request_id)
    return cancel_answered(after, recorded, data)


def canceling(
    job: Job, recorded: e.Recorded, data: e.JobCancelRequested | e.EmergencyStopRecorded
) -> Job:
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
    why = job_canceled_by(cancel)
    after = with_sweeps_cut_short(enter(job, JobState.CANCELING), why)
    after = stop_waiting(after, recorded, all_waiting(after, why))
    if data.mode is not CancelMode.GRACEFUL:
        after = stop_running(after, TaskState.CANCELING)
    if data.node_release is NodeRelease.NONE:
        after = release_skipped(after, why)
    return replace(
        after,
        cancel=cancel,
        outcome=None,
        error_code=HResult.CANCELED_BY_USER,
        error_params=data.message,
    )


def all_waiting(job: Job, why: str) -> dict[int, str]:
    """For each task that waits the same reason: what ended the job."""
    return {task.spec.id: why for task in job.waiting}


def with_sweeps_cut_short(job: Job, why: str) -> Job:
    """The job, whose tasks with open subtasks know that its cancel ended them, and whose it was."""
    return with_tasks(job, open_sweeps(job), lambda t: replace(cut_short(t), reason=why))


def open_sweeps(job: Job) -> list[int]:
    """Tasks with subtasks, node release aside, that have not ended."""
    return [t.spec.id for t in job.work if t.subtasks is not None and t.state not in TASK_ENDED]


def cancel_answered(job: Job, recorded: e.Recorded, data: CancelAnswer) -> Job:
    """Remember the answer to a cancel of the job or of one of its tasks."""
    return answered(job, recorded, operation_of(data), data.request_id, content_of(data))


def operation_of(data: CancelAnswer) -> str:
    """The scope of a cancel's request id: the job, or one task."""
    if isinstance(data, e.TaskCancelRequested | e.TaskCancelRepeated | e.TaskCancelRefused):
        return on_task("cancel_task", data.task, data.instance)
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

    why = canceled_by(cancel)

    def stopping(run: Task) -> Task:
        return replace(run, state=TaskState.CANCELING, cancel=cancel)

    def change(task: Task) -> Task:
        if task.subtasks is not None:
            opened = data.waiting.count > 0
            after = replace(task, cancel=cancel, cancel_open=opened, reason=why)
            return waiting_canceled(running_changed(after, stopping), recorded.time, True)
        if data.running.count:
            return stopping(task)
        return replace(
            task,
            state=TaskState.CANCELED,
            cancel=cancel,
            cancel_open=True,
            explicitly_canceled=True,
            ended_at=recorded.time,
            reason=why,
        )

    return cancel_answered(on_target(job, data, change), recorded, data)


def on_target(
    job: Job,
    data: e.TaskCancelRequested | e.TaskFinishRequested | e.TaskRequeued,
    change: Callable[[Task], Task],
) -> Job:
    """``change`` applied to the task or subtask that the request is about."""
    return with_tasks(job, [data.task], lambda t: run_changed(t, data.instance, change))


def task_canceled(job: Job, data: e.TaskCanceled) -> Job:
    """The requests on what never ran are closed."""
    ids = set(in_ranges(data.tasks)) - {x.task for x in data.subtasks}
    after = with_tasks(job, ids, closed)
    for some in data.subtasks:
        for number in in_ranges(some.instances):
            after = with_tasks(after, [some.task], partial(closed_one, number))
    return after


def closed_one(number: int, task: Task) -> Task:
    """The task, one of whose subtasks has no open cancel any more."""
    return run_changed(task, number, closed)


def closed(task: Task) -> Task:
    """Its cancel is no longer open."""
    return replace(task, cancel_open=False)


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

    why = finished_by(finish)

    def stopping(run: Task) -> Task:
        return replace(run, state=TaskState.FINISHING, finish=finish)

    def change(task: Task) -> Task:
        if task.subtasks is not None:
            after = running_changed(replace(task, finish=finish, reason=why), stopping)
            return waiting_ended(after, TaskState.FINISHED, recorded.time)
        if data.running.count:
            return stopping(task)
        return replace(
            task, state=TaskState.FINISHED, finish=finish, ended_at=recorded.time, reason=why
        )

    content, scope = content_sha256("finish_task", data.message), on_task(*of("finish_task", data))
    return answered(on_target(job, data, change), recorded, scope, data.request_id, content)


def of(operation: str, data: e.TaskFinishRequested | e.TaskRequeued) -> tuple[str, int, int]:
    """The operation, and what it is on."""
    return operation, data.task, data.instance


def task_requeued(job: Job, recorded: e.Recorded, data: e.TaskRequeued) -> Job:
    """Queued again; of what it was only its runs and what they left behind are kept."""
    waits = data.from_state is TaskState.QUEUED
    after = (
        job if waits else on_target(job, data, lambda t: waiting_again(t, TaskState.QUEUED, True))
    )
    content = requeue_sha256("requeue_task", data.message)
    scope = on_task(*of("requeue_task", data))
    return answered(after, recorded, scope, data.request_id, content)


def waiting_again(task: Task, state: TaskState, explicit_too: bool) -> Task:
    """The task as it waits for another round; of what it was only its runs are kept."""
    if task.subtasks is not None:
        return queued_again(task, state, explicit_too)
    return Task(
        task.spec,
        state,
        instance=task.instance,
        attempt=task.attempt,
        node=task.node,
        outlived=task.outlived,
    )


def command_refused(job: Job, recorded: e.Recorded, data: e.JobCommandRefused) -> Job:
    """Only the answer is remembered, in the scope of the task where there is one."""
    operation = data.command
    if data.task is not None:
        operation = on_task(data.command, data.task, data.instance)
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
    why = job_finished_by(finish)
    after = with_tasks(
        enter(job, JobState.FINISHING), open_sweeps(job), lambda t: replace(t, reason=why)
    )
    after = stop_waiting(after, recorded, all_waiting(after, why))
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
    stopped = all_waiting(job, data.message)
    after = stop_waiting(enter(job, JobState.FINISHING), recorded, stopped)
    after = stop_running(after, TaskState.FINISHING)
    if data.node_release is NodeRelease.NONE:
        after = release_skipped(after)
    return replace(after, failing=why, outcome=JobState.FAILED)


def job_ending(job: Job, recorded: e.Recorded, data: e.JobEnding) -> Job:
    """Finishing by itself: what waits now waited in vain."""
    after = stop_waiting(enter(job, JobState.FINISHING), recorded, reasons_in_vain(job))
    return replace(after, outcome=data.outcome)


def job_failed(job: Job, recorded: e.Recorded, data: e.JobFailed) -> Job:
    """Failed by itself: what waits now waited in vain."""
    after = stop_waiting(job, recorded, reasons_in_vain(job))
    return ended(after, recorded, JobState.FAILED, data.hresult, data.message)


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
        lambda t: waiting_again(without_nodes(t), task_state, False),
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
        release_cut_short=False,
        error_code=0,
        error_params="",
        requeue_count=data.requeue_count,
        queued_at=None,
        started_at=None,
        ended_at=None,
    )
    if isinstance(data, e.JobRequeued):
        operation, content = "requeue", requeue_sha256("requeue", data.message)
    else:
        operation, content = "configure", content_sha256("configure")
    return answered(after, recorded, operation, data.request_id, content)
