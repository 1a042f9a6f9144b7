"""Runs and tasks as facts name them: counted, and named by ranges, never as long lists."""

from collections.abc import Iterable
from typing import Final

from domain.events import RunRange, RunSet, SubtaskSet, TaskSet
from domain.job import Task, waits
from domain.numbers import Numbers
from domain.ranges import ranges
from domain.subtasks import waiting_numbers

SPANS_MAX: Final = 2000
"""Ranges of subtasks that one fact names at most: about 28 of its 64 KiB."""
RUNS_MAX: Final = 300
"""Ranges of runs that one fact names at most; ``count`` counts all."""


def run_ranges(runs: Iterable[Task]) -> tuple[RunRange, ...]:
    """The latest runs of tasks and subtasks; those of one task that are alike in one range."""
    alike: dict[tuple[int, int, str], list[int]] = {}
    for run in runs:
        alike.setdefault((run.spec.id, run.attempt, run.node), []).append(run.instance)
    return tuple(
        RunRange(task, attempt, node, ranges(sorted(found)))
        for (task, attempt, node), found in alike.items()
    )


def count_of(runs: Iterable[RunRange]) -> int:
    """How many runs that is."""
    texts = (run.instances for run in runs)
    return sum(1 if text.isdecimal() else len(Numbers.read(text)) for text in texts)


def run_set(runs: Iterable[Task]) -> RunSet:
    """The latest runs of tasks and subtasks, counted and named."""
    found = tuple(runs)
    return RunSet(len(found), run_ranges(found)[:RUNS_MAX])


def task_set(tasks: Iterable[Task]) -> TaskSet:
    """Whole tasks, counted and named by ranges of ids."""
    ids = sorted(t.spec.id for t in tasks)
    return TaskSet(len(ids), ranges(ids))


def waiting_set(tasks: Iterable[Task]) -> TaskSet:
    """Of these tasks what waits: whole tasks, and subtasks of those that have some."""
    return partly((t, waiting_numbers(t)) for t in tasks)


def partly(found: Iterable[tuple[Task, Numbers]]) -> TaskSet:
    """Tasks, each with the subtasks of it that are meant; none for one that has none."""
    pairs = sorted(found, key=lambda pair: pair[0].spec.id)
    some = [(task, these) for task, these in pairs if task.subtasks is not None]
    share = SPANS_MAX // max(1, len(some))
    return TaskSet(
        len(pairs) - len(some) + sum(len(these) for _, these in some),
        ranges(task.spec.id for task, _ in pairs),
        tuple(subtask_set(task, these, share) for task, these in some),
    )


def subtask_set(task: Task, these: Numbers, spans_max: int) -> SubtaskSet:
    """Some of a task's subtasks."""
    text, cut = these.bounded(spans_max)
    return SubtaskSet(task.spec.id, text, cut)


def waiting_of(task: Task) -> TaskSet:
    """What waits of one task, or of one subtask."""
    if not waits(task):
        return TaskSet(0)
    return waiting_set([task]) if task.instance == 0 else just_subtask(task)


def just_subtask(run: Task) -> TaskSet:
    """One subtask."""
    return TaskSet(1, str(run.spec.id), (SubtaskSet(run.spec.id, str(run.instance)),))
