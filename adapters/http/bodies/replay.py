"""A job told again from its events, as it goes out."""

from msgspec import Struct

from adapters.http.bodies.job import JobDetail, detail_of
from adapters.http.bodies.shapes import (
    Count,
    JobNumber,
    JobStateWord,
    PositionNumber,
    TaskNumber,
    TaskStateWord,
    Time,
    VersionNumber,
)
from application.replay import ReplayStep
from application.retelling import Replayed
from projections.stamps import stamp
from projections.summary import summary


class TaskChangeBody(Struct, frozen=True):
    """A task before (null: it is new) and after one event."""

    task: TaskNumber
    before: TaskStateWord | None
    after: TaskStateWord
    attempt: Count


class StepBody(Struct, frozen=True):
    """One event and what it changed."""

    position: PositionNumber
    version: VersionNumber
    type: str
    time: Time
    actor: str
    on_behalf_of: str
    state_before: JobStateWord | None
    state_after: JobStateWord
    tasks: tuple[TaskChangeBody, ...]
    summary: str


class ReplayBody(Struct, frozen=True):
    """A job told from its events. ``job``: as it was after the last of these steps.

    ``matches_live``: null when it was not told to the end. ``next``: there are more steps, and
    this is the version to give as ``after``; null at the end.
    """

    job_id: JobNumber
    steps: tuple[StepBody, ...]
    job: JobDetail
    position: PositionNumber
    matches_live: bool | None
    next: VersionNumber | None


def replay_body(replayed: Replayed) -> ReplayBody:
    """A replay as it goes out."""
    return ReplayBody(
        job_id=replayed.job.id,
        steps=tuple(step_body(step) for step in replayed.steps),
        job=detail_of(replayed.job, replayed.position),
        position=replayed.position,
        matches_live=replayed.matches_live,
        next=replayed.next,
    )


def step_body(step: ReplayStep) -> StepBody:
    """One step as it goes out."""
    caller, changes = step.recorded.event.caller, step.tasks
    return StepBody(
        position=step.position,
        version=step.recorded.version,
        type=type(step.recorded.data).__name__,
        time=stamp(step.recorded.time),
        actor=caller.actor.name,
        on_behalf_of=caller.acted_for,
        state_before=step.before,
        state_after=step.after,
        tasks=tuple(TaskChangeBody(c.task, c.before, c.after, c.attempt) for c in changes),
        summary=summary(step.recorded.data),
    )
