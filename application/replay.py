"""A job told again from its events: step by step, with what each one changed."""

from collections.abc import Iterable, Iterator

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
    """One event, the job after it, and what it changed."""

    position: int
    recorded: Recorded
    job: Job
    before: JobState | None
    tasks: tuple[TaskChange, ...]


def steps_of(history: Iterable[tuple[int, Recorded]]) -> Iterator[ReplayStep]:
    """The steps of a history of (position, event). ``Corrupt`` where it does not fit together."""
    job: Job | None = None
    for position, recorded in history:
        after = evolve(job, recorded)
        yield ReplayStep(position, recorded, after, job.state if job else None, changes(job, after))
        job = after


def changes(before: Job | None, after: Job) -> tuple[TaskChange, ...]:
    """Tasks whose state or attempt is another than before."""
    old = before.tasks if before else {}
    return tuple(
        TaskChange(n, old[n].state if n in old else None, task.state, task.attempt)
        for n, task in after.tasks.items()
        if n not in old or (old[n].state, old[n].attempt) != (task.state, task.attempt)
    )
