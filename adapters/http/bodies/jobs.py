"""Lists of jobs, and of a job's tasks, as they go out."""

from msgspec import Struct

from adapters.http.bodies.page import ListBody, sentence
from adapters.http.bodies.shapes import (
    Count,
    HResultText,
    JobNumber,
    JobStateWord,
    JobTypeWord,
    ModeWord,
    PositionNumber,
    PriorityWord,
    TaskNumber,
    TaskStateWord,
    TaskTypeWord,
    Time,
    VersionNumber,
)
from adapters.web.text import hexadecimal
from application.listing import Listed
from projections.job_view import JobRow, TaskRow, labels_in


class TaskCounts(Struct, frozen=True):
    """Tasks, node release aside, by what they do; ``running``: on a node.

    Of a task that has subtasks each of them is counted, in place of the task itself.
    """

    total: Count
    waiting: Count
    running: Count
    finished: Count
    failed: Count
    canceled: Count


class LastCancel(Struct, frozen=True):
    """The last accepted cancel; ``version`` is that of its event in the job."""

    actor: str
    on_behalf_of: str
    at: Time
    mode: ModeWord
    message: str
    reason_code: str
    request_id: str
    version: VersionNumber


class JobItem(Struct, frozen=True):
    """A job in a list. ``error_code``: HPC Pack's number, "" for none."""

    job_id: JobNumber
    name: str
    owner: str
    job_type: JobTypeWord
    priority: PriorityWord
    run_as: str
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
    project: str
    progress: Count
    progress_message: str
    max_cores: Count
    labels: dict[str, str]
    is_protected: bool
    on_legal_hold: bool
    hold_until: Time | None
    tasks: TaskCounts
    survivors: Count
    cancel: LastCancel | None


class JobsBody(ListBody, frozen=True, kw_only=True):
    """A page of jobs."""

    jobs: tuple[JobItem, ...]


def job_item(row: JobRow) -> JobItem:
    """A job as it goes out."""
    return JobItem(
        job_id=row.job_id,
        name=row.name,
        owner=row.owner,
        job_type=row.job_type,
        priority=row.priority,
        run_as=row.run_as,
        state=row.state,
        previous_state=row.previous_state,
        version=row.version,
        position=row.position,
        created_at=row.created_at,
        submitted_at=row.submitted_at,
        queued_at=row.queued_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        changed_at=row.changed_at,
        requeue_count=row.requeue_count,
        error_code=hexadecimal(row.error_code),
        error_message=row.error_message,
        nodes=row.nodes,
        project=row.project,
        progress=row.progress,
        progress_message=row.progress_message,
        max_cores=row.max_cores,
        labels=labels_in(row.labels),
        is_protected=bool(row.is_protected),
        on_legal_hold=bool(row.on_legal_hold),
        hold_until=row.hold_until,
        tasks=TaskCounts(
            row.tasks, row.waiting, row.running, row.finished, row.failed, row.canceled
        ),
        survivors=row.survivors,
        cancel=last_cancel(row),
    )


def last_cancel(row: JobRow) -> LastCancel | None:
    """The last accepted cancel, if there is one."""
    if row.cancel_at is None or row.cancel_version is None:
        return None
    return LastCancel(
        actor=row.cancel_actor,
        on_behalf_of=row.cancel_on_behalf_of,
        at=row.cancel_at,
        mode=row.cancel_mode,
        message=row.cancel_message,
        reason_code=row.cancel_reason_code,
        request_id=row.cancel_request_id,
        version=row.cancel_version,
    )


def jobs_body(listed: Listed[JobRow], after: str | None) -> JobsBody:
    """A page of jobs as it goes out."""
    rows = listed.answer.rows
    return JobsBody(
        jobs=tuple(map(job_item, rows)),
        next=after,
        position=listed.answer.position,
        behind=listed.behind,
        stopped=sentence(listed.stopped),
    )


class TaskItem(Struct, frozen=True):
    """A task in a list, and its latest run."""

    task_id: TaskNumber
    type: TaskTypeWord
    name: str
    command: str
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


class TasksBody(ListBody, frozen=True, kw_only=True):
    """A page of a job's tasks."""

    job_id: JobNumber
    tasks: tuple[TaskItem, ...]


def tasks_body(job_id: int, listed: Listed[TaskRow], after: str | None) -> TasksBody:
    """A page of tasks as it goes out."""
    return TasksBody(
        job_id=job_id,
        tasks=tuple(map(task_item, listed.answer.rows)),
        next=after,
        position=listed.answer.position,
        behind=listed.behind,
        stopped=sentence(listed.stopped),
    )


def task_item(row: TaskRow) -> TaskItem:
    """A task as it goes out."""
    return TaskItem(
        task_id=row.task_id,
        type=row.type,
        name=row.name,
        command=row.command,
        state=row.state,
        attempt=row.attempt,
        node=row.node,
        exit_code=row.exit_code,
        exit_signal=row.exit_signal,
        started_at=row.started_at,
        ended_at=row.ended_at,
        survivors=row.survivors,
        code=row.code,
        reason=row.reason,
        explicitly_canceled=bool(row.explicitly_canceled),
    )
