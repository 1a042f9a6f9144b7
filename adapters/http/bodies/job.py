"""A job as it goes out."""

from msgspec import Struct

from adapters.http.bodies.marks import MarkDetail, mark_detail
from adapters.http.bodies.shapes import (
    Count,
    HoldWord,
    HResultText,
    JobNumber,
    JobStateWord,
    JobTypeWord,
    ModeWord,
    NodeReleaseWord,
    PositionNumber,
    PriorityWord,
    StopCauseWord,
    TaskNumber,
    TaskStateWord,
    TaskTypeWord,
    Time,
    VersionNumber,
)
from adapters.http.bodies.waiting import WaitingDetail, waiting_detail
from adapters.web.text import hexadecimal
from application.queries import Snapshot
from application.subtasks import SubtaskCounts, counts_of
from domain.error_message import error_message
from domain.job import (
    CancelInForce,
    FailingInForce,
    FinishInForce,
    Held,
    Job,
    Task,
    TaskFinish,
)
from projections.stamps import maybe_stamp, stamp, stamp_of


class CancelDetail(Struct, frozen=True):
    """The strongest accepted cancel."""

    request_id: str
    mode: ModeWord
    message: str
    reason_code: str
    actor: str
    on_behalf_of: str
    at: Time
    grace_seconds: Count
    node_release: NodeReleaseWord


class FinishDetail(Struct, frozen=True):
    """The accepted finish."""

    request_id: str
    message: str
    actor: str
    at: Time
    grace_seconds: Count
    node_release: NodeReleaseWord


class TaskFinishDetail(Struct, frozen=True):
    """The accepted finish of one task."""

    request_id: str
    message: str
    actor: str
    on_behalf_of: str
    at: Time
    grace_seconds: Count


class SubtaskCountsBody(Struct, frozen=True):
    """A task's subtasks by what they do. ``running``: on a node.

    ``expanded``: the highest number that was ever reached; there is no naming a higher one yet.
    ``waiting`` counts those too that were not reached.
    """

    total: Count
    expanded: Count
    waiting: Count
    running: Count
    finished: Count
    failed: Count
    canceled: Count


class TaskDetail(Struct, frozen=True):
    """A task and its latest run; a task with subtasks has no runs of its own.

    ``start``, ``end``, ``increment``: the index of a parametric sweep. ``instances``: of a service,
    how many there are at once. Each 0 for other types. ``subtasks``: null without any.
    ``reason``: why it ended badly or never ran, or who stopped it and what they said; ``code`` is
    then empty.
    """

    task_id: TaskNumber
    type: TaskTypeWord
    name: str
    command: str
    work_directory: str
    runtime_seconds: Count
    depends_on: tuple[str, ...]
    retry_count: Count | None
    retries: Count
    valid_exit_codes: str
    properties: dict[str, str]
    stdin: str
    stdout: str
    stderr: str
    state: TaskStateWord
    attempt: Count
    node: str
    exit_code: Count | None
    exit_signal: Count | None
    started_at: Time | None
    ended_at: Time | None
    survivors: Count
    code: str
    reason: str
    explicitly_canceled: bool
    finish: TaskFinishDetail | None
    start: Count
    end: Count
    increment: Count
    instances: Count
    subtasks: SubtaskCountsBody | None


class FailingDetail(Struct, frozen=True):
    """What the service ends the job for: FailOnTaskFailure, or the run-time limit."""

    cause: StopCauseWord
    message: str
    code: str
    hresult: HResultText
    grace_seconds: Count


class HeldDetail(Struct, frozen=True):
    """The activation filter does not let the job start, since ``at``.

    ``hold``: what waits. ``exit_code``: of the filter, null where it gave none. ``again_seconds``:
    how soon it is asked again at the earliest.
    """

    filter: str
    hold: HoldWord
    exit_code: Count | None
    code: str
    reason: str
    again_seconds: Count
    at: Time


class JobDetail(Struct, frozen=True):
    """A job at ``version``, the event of which is at ``position``.

    ``runtime_seconds``: its own limit, 0 for none; ``limit_seconds``: the one in force now.
    ``waiting_cancels``: those that were accepted and have not taken effect.
    """

    job_id: JobNumber
    name: str
    owner: str
    job_type: JobTypeWord
    priority: PriorityWord
    run_as: str
    properties: dict[str, str]
    fail_on_task_failure: bool
    run_until_canceled: bool
    runtime_seconds: Count
    limit_seconds: Count
    valid_exit_codes: str
    task_retry_count: Count
    hold_until: Time | None
    project: str
    service_name: str
    client_source: str
    progress: Count
    progress_message: str
    max_cores: Count
    labels: dict[str, str]
    state: JobStateWord
    previous_state: JobStateWord | None
    version: VersionNumber
    position: PositionNumber
    created_at: Time
    submitted_at: Time | None
    queued_at: Time | None
    started_at: Time | None
    ended_at: Time | None
    changed_at: Time
    requeue_count: Count
    error_code: HResultText
    error_message: str
    nodes: tuple[str, ...]
    cancel: CancelDetail | None
    finish: FinishDetail | None
    failing: FailingDetail | None
    held: HeldDetail | None
    protection: MarkDetail | None
    legal_hold: MarkDetail | None
    waiting_cancels: tuple[WaitingDetail, ...]
    tasks: tuple[TaskDetail, ...]
    removed: bool


def job_detail(snapshot: Snapshot) -> JobDetail:
    """A job as it goes out."""
    return detail_of(snapshot.job, snapshot.position)


def detail_of(job: Job, position: int) -> JobDetail:
    """The job whose last event is at ``position``."""
    return JobDetail(
        job_id=job.id,
        name=job.name,
        owner=job.owner,
        job_type=job.job_type,
        priority=job.priority,
        run_as=job.run_as,
        properties=job.properties,
        fail_on_task_failure=job.fail_on_task_failure,
        run_until_canceled=job.run_until_canceled,
        runtime_seconds=job.runtime_seconds,
        limit_seconds=job.limit_seconds,
        valid_exit_codes=job.valid_exit_codes,
        task_retry_count=job.task_retry_count,
        hold_until=stamp_of(job.hold_until),
        project=job.project,
        service_name=job.service_name,
        client_source=job.client_source,
        progress=job.progress,
        progress_message=job.progress_message,
        max_cores=job.max_cores,
        labels=job.labels,
        state=job.state,
        previous_state=job.previous_state,
        version=job.version,
        position=position,
        created_at=stamp(job.created_at),
        submitted_at=maybe_stamp(job.submitted_at),
        queued_at=maybe_stamp(job.queued_at),
        started_at=maybe_stamp(job.started_at),
        ended_at=maybe_stamp(job.ended_at),
        changed_at=stamp(job.changed_at),
        requeue_count=job.requeue_count,
        error_code=hexadecimal(job.error_code),
        error_message=error_message(job.error_code, job.error_params),
        nodes=job.nodes,
        cancel=cancel_detail(job.cancel),
        finish=finish_detail(job.finish),
        failing=failing_detail(job.failing),
        held=held_detail(job.held),
        protection=mark_detail(job.protection),
        legal_hold=mark_detail(job.legal_hold),
        waiting_cancels=tuple(map(waiting_detail, job.waiting_cancels.values())),
        tasks=tuple(task_detail(task) for task in job.tasks.values()),
        removed=job.removed,
    )


def cancel_detail(cancel: CancelInForce | None) -> CancelDetail | None:
    """The cancel, if there is one."""
    if cancel is None:
        return None
    return CancelDetail(
        request_id=cancel.request_id,
        mode=cancel.mode,
        message=cancel.message,
        reason_code=cancel.reason_code,
        actor=cancel.actor,
        on_behalf_of=cancel.on_behalf_of,
        at=stamp(cancel.at),
        grace_seconds=cancel.grace_seconds,
        node_release=cancel.node_release,
    )


def finish_detail(finish: FinishInForce | None) -> FinishDetail | None:
    """The finish, if there is one."""
    if finish is None:
        return None
    return FinishDetail(
        request_id=finish.request_id,
        message=finish.message,
        actor=finish.actor,
        at=stamp(finish.at),
        grace_seconds=finish.grace_seconds,
        node_release=finish.node_release,
    )


def failing_detail(failing: FailingInForce | None) -> FailingDetail | None:
    """What the service ends the job for, if it does."""
    if failing is None:
        return None
    return FailingDetail(
        cause=failing.cause,
        message=failing.message,
        code=failing.code,
        hresult=hexadecimal(failing.hresult),
        grace_seconds=failing.grace_seconds,
    )


def held_detail(held: Held | None) -> HeldDetail | None:
    """The filter that holds it, if one does."""
    if held is None:
        return None
    return HeldDetail(
        filter=held.filter,
        hold=held.hold,
        exit_code=held.exit_code,
        code=held.code,
        reason=held.reason,
        again_seconds=held.again_seconds,
        at=stamp(held.at),
    )


def task_detail(task: Task) -> TaskDetail:
    """A task as it goes out. Its environment stays inside: it may hold secrets."""
    return TaskDetail(
        task_id=task.spec.id,
        type=task.spec.type,
        name=task.spec.name,
        command=task.spec.command,
        work_directory=task.spec.work_directory,
        runtime_seconds=task.spec.runtime_seconds,
        depends_on=task.spec.depends_on,
        retry_count=task.spec.retry_count,
        retries=task.retries,
        valid_exit_codes=task.spec.valid_exit_codes,
        properties=task.spec.properties,
        stdin=task.spec.stdin,
        stdout=task.spec.stdout,
        stderr=task.spec.stderr,
        state=task.state,
        attempt=task.attempt,
        node=task.node,
        exit_code=task.exit.code if task.exit else None,
        exit_signal=task.exit.signal if task.exit else None,
        started_at=maybe_stamp(task.started_at),
        ended_at=maybe_stamp(task.ended_at),
        survivors=task.survivors,
        code=task.code,
        reason=task.reason,
        explicitly_canceled=task.explicitly_canceled,
        finish=task_finish_detail(task.finish),
        start=task.spec.start,
        end=task.spec.end,
        increment=task.spec.increment,
        instances=task.spec.instances,
        subtasks=subtask_counts(task),
    )


def subtask_counts(task: Task) -> SubtaskCountsBody | None:
    """How many subtasks do what; None for a task that has none."""
    return None if task.subtasks is None else counts_body(counts_of(task))


def counts_body(counts: SubtaskCounts) -> SubtaskCountsBody:
    """The counts as they go out."""
    return SubtaskCountsBody(
        counts.total,
        counts.expanded,
        counts.waiting,
        counts.running,
        counts.finished,
        counts.failed,
        counts.canceled,
    )


def task_finish_detail(finish: TaskFinish | None) -> TaskFinishDetail | None:
    """The finish of this one task, if there is one."""
    if finish is None:
        return None
    return TaskFinishDetail(
        request_id=finish.request_id,
        message=finish.message,
        actor=finish.actor,
        on_behalf_of=finish.on_behalf_of,
        at=stamp(finish.at),
        grace_seconds=finish.grace_seconds,
    )
