"""Subtasks as they go out: one, and pages of them."""

from msgspec import Struct

from adapters.http.bodies.job import SubtaskCountsBody, counts_body
from adapters.http.bodies.page import sentence
from adapters.http.bodies.shapes import (
    Count,
    JobNumber,
    PositionNumber,
    SubtaskNumber,
    TaskNumber,
    TaskStateWord,
    TaskTypeWord,
    Time,
)
from application.subtasks import SubtaskPage, SubtaskView


class SubtaskItem(Struct, frozen=True):
    """A subtask and its latest run.

    ``index``: its value of the sweep's index, null for other types; ``command`` and
    ``work_directory`` have it filled in. ``attempt`` 0: it never ran. ``node``, ``exit_code``,
    ``exit_signal``, ``started_at``, ``ended_at``, ``code``, ``reason``: of the run that
    ``attempt`` counts; empty while the views do not know of its end.
    """

    subtask_id: SubtaskNumber
    index: Count | None
    name: str
    command: str
    work_directory: str
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


class SubtaskBody(Struct, frozen=True, kw_only=True):
    """One subtask of a job whose last event is at ``position``.

    ``behind``: how many events of the stream the ended runs do not know yet.
    """

    job_id: JobNumber
    task_id: TaskNumber
    type: TaskTypeWord
    position: PositionNumber
    behind: Count
    subtask: SubtaskItem


class SubtasksBody(Struct, frozen=True, kw_only=True):
    """A page of a task's subtasks, of those that were reached, and how many do what.

    ``next``: what to go on ``after``, null on the last page. State and attempt are those at
    ``position``, the place of the job's last event. How ended runs went is in the views:
    ``behind`` and ``stopped`` say what these do not know, as in other lists.
    """

    job_id: JobNumber
    task_id: TaskNumber
    type: TaskTypeWord
    counts: SubtaskCountsBody
    subtasks: tuple[SubtaskItem, ...]
    next: SubtaskNumber | None
    position: PositionNumber
    behind: Count
    stopped: str | None


def subtasks_body(task_id: int, page: SubtaskPage) -> SubtasksBody:
    """A page as it goes out."""
    return SubtasksBody(
        job_id=page.job.id,
        task_id=task_id,
        type=page.job.tasks[task_id].spec.type,
        counts=counts_body(page.counts),
        subtasks=tuple(map(subtask_item, page.subtasks)),
        next=page.subtasks[-1].instance if page.more else None,
        position=page.position,
        behind=page.behind,
        stopped=sentence(page.stopped),
    )


def subtask_body(page: SubtaskPage) -> SubtaskBody:
    """A page of one as it goes out."""
    (one,) = page.subtasks
    return SubtaskBody(
        job_id=one.job_id,
        task_id=one.task_id,
        type=one.type,
        position=page.position,
        behind=page.behind,
        subtask=subtask_item(one),
    )


def subtask_item(one: SubtaskView) -> SubtaskItem:
    """A subtask as it goes out."""
    return SubtaskItem(
        subtask_id=one.instance,
        index=one.index,
        name=one.name,
        command=one.command,
        work_directory=one.work_directory,
        state=one.state,
        attempt=one.attempt,
        node=one.node,
        exit_code=one.exit_code,
        exit_signal=one.exit_signal,
        started_at=one.started_at,
        ended_at=one.ended_at,
        survivors=one.survivors,
        code=one.code,
        reason=one.reason,
        explicitly_canceled=one.explicitly_canceled,
    )
