"""Which tasks and subtasks a row of the trail is about, as text: "1-3", "2.17", "2.1-500,2.7,4"."""

from collections.abc import Iterable
from typing import Final

from domain import events as e
from domain.numbers import NONE, Numbers
from domain.ranges import in_ranges, joined, ranges, spans_in

SPANS_NAMED_MAX: Final = 100
"""Of a task with more ranges of subtasks the row names the task; the event names them all."""

Named = dict[int, Numbers]
"""Tasks with those of their subtasks that are meant; none for the task as a whole."""


def of_one(task: int | None, instance: int) -> str:
    """The one task, or subtask, that a request is about; "" for the job."""
    if task is None:
        return ""
    return f"{task}.{instance}" if instance else str(task)


def of_runs(runs: Iterable[e.RunRange]) -> str:
    """Those that runs are of."""
    found: Named = {}
    for run in runs:
        found[run.task] = found.get(run.task, NONE) | numbers_in(run.instances)
    return named(found)


def of_tasks(tasks: str, subtasks: Iterable[e.SubtaskSet]) -> str:
    """Tasks by their ranges; of some of them only these subtasks."""
    some = {x.task: numbers_in(x.instances) for x in subtasks}
    return named(dict.fromkeys(in_ranges(tasks), NONE) | some) if some else tasks


def numbers_in(instances: str) -> Numbers:
    """Subtasks as facts name them; none for the task itself, and for a text that names none."""
    try:
        return NONE if instances == "0" else Numbers.read(instances)
    except ValueError:
        return NONE


def named(found: Named) -> str:
    """Whole tasks as ranges, then subtasks, each by number."""
    texts = {task: str(these) for task, these in found.items() if these}
    parts = {
        t: spans for t, x in texts.items() if len(spans := list(spans_in(x))) <= SPANS_NAMED_MAX
    }
    whole = ranges(task for task in sorted(found) if task not in parts)
    some = [f"{task}.{joined([span])}" for task in sorted(parts) for span in parts[task]]
    return ",".join(filter(None, [whole, *some]))
