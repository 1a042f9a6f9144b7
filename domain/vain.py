"""Why a task that still waits when its job comes to its own end can never have run.

Deliberate, for no source says it: what the task waited for is named by number, and where that
waited in vain too, what is at the bottom of it.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from domain.job import Job, Task
from domain.ranges import ranges
from domain.readiness import usable_nodes
from domain.states import TASK_ENDED, TaskState

Names = tuple[str, ...]

HOW: Final = {
    TaskState.FAILED: ("failed", "failed"),
    TaskState.CANCELED: ("was canceled", "were canceled"),
}
"""How one, or several, came to no good end."""


def reasons_in_vain(job: Job) -> dict[int, str]:
    """For each task that waits why it cannot run, as "depends on task 2, which failed".

    "" for one that nothing keeps: so it is only in a job that was ended.
    """
    prep = job.prep
    if prep is not None and not usable_nodes(job):
        words = f"has no node: {preparation(job, prep)}"
        return {task.spec.id: words for task in job.waiting if task is not prep}
    chains = Chains(job.work)
    return {task.spec.id: chains.words(task.spec.depends_on) for task in job.waiting}


def preparation(job: Job, prep: Task) -> str:
    """What became of it: "node preparation failed on n1 (no such directory)"."""
    where = f" on {', '.join(job.nodes)}" if job.nodes else ""
    own = prep.code or prep.cancel is None  # what a person said is for them to say, not for others
    why = f" ({prep.reason})" if prep.reason and own else ""
    return f"node preparation {HOW.get(prep.state, ('did not run',))[0]}{where}{why}"


class Chains:
    """Which tasks keep which others, by the names that those depend on."""

    def __init__(self, work: Iterable[Task]) -> None:
        self._unfinished: dict[str, list[Task]] = {}
        self._bottom: dict[Names, str] = {}
        for task in work:
            if task.state is not TaskState.FINISHED:
                self._unfinished.setdefault(task.spec.name, []).append(task)

    def words(self, names: Names) -> str:
        """Why nothing that depends on these can run; "" when all of them are Finished."""
        found = self._keeping(names)
        if not found:
            return ""
        bottom = self._at_the_bottom(names)
        if any(task.state in TASK_ENDED for task in found):
            return f"depends on {bottom}"
        further = f"and so on {bottom}" if bottom else "which never ran"
        return f"depends on task {found[0].spec.id}, {further}"

    def _at_the_bottom(self, names: Names) -> str:
        """What came to no good end below these: "task 2, which failed".

        The first that waits stands for all that wait, so one chain is followed and no tree.
        """
        chain: list[Names] = []
        while names not in self._bottom and names not in chain:
            chain.append(names)
            found = self._keeping(names)
            if found and not any(task.state in TASK_ENDED for task in found):
                names = found[0].spec.depends_on
        words = self._bottom.get(names, "") or ", and on ".join(ended_badly(self._keeping(names)))
        self._bottom.update(dict.fromkeys(chain, words))
        return words

    def _keeping(self, names: Names) -> list[Task]:
        found = (self._unfinished.get(name, []) for name in names)
        return [task for some in found for task in some]


def ended_badly(tasks: Iterable[Task]) -> Iterator[str]:
    """Those that have ended, by how: "tasks 1-2, which failed"."""
    found = tuple(tasks)
    for state, (one, many) in HOW.items():
        ids = sorted({task.spec.id for task in found if task.state is state})
        if ids:
            yield f"task{'s'[: len(ids) - 1]} {ranges(ids)}, which {one if len(ids) == 1 else many}"
