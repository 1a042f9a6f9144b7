"""Which waiting tasks and subtasks may start now and where, and which wait in vain.

Node preparation comes first on each node, then every task when all tasks that it depends on are
Finished. Source: the product's node preparation task, and its tasks' DependsOn, a list of names.
Deliberate, for no source says it: a task that was finished by hand counts as Finished; a task whose
dependency has failed or was canceled waits on, for that one may be queued again, until nothing else
of the job can run: then the job ends Failed, and what waited in vain is Canceled and runs again
with the job. A node whose preparation failed is dropped; without any node nothing else starts.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from domain.job import Job, Task
from domain.states import TaskState, TaskType
from domain.subtasks import waiting_numbers, waiting_ones

PAUSE_SECONDS_MAX: Final = 60


def startable(job: Job) -> Iterator[Task]:
    """Tasks and subtasks that wait for nothing but a slot, by number.

    Each is made when it is asked for: whoever has ten slots looks at ten of a million.
    """
    if job.prep is not None:
        yield from on_own_nodes(job, queued_of(job.prep))
        if not usable_nodes(job):
            return
    unfinished = {t.spec.name for t in job.work if t.state is not TaskState.FINISHED}
    for task in job.work:
        ready = task is not job.prep and unfinished.isdisjoint(task.spec.depends_on)
        yield from queued_of(task) if ready else ()


def queued_of(task: Task) -> Iterator[Task]:
    """The task itself, or its subtasks, as far as they are Queued."""
    if task.subtasks is None:
        yield from (task,) if task.state is TaskState.QUEUED else ()
    elif task.subtasks.waits_as is TaskState.QUEUED:
        yield from waiting_ones(task)


def on_own_nodes(job: Job, runs: Iterator[Task]) -> Iterator[Task]:
    """Subtasks of a preparation or release, each knowing the node that it is for."""
    return (replace(r, node=job.nodes[r.instance - 1]) if r.instance else r for r in runs)


def usable_nodes(job: Job) -> tuple[str, ...]:
    """The job's nodes that work may start on: all, or those whose preparation is Finished."""
    prep = job.prep
    if prep is None:
        return job.nodes
    if prep.subtasks is None:
        return job.nodes if prep.state is TaskState.FINISHED else ()
    finished = prep.subtasks.finished
    return tuple(node for n, node in enumerate(job.nodes, 1) if n in finished)


def nodes_of_its_own(job: Job, run: Task) -> tuple[str, ...]:
    """Where a preparation must run; empty for work, which may run on any usable node."""
    if run.spec.type is not TaskType.NODE_PREP:
        return ()
    return (run.node,) if run.instance else job.nodes


def runs_wanted(job: Job) -> int:
    """For how many runs at once the job's work waits, its preparation aside."""
    work = (task for task in job.waiting if task is not job.prep)
    return sum(len(waiting_numbers(task)) if task.subtasks else 1 for task in work)


def may_start_on(job: Job, run: Task, node: str) -> bool:
    """Whether a task or subtask that waits may start on this node of the job's."""
    if run.state is not TaskState.QUEUED:
        return False
    if run.spec.type is TaskType.NODE_PREP:
        return not run.instance or job.nodes[run.instance - 1] == node
    unfinished = {t.spec.name for t in job.work if t.state is not TaskState.FINISHED}
    return node in usable_nodes(job) and unfinished.isdisjoint(run.spec.depends_on)


def work_over(job: Job) -> bool:
    """Whether every task of a job that is Queued or Running has ended, or waits in vain.

    Because tasks never depend on each other in a circle, something that can still move is on a node
    or may start.
    """
    return job.all_ended or not (job.on_node or any(startable(job)))


def not_before(run: Task) -> datetime | None:
    """When an instance of a service may start again; None for at once.

    Deliberate: the first replacement comes at once, then the pause grows 1, 2, 4, ... 60 seconds
    with each short run, so that a service that cannot run does not flood the stream.
    """
    if run.spec.type is not TaskType.SERVICE or run.retries < 2 or run.ended_at is None:
        return None
    seconds = min(PAUSE_SECONDS_MAX, 2 ** min(run.retries - 2, 6))
    return run.ended_at + timedelta(seconds=seconds)
