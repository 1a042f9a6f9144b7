"""Small changes to a job that several facts bring about. Used by the ``evolve`` modules only."""

from collections.abc import Callable, Iterable

from msgspec.structs import replace

from domain import events as e
from domain.job import Answered, Asking, Job, Task
from domain.states import JobState, TaskState


def enter(job: Job, state: JobState) -> Job:
    """The job in ``state``, knowing where it came from; no filter holds it there (any more)."""
    return replace(job, state=state, previous_state=job.state, held=None)


def with_tasks(job: Job, ids: Iterable[int], change: Callable[[Task], Task]) -> Job:
    """``change`` applied to the tasks named by ``ids``."""
    return replace(job, tasks=job.tasks | {n: change(job.tasks[n]) for n in ids if n in job.tasks})


def runs_changed(
    job: Job, runs: tuple[e.RunRange, ...], change: Callable[[Task, e.RunRange], Task]
) -> Job:
    """``change`` applied to each task with its run."""
    changed = {r.task: change(job.tasks[r.task], r) for r in runs if r.task in job.tasks}
    return replace(job, tasks=job.tasks | changed)


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


def stop_waiting(job: Job, recorded: e.Recorded) -> Job:
    """Waiting tasks are Canceled, but not explicitly: a requeue takes them up again."""
    return with_tasks(
        job,
        [t.spec.id for t in job.waiting],
        lambda t: replace(t, state=TaskState.CANCELED, ended_at=recorded.time),
    )


def release_skipped(job: Job) -> Job:
    """Node release, if it still waits, is not going to run in this round."""
    ids = [job.release.spec.id] if job.release and job.release_pending else []
    return with_tasks(job, ids, lambda t: replace(t, state=TaskState.CANCELED))
