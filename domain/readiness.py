"""Which waiting tasks may start now, and which wait in vain.

Node preparation comes first, then every task when all tasks that it depends on are Finished.
Source: the product's node preparation task, and its tasks' DependsOn, a list of names. Deliberate,
for no source says it: a task that was finished by hand counts as Finished; a task whose dependency
has failed or was canceled waits on, for that one may be queued again, until nothing else of the job
can run: then the job ends Failed, and what waited in vain is Canceled and runs again with the job.
One node has one preparation: when it fails there is no node left, and nothing else starts.
"""

from domain.job import Job, Task
from domain.states import TaskState


def startable(job: Job) -> tuple[Task, ...]:
    """Tasks that wait for nothing but a slot, by number."""
    prep = job.prep
    if prep is not None and prep.state is not TaskState.FINISHED:
        return (prep,) if prep.state is TaskState.QUEUED else ()
    unfinished = {t.spec.name for t in job.work if t.state is not TaskState.FINISHED}
    return tuple(
        t
        for t in job.work
        if t.state is TaskState.QUEUED and unfinished.isdisjoint(t.spec.depends_on)
    )


def work_over(job: Job) -> bool:
    """Whether every task of a job that is Queued or Running has ended, or waits in vain.

    Because tasks never depend on each other in a circle, something that can still move is on a node
    or may start.
    """
    return job.all_ended or not (job.on_node or startable(job))
