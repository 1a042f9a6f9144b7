"""What the facts about submitting and running mean: queued, started, ended, stopped, survived."""

from datetime import timedelta
from functools import partial
from typing import Final

from msgspec.structs import replace

from domain import events as e
from domain.changes import answered, enter, runs_changed, with_tasks
from domain.counted import count_of
from domain.job import Expired, Held, Job, Order, Outlived, Task
from domain.states import TASK_WAITING, JobState, TaskState, TaskType
from domain.stopped_by import job_canceled_by
from domain.subtasks import waiting_as, with_count

LONG_RUN: Final = timedelta(seconds=60)
"""Source: deliberate. After a run of a minute a service counts as having come up."""


def submitted(job: Job, recorded: e.Recorded, data: e.JobSubmitted) -> Job:
    """Submitted: the tasks that wait go along; one canceled in Configuring stays Canceled."""
    after = waits_on(enter(job, JobState.SUBMITTED), TaskState.CONFIGURING, TaskState.SUBMITTED)
    after = replace(after, run_as=data.run_as, submitted_at=recorded.time)
    return answered(after, recorded, "submit", data.key, data.content_sha256)


def queued(job: Job, recorded: e.Recorded) -> Job:
    """Queued, and so are its submitted tasks."""
    after = waits_on(enter(job, JobState.QUEUED), TaskState.SUBMITTED, TaskState.QUEUED)
    return replace(after, queued_at=recorded.time)


def waits_on(job: Job, before: TaskState, state: TaskState) -> Job:
    """What waited in one state waits in the next, and so will subtasks that are to wait again."""

    def change(task: Task) -> Task:
        if task.subtasks is not None:
            return waiting_as(task, state) if task.subtasks.waits_as is before else task
        return replace(task, state=state) if task.state is before else task

    return with_tasks(job, list(job.tasks), change)


def started(job: Job, recorded: e.Recorded, data: e.JobStarted) -> Job:
    """Running, on these nodes, for so long at most.

    On several, preparation and release have a subtask for each node, in this order; on one they are
    runs of the task itself.
    """
    after = enter(job, JobState.RUNNING)
    if len(data.nodes) > 1:
        ids = [t.spec.id for t in (job.prep, job.release) if t and t.state in TASK_WAITING]
        after = with_tasks(after, ids, lambda t: with_count(t, len(data.nodes), t.state))
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
            instance=t.instance,
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
    *,
    again: bool = False,
) -> Job:
    """The runs are over; ``attempt`` counts one that could never start.

    ``again``: they wait for the next attempt, and nothing that stopped this one concerns that.
    """

    def change(task: Task, run: e.RunRange) -> Task:
        ended = replace(
            task,
            state=TaskState.QUEUED if again else state,
            attempt=run.attempt,
            node=run.node,
            exit=exit_,
            ended_at=recorded.time,
            code=code,
            reason=reason,
        )
        return waiting_for_next(ended, recorded) if again else ended

    return runs_changed(job, runs, change)


def waiting_for_next(task: Task, recorded: e.Recorded) -> Task:
    """Without what stopped the last run. A long run of a service forgives the short ones before."""
    lasted = recorded.time - (task.started_at or recorded.time)
    long = task.spec.type is TaskType.SERVICE and lasted >= LONG_RUN
    return replace(
        task,
        handle=None,
        order=None,
        order_before=None,
        cancel=None,
        finish=None,
        expired=None,
        retries=0 if long else task.retries + 1,
    )


def run_failed(job: Job, recorded: e.Recorded, data: e.TaskFailed) -> Job:
    """Failed, or Queued again by itself; what the run left behind is counted."""
    how = (TaskState.FAILED, data.exit, data.code, data.reason)
    after = run_ended(job, recorded, data.runs, *how, again=data.runs_again)
    after = after if data.runs_again else on_its_node(after, data.runs, data.reason)
    return with_survivors(after, data.runs, data.survivors)


def on_its_node(job: Job, runs: tuple[e.RunRange, ...], reason: str) -> Job:
    """A preparation or release on several nodes says where and why it failed first.

    Of its subtasks only the state is kept, so this is what a job's end can tell of them.
    """
    after = job
    for run in runs if reason else ():
        after = with_tasks(after, [run.task], partial(failed_first, f"on {run.node}: {reason}"))
    return after


def failed_first(reason: str, task: Task) -> Task:
    """The task, with this reason if it is on several nodes and has none yet."""
    on_nodes = task.spec.type in (TaskType.NODE_PREP, TaskType.NODE_RELEASE)
    return replace(task, reason=task.reason or reason) if on_nodes and task.subtasks else task


def stop_ordered(job: Job, data: e.TaskStopOrdered) -> Job:
    """The runs' order in force."""
    order = Order(data.request_id, data.cause, data.step, data.signal, data.grace_ms)
    return runs_changed(job, data.runs, lambda t, _: replace(t, order=order, order_before=t.order))


def with_survivors(job: Job, runs: tuple[e.RunRange, ...], survivors: int) -> Job:
    """How many processes outlived the kill of these runs."""
    after = job
    for run in runs:
        after = with_tasks(after, [run.task], partial(outlived_by, run, survivors))
    return after


def outlived_by(run: e.RunRange, survivors: int, task: Task) -> Task:
    """The task, which keeps what outlived any run of it or of its subtasks."""
    this = (run.attempt, run.instances)
    others = tuple(x for x in task.outlived if (x.run.attempt, x.run.instances) != this)
    return replace(task, outlived=others + ((Outlived(run, survivors),) if survivors else ()))


def release_ended(job: Job, recorded: e.Recorded, data: e.NodeReleaseEnded) -> Job:
    """Node release is over; it failed unless it came to exit code 0 by itself.

    It did not run at all when the engine could not start it. What a forced cancel killed is among
    the runs that the job's cancel ended.
    """
    cut = bool(data.request_id)
    well = data.exit.code == 0 and not data.timed_out
    state = TaskState.FINISHED if well else TaskState.FAILED
    reason = job_canceled_by(job.cancel) if cut else data.reason
    after = run_ended(job, recorded, data.runs, state, data.exit, reason=reason)
    after = on_its_node(after, data.runs, reason)
    after = with_survivors(after, data.runs, data.survivors)
    return replace(
        after,
        released=job.released or job.release_running,
        release_cut_short=job.release_cut_short or cut,
        force_stopped=job.force_stopped + (count_of(data.runs) if cut else 0),
    )
