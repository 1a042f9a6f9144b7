"""A job told again from its events: step by step, with what each one changed."""

from msgspec import Struct

from domain.events import Recorded
from domain.evolve import evolve
from domain.job import Job
from domain.states import JobState, TaskState


class TaskChange(Struct, frozen=True):
    """A task's state before and after one event; ``before`` is None for a task that is new."""

    task: int
    before: TaskState | None
    after: TaskState
    attempt: int


class ReplayStep(Struct, frozen=True):
    """One event, and what it changed: the job's state (None before there was one) and its tasks."""

    position: int
    recorded: Recorded
    before: JobState | None
    after: JobState
    tasks: tuple[TaskChange, ...]


def step_of(job: Job | None, position: int, recorded: Recorded) -> tuple[Job, ReplayStep]:
    """The job after one more event, and the step. ``Corrupt`` where it does not fit together."""
    after = evolve(job, recorded)
    before = job.state if job else None
    return after, ReplayStep(position, recorded, before, after.state, changes(job, after))


def changes(before: Job | None, after: Job) -> tuple[TaskChange, ...]:
    """Tasks whose state or attempt is another than before."""
    old = before.tasks if before else {}
    return tuple(
        TaskChange(n, old[n].state if n in old else None, task.state, task.attempt)
        for n, task in after.tasks.items()
        if old.get(n) is not task
        if n not in old or (old[n].state, old[n].attempt) != (task.state, task.attempt)
    )
