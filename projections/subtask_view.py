"""Subtasks whose run has ended: a row for the last ended run of each, none for who never ran.

State and attempt of a subtask are in the job's fold (``domain.subtasks``), which tells whether a
row still says something; what the fold keeps as a number only is told here.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import TypeAlias, assert_never

from msgspec import Struct

from domain import events as e
from domain.job import Job
from domain.ranges import in_ranges
from domain.stopped_by import job_canceled_by, why_stopped
from projections.stamps import maybe_stamp, stamp

RunEnd: TypeAlias = (
    e.TaskFinished | e.TaskFailed | e.TaskStopped | e.TaskForceStopped | e.NodeReleaseEnded
)


class SubtaskRow(Struct, frozen=True):
    """The last ended run of a subtask. Times are RFC 3339 text in UTC.

    ``instance``: the subtask's number in its task, from 1. ``started_at``: None for a run that
    could not be started.
    """

    job_id: int
    task_id: int
    instance: int
    attempt: int
    node: str
    exit_code: int | None
    exit_signal: int | None
    started_at: str | None
    ended_at: str
    code: str
    reason: str


def ended_subtasks(before: Job | None, recorded: e.Recorded) -> Iterator[SubtaskRow]:
    """A row for each run of a subtask that a fact ends. ``before``: the job before that fact."""
    fact = recorded.data
    if before is None or not isinstance(fact, RunEnd):
        return
    for run in fact.runs:
        for number in in_ranges(run.instances):
            if number:
                yield subtask_row(before, run, number, recorded, fact)


def subtask_row(
    before: Job, run: e.RunRange, number: int, recorded: e.Recorded, fact: RunEnd
) -> SubtaskRow:
    """The row of one of the runs that a fact ends."""
    code, reason = why(before, fact)
    return SubtaskRow(
        job_id=before.id,
        task_id=run.task,
        instance=number,
        attempt=run.attempt,
        node=run.node,
        exit_code=fact.exit.code,
        exit_signal=fact.exit.signal,
        started_at=maybe_stamp(started_at(before, run, number)),
        ended_at=stamp(recorded.time),
        code=code,
        reason=reason,
    )


def why(before: Job, fact: RunEnd) -> tuple[str, str]:
    """Why the run ended so, as a stable word and as a sentence; "" where nothing needs saying."""
    match fact:
        case e.TaskFinished() | e.TaskFailed():
            return fact.code, fact.reason
        case e.TaskStopped() | e.TaskForceStopped():
            return why_stopped(before, fact)
        case e.NodeReleaseEnded() if fact.request_id:
            return "", job_canceled_by(before.cancel)
        case e.NodeReleaseEnded():
            return "", fact.reason
        case _:
            assert_never(fact)


def started_at(before: Job, run: e.RunRange, number: int) -> datetime | None:
    """When the run began; None when it never did."""
    task = before.tasks.get(run.task)
    one = task.subtasks.live.get(number) if task and task.subtasks else None
    return one.started_at if one and one.attempt == run.attempt else None
