"""Small changes to a job that several facts bring about. Used by the ``evolve`` modules only."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from msgspec.structs import replace

from domain import events as e
from domain.job import Answered, Asking, Job, Task, waits
from domain.ranges import in_ranges
from domain.states import TASK_ON_NODE, JobState, TaskState
from domain.subtasks import running_changed, subtask, waiting_canceled, with_subtask


def enter(job: Job, state: JobState) -> Job:
    """The job in ``state``, knowing where it came from; no filter holds it there (any more)."""
    return replace(job, state=state, previous_state=job.state, held=None)


def with_tasks(job: Job, ids: Iterable[int], change: Callable[[Task], Task]) -> Job:
    """``change`` applied to the tasks named by ``ids``. The job itself where none is another."""
    changed = {n: change(job.tasks[n]) for n in ids if n in job.tasks}
    if all(task is job.tasks[n] for n, task in changed.items()):
        return job
    return replace(job, tasks=job.tasks | changed)


def runs_changed(
    job: Job, runs: tuple[e.RunRange, ...], change: Callable[[Task, e.RunRange], Task]
) -> Job:
    """``change`` applied to each task, or subtask, with its run."""
    tasks = dict(job.tasks)
    for run in runs:
        for number in in_ranges(run.instances) if run.task in tasks else ():
            tasks[run.task] = run_changed(tasks[run.task], number, partial(with_run, change, run))
    return replace(job, tasks=tasks)


def with_run(change: Callable[[Task, e.RunRange], Task], run: e.RunRange, task: Task) -> Task:
    """The change of one of a run's tasks."""
    return change(task, run)


def run_changed(task: Task, number: int, change: Callable[[Task], Task]) -> Task:
    """The task after a change of its subtask ``number``, or, for 0, of itself."""
    if number == 0:
        return change(task)
    one = subtask(task, number)
    return task if one is None else with_subtask(task, change(one))


def dated(before: Mapping[int, Task], job: Job, recorded: e.Recorded) -> Job:
    """The tasks that a fact changed know when. One that did not change is the same object."""
    if job.tasks is before:
        return job
    changed = {
        number: replace(task, changed_at=recorded.time)
        for number, task in job.tasks.items()
        if before.get(number) is not task
    }
    return replace(job, tasks=job.tasks | changed) if changed else job


def answered(job: Job, recorded: e.Recorded, operation: str, request_id: str, sha: str) -> Job:
    """Remember how a request id was answered; the first answer stands."""
    if not request_id:
        return job
    key = Asking(recorded.event.caller.asker, operation, request_id)
    return replace(job, asked={key: Answered(recorded.version, sha)} | job.asked)


def ended(job: Job, recorded: e.Recorded, state: JobState, code: int, params: str) -> Job:
    """The job in a terminal state: nothing waits in it until it is queued again."""
    after = release_skipped(stop_waiting(enter(job, state), recorded))
    return replace(after, ended_at=recorded.time, error_code=code, error_params=params)


def stop_waiting(
    job: Job,
    recorded: e.Recorded,
    reasons: Mapping[int, str] = {},
) -> Job:
    """Waiting tasks are Canceled, but not explicitly: a requeue takes them up again.

    ``reasons``: why, by the number of the task.
    """

    def change(task: Task) -> Task:
        return waiting_stopped(task, recorded, reasons.get(task.spec.id, ""))

    return with_tasks(job, [t.spec.id for t in job.waiting], change)


def waiting_stopped(task: Task, recorded: e.Recorded, reason: str) -> Task:
    """What waits of the task is Canceled, for this reason."""
    if task.subtasks is not None:
        return replace(waiting_canceled(task, recorded.time), reason=reason or task.reason)
    return replace(task, state=TaskState.CANCELED, ended_at=recorded.time, reason=reason)


def stop_running(job: Job, state: TaskState) -> Job:
    """What runs is on its way out."""

    def change(run: Task) -> Task:
        return replace(run, state=state) if run.state in TASK_ON_NODE else run

    ids = [t.spec.id for t in job.work]
    return with_tasks(job, ids, lambda t: running_changed(t, change) if t.subtasks else change(t))


def release_skipped(job: Job, reason: str = "") -> Job:
    """Node release, if it still waits, is not going to run in this round, for this reason."""
    release = job.release
    if release is None or not waits(release):
        return job
    skipped = (
        replace(release, state=TaskState.CANCELED)
        if release.subtasks is None
        else waiting_canceled(release, job.changed_at)
    )
    skipped = replace(skipped, reason=reason or skipped.reason)
    return with_tasks(job, [release.spec.id], lambda _: skipped)
