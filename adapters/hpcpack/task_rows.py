"""Which rows a list of tasks has, by number, without an object for each.

Source: the client library, whose row set is asked for the instances from 0 up when sweeps are
expanded, and else for those up to 0: a task with subtasks has a lower one than 0, any other task
has 0, subtasks count from 1. So a list has either the tasks, or the tasks that have no subtasks and
the subtasks of the others, as far as they were reached.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from msgspec import Struct

from adapters.hpcpack.filters import TaskFilter
from application.subtasks import expanded_in
from application.views import Key
from domain.job import Job, Task
from domain.numbers import NONE, Numbers
from domain.states import TaskType
from domain.sweeps import SUBTASKS_MAX

ITSELF: Final = Numbers.one(0)
"""The instance of a task that stands in the list itself."""


class Place(NamedTuple):
    """Where a row stands: the task's number, and the subtask's or 0."""

    task: int
    instance: int


class Row(NamedTuple):
    """A row: a task, and which of its subtasks, or 0 for the task itself."""

    task: Task
    instance: int


class Part(Struct, frozen=True):
    """The rows of one task; ``instances`` holds one or more."""

    task: Task
    instances: Numbers

    def rows(self, descending: bool) -> Iterator[Row]:
        """The rows in order."""
        found = self.instances.falling() if descending else self.instances
        return (Row(self.task, instance) for instance in found)

    def beyond(self, place: Place, descending: bool) -> "Part":
        """Without the rows up to a place, in order."""
        number = self.task.spec.id
        if number != place.task:
            passed = (number < place.task) != descending
            return Part(self.task, NONE) if passed else self
        if descending:
            return Part(self.task, self.instances & Numbers.between(0, place.instance - 1))
        return Part(self.task, self.instances - Numbers.between(0, place.instance))

    def skipping(self, count: int, descending: bool) -> "Part":
        """Without the first ``count`` rows, in order."""
        if descending:
            kept = max(0, len(self.instances) - count)
            return Part(self.task, self.instances.first(kept))
        return Part(self.task, self.instances - self.instances.first(count))


def parts_of(job: Job, which: TaskFilter, expanded: bool) -> tuple[Part, ...]:
    """The rows of a job's tasks that are wanted, rising by number."""
    found = (
        Part(task, instances_of(task, which, expanded))
        for _, task in sorted(job.tasks.items())
        if which.fits_task(task)
    )
    return tuple(part for part in found if part.instances)


def instances_of(task: Task, which: TaskFilter, expanded: bool) -> Numbers:
    """The instances of one task that are wanted, 0 for the task itself."""
    if not expanded or task.spec.type is TaskType.BASIC:
        return ITSELF if which.fits_instance(0) and which.fits_state(task.state) else NONE
    if task.subtasks is None or which.wanted == frozenset():
        return NONE
    states = () if which.wanted is None else tuple(which.wanted)
    found = expanded_in(task, states, 0)
    if which.instances:
        reached = (n for n in which.instances if n <= task.subtasks.expanded)
        found &= Numbers(sum(1 << n for n in set(reached)))
    return found


def count_of(parts: Sequence[Part]) -> int:
    """How many rows there are."""
    return sum(len(part.instances) for part in parts)


def rows_after(
    parts: Sequence[Part], place: Place | None, descending: bool, count: int
) -> tuple[Row, ...]:
    """At most ``count`` rows in order, after a place or from the first."""
    ordered = reversed(parts) if descending else parts
    left = (part if place is None else part.beyond(place, descending) for part in ordered)
    return tuple(islice((row for part in left for row in part.rows(descending)), count))


def rows_from(parts: Sequence[Part], start: int, descending: bool, count: int) -> tuple[Row, ...]:
    """At most ``count`` rows in order, from the row of a number (the first is 0) on."""
    found: list[Row] = []
    for part in reversed(parts) if descending else parts:
        rows = len(part.instances)
        if start < rows:
            left = part.skipping(start, descending).rows(descending)
            found += islice(left, count - len(found))
        start = max(0, start - rows)
        if len(found) == count:
            break
    return tuple(found)


def place_in(key: Key) -> Place | None:
    """The place that a ``queryId`` holds; None for the beginning, and for what is no place.

    Whoever makes up a ``queryId`` begins again: no number in it costs more than there can be.
    """
    match key:
        case (int(task), int(instance)) if 0 <= instance <= SUBTASKS_MAX:
            return Place(task, instance)
        case _:
            return None
