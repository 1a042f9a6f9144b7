"""What the facts about submitting and running mean: queued, started, ended, stopped, survived."""

from msgspec.structs import replace

from domain import events as e
from domain.changes import answered, enter, runs_changed, with_tasks
from domain.job import Expired, Held, Job, Order, Outlived, Task
from domain.states import JobState, TaskState


def submitted(job: Job, recorded: e.Recorded, data: e.JobSubmitted) -> Job:
    """Submitted: the tasks that wait go along; one canceled in Configuring stays Canceled."""
    after = with_tasks(
        enter(job, JobState.SUBMITTED),
        [t.spec.id for t in job.tasks.values() if t.state is TaskState.CONFIGURING],
        lambda t: replace(t, state=TaskState.SUBMITTED),
    )
    after = replace(after, run_as=data.run_as, submitted_at=recorded.time)
    return answered(after, recorded, "submit", data.key, data.content_sha256)


def queued(job: Job, recorded: e.Recorded) -> Job:
    """Queued, and so are its submitted tasks."""
    after = with_tasks(
        enter(job, JobState.QUEUED),
        [t.spec.id for t in job.tasks.values() if t.state is TaskState.SUBMITTED],
        lambda t: replace(t, state=TaskState.QUEUED),
    )
    return replace(after, queued_at=recorded.time)


def started(job: Job, recorded: e.Recorded, data: e.JobStarted) -> Job:
    """Running, on these nodes, for so long at most."""
    after = enter(job, JobState.RUNNING)
    return replace(
        after,
        nodes=data.nodes,
        started_at=recorded.time,
        limit_seconds=data.runtime_seconds,
    )


def activation_held(job: Job, recorded: e.Recorded, data: e.JobActivationHeld) -> Job:
    """Queued still; held since the first answer of this kind."""
    same = job.held is not None and job.held.hold is data.hold
    held = Held(
        filter=data.filter,
        hold=data.hold,
        exit_code=data.exit_code,
        code=data.code,
        reason=data.reason,
        again_seconds=data.again_seconds,
        at=job.held.at if job.held is not None and same else recorded.time,
        told_at=recorded.time,
    )
    return replace(job, held=held)


def runtime_expired(job: Job, recorded: e.Recorded, data: e.TaskRuntimeExpired) -> Job:
    """Canceling: their time is over."""
    why = Expired(recorded.event.id, data.runtime_seconds, data.grace_seconds)
    return runs_changed(
        job, data.runs, lambda t, _: replace(t, state=TaskState.CANCELING, expired=why)
    )


def run_started(
    job: Job, recorded: e.Recorded, runs: tuple[e.RunRange, ...], handle: e.RunHandle
) -> Job:
    """A new attempt is Running; of the last one only the processes it left behind are kept."""
    return runs_changed(
        job,
        runs,
        lambda t, r: Task(
            t.spec,
            TaskState.RUNNING,
            attempt=r.attempt,
            node=r.node,
            handle=handle,
            started_at=recorded.time,
            outlived=t.outlived,
            retries=t.retries,
        ),
    )


def run_ended(
    job: Job,
    recorded: e.Recorded,
    runs: tuple[e.RunRange, ...],
    state: TaskState,
    exit_: e.Exit,
    code: str = "",
    reason: str = "",
) -> Job:
    """The runs are over; ``attempt`` counts one that could never start."""
    return runs_changed(
        job,
        runs,
        lambda t, r: replace(
            t,
            state=state,
            attempt=r.attempt,
            node=r.node,
            exit=exit_,
            ended_at=recorded.time,
            code=code,
            reason=reason,
        ),
    )


def run_failed(job: Job, recorded: e.Recorded, data: e.TaskFailed) -> Job:
    """Failed, or Queued again by itself; what the run left behind is counted."""
    state = TaskState.QUEUED if data.runs_again else TaskState.FAILED
    after = run_ended(job, recorded, data.runs, state, data.exit, data.code, data.reason)
    if data.runs_again:
        after = runs_changed(after, data.runs, lambda t, _: replace(t, retries=t.retries + 1))
    return with_survivors(after, data.runs, data.survivors)


def stop_ordered(job: Job, data: e.TaskStopOrdered) -> Job:
    """The runs' order in force."""
    order = Order(data.request_id, data.cause, data.step, data.signal, data.grace_ms)
    return runs_changed(job, data.runs, lambda t, _: replace(t, order=order, order_before=t.order))


def with_survivors(job: Job, runs: tuple[e.RunRange, ...], survivors: int) -> Job:
    """How many processes outlived the kill of these runs."""

    def change(task: Task, run: e.RunRange) -> Task:
        others = tuple(x for x in task.outlived if x.run.attempt != run.attempt)
        these = (Outlived(run, survivors),) if survivors else ()
        return replace(task, outlived=others + these)

    return runs_changed(job, runs, change)


def release_ended(job: Job, recorded: e.Recorded, data: e.NodeReleaseEnded) -> Job:
    """Node release is over; it failed unless it came to exit code 0 by itself.

    It did not run at all when the engine could not start it.
    """
    well = data.exit.code == 0 and not data.timed_out
    state = TaskState.FINISHED if well else TaskState.FAILED
    after = run_ended(job, recorded, data.runs, state, data.exit, reason=data.reason)
    after = with_survivors(after, data.runs, data.survivors)
    return replace(after, released=job.released or job.release_running)
