"""How facts move accepted cancels on: which cancel a fact belongs to, and what it changes there."""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from domain import events as e
from domain.counted import count_of
from domain.job import Job, Outlived
from domain.ranges import in_ranges
from domain.states import JOB_ENDED, CancelMode, NodeRelease, StopCause
from projections.cancellations import ALLOWANCE, Cancellation, Release

Cancellations = tuple[Cancellation, ...]
OfJob = e.JobCancelRequested | e.EmergencyStopRecorded
Beginning = OfJob | e.TaskCancelRequested
RunEnd = e.TaskStopped | e.TaskForceStopped | e.TaskFinished | e.TaskFailed


def moved_on(
    known: Cancellations, job: Job, recorded: e.Recorded, position: int, release_seconds: int
) -> Cancellations:
    """The job's cancels after one more fact: those that were given, and a new one behind them.

    ``known``: those that ``still_told`` keeps, the oldest first. ``job``: as it is after the
    fact. ``release_seconds``: NodeReleaseTaskTimeout at that time.
    """
    if not known and not isinstance(recorded.data, Beginning):
        return known
    at = recorded.time
    match recorded.data:
        case e.JobCancelRequested() | e.EmergencyStopRecorded(in_effect=True) as fact:
            mine = [c for c in known if c.task is None]
            new = of_job(job, recorded, fact, position, release_seconds)
            return (*changed(known, mine, lambda c: taken_over(c, at, position)), new)
        case e.TaskCancelRequested() as fact:
            mine = [c for c in known if (c.task, c.instance) == (fact.task, fact.instance)]
            new = of_task(job, recorded, fact, position)
            return (*changed(known, mine, lambda c: taken_over(c, at, position)), new)
        case e.TaskStopOrdered() as fact:
            mine = whose(known, fact)
            return changed(known, mine, lambda c: ordered(c, at))
        case e.TaskStopped() | e.TaskForceStopped() | e.TaskFinished() | e.TaskFailed() as fact:
            return runs_ended(known, fact, at, position)
        case e.TaskSurvivorsGone() as fact:
            return tuple(without_survivors(c, fact.runs) for c in known)
        case e.TaskCanceled() as fact:
            mine = [c for c in known if c.request_id == fact.request_id and never_ran(c, fact)]
            return changed(known, mine, lambda c: over(c, at, position))
        case e.TaskRequeued() as fact:
            mine = [c for c in known if c.request_id == fact.undoes and c.task == fact.task]
            return changed(known, mine, lambda c: over(c, at, position))
        case e.JobConfigured() | e.JobRequeued() as fact:
            again = in_ranges(fact.queued.tasks)
            mine = [c for c in known if c.task in again]  # only a preparation that never ran
            return changed(known, mine, lambda c: over(c, at, position))
        case _:
            return of_the_job(known, recorded, position)


def of_the_job(known: Cancellations, recorded: e.Recorded, position: int) -> Cancellations:
    """Facts that concern the job's own cancel."""
    at, mine = recorded.time, [c for c in known if c.task is None and c.open]
    match recorded.data:
        case e.NodeReleaseStarted():
            return changed(known, mine, lambda c: release_started(c, at))
        case e.NodeReleaseEnded() as fact:
            return changed(known, mine, lambda c: released(c, fact, at))
        case e.NodeReleaseSkipped():
            return changed(known, mine, lambda c: replace(c, release=Release.SKIPPED))
        case e.JobCanceled():
            return changed(known, mine, lambda c: over(c, at, position))
        case e.JobFinished() | e.JobFailed() | e.JobRejected():
            left = [c for c in known if c.open]
            return changed(known, left, lambda c: over(c, at, position))
        case _:
            return known


def changed(
    known: Cancellations,
    those: list[Cancellation],
    change: Callable[[Cancellation], Cancellation],
) -> Cancellations:
    """``change`` made to ``those`` that are still open."""
    positions = {c.position for c in those if c.open}
    return tuple(change(c) if c.position in positions else c for c in known)


# --- how a cancel begins --------------------------------------------------------------------------


def of_job(
    job: Job, recorded: e.Recorded, fact: OfJob, position: int, release_seconds: int
) -> Cancellation:
    """A cancel of the whole job."""
    runs_release = fact.node_release is NodeRelease.RUN
    waits = timedelta(seconds=release_seconds if runs_release else 0)
    new = begun(job, recorded, fact, position, due_at=due_at(recorded.time + waits, fact))
    if fact.node_release is NodeRelease.NONE:
        return new
    if job.release is None or not job.release_running:
        return replace(new, release=Release.PENDING)
    return replace(new, release=Release.RUNNING, release_started_at=job.release.started_at)


def of_task(
    job: Job, recorded: e.Recorded, fact: e.TaskCancelRequested, position: int
) -> Cancellation:
    """A cancel of one task."""
    due = due_at(recorded.time, fact)
    new = begun(job, recorded, fact, position, task=fact.task, due_at=due)
    return replace(new, instance=fact.instance)


def begun(
    job: Job,
    recorded: e.Recorded,
    fact: OfJob | e.TaskCancelRequested,
    position: int,
    *,
    due_at: datetime | None,
    task: int | None = None,
) -> Cancellation:
    """A cancel in its first moment."""
    caller = recorded.event.caller
    return Cancellation(
        position=position,
        job_id=job.id,
        task=task,
        owner=job.owner,
        request_id=fact.request_id,
        mode=fact.mode,
        message=fact.message,
        reason_code=fact.reason_code,
        actor=caller.actor.name,
        on_behalf_of=caller.acted_for,
        requested_at=recorded.time,
        running=fact.running.count,
        waiting=fact.waiting.count,
        due_at=due_at,
    )


def due_at(start: datetime, fact: OfJob | e.TaskCancelRequested) -> datetime | None:
    """When it should be over; None when it waits for tasks to end by themselves."""
    if not fact.running.count:
        return start + ALLOWANCE
    if fact.mode is CancelMode.GRACEFUL:
        return None
    return start + timedelta(seconds=fact.grace_seconds) + ALLOWANCE


# --- how it goes on -------------------------------------------------------------------------------


def whose(
    known: Cancellations, fact: e.TaskStopOrdered | e.TaskStopped | e.TaskForceStopped
) -> list[Cancellation]:
    """The cancels that a stop was for: of the job, or of each of its tasks; none for a finish.

    A request id is unique for one actor only: of several with the same one it is the latest, which
    took over.
    """
    latest = {(c.task, c.instance): c for c in known if belongs(c, fact)}
    return list(latest.values())


def belongs(of: Cancellation, fact: e.TaskStopOrdered | e.TaskStopped | e.TaskForceStopped) -> bool:
    """Whether a stop was for this cancel: by its cause, its request and its task."""
    if of.request_id != fact.request_id:
        return False
    if fact.cause is StopCause.JOB_CANCEL:
        return of.task is None
    return fact.cause is StopCause.TASK_CANCEL and is_about(of, fact.runs)


def is_about(of: Cancellation, runs: tuple[e.RunRange, ...]) -> bool:
    """Whether one of these runs is of the task, or of the subtask, that was canceled."""
    mine = [run for run in runs if run.task == of.task]
    return any(of.instance in (0, *in_ranges(run.instances)) for run in mine)


def never_ran(of: Cancellation, fact: e.TaskCanceled) -> bool:
    """Whether it is over with this: all of the task, or the one subtask, waited."""
    if of.task not in in_ranges(fact.tasks):
        return False
    some = [x for x in fact.subtasks if x.task == of.task]
    named = any(of.instance in in_ranges(x.instances) for x in some)
    return named if some else of.instance == 0 and of.ended_runs >= of.running


def ordered(of: Cancellation, at: datetime) -> Cancellation:
    """Its first order is written."""
    return of if of.ordered_at else replace(of, ordered_at=at)


def runs_ended(known: Cancellations, fact: RunEnd, at: datetime, position: int) -> Cancellations:
    """Runs ended: for the cancel that stopped them, and beside it for all that waited for them.

    Processes that outlived the kill are told of one cancel only: the one whose order it was, else
    the latest that waited.
    """
    stop = fact if isinstance(fact, e.TaskStopped | e.TaskForceStopped) else None
    mine = {c.position for c in whose(known, stop)} if stop else set[int]()
    waited = {c.position for c in known if c.open and (c.task is None or is_about(c, fact.runs))}
    told_of = max(mine or waited, default=None)

    def told(of: Cancellation) -> Cancellation:
        if of.position == told_of:
            of = with_survivors(of, fact)
        if stop and of.position in mine:
            of = by_order(of, stop, at)
        elif of.position in waited:
            many = of.ended_otherwise + count_of(fact.runs)
            of = replace(of, ended_otherwise=many, stopped_at=at)
        ended = is_about(of, fact.runs) and of.ended_runs >= of.running
        return over(of, at, position) if of.open and ended else of

    return tuple(told(c) for c in known)


def by_order(
    of: Cancellation, fact: e.TaskStopped | e.TaskForceStopped, at: datetime
) -> Cancellation:
    """Its own order ended these runs."""
    signalled_at = max(of.requested_at, at - timedelta(milliseconds=fact.after_ms))
    of = replace(of, stopped_at=at, signalled_at=of.signalled_at or signalled_at)
    if isinstance(fact, e.TaskStopped):
        return replace(of, stopped=of.stopped + count_of(fact.runs))
    many = of.force_stopped + count_of(fact.runs)
    return replace(of, force_stopped=many, killed=of.killed + fact.killed)


def with_survivors(of: Cancellation, fact: RunEnd | e.NodeReleaseEnded) -> Cancellation:
    """Processes that outlived a kill of these runs."""
    if isinstance(fact, e.TaskStopped | e.TaskFinished) or not fact.survivors:
        return of
    return replace(of, outlived=(*of.outlived, Outlived(fact.runs[0], fact.survivors)))


def without_survivors(of: Cancellation, runs: tuple[e.RunRange, ...]) -> Cancellation:
    """The last processes of these runs are gone."""
    gone = {named(run) for run in runs}
    left = tuple(x for x in of.outlived if named(x.run) not in gone)
    return of if left == of.outlived else replace(of, outlived=left)


def named(run: e.RunRange) -> tuple[int, str, int]:
    """What tells it from every other run of the job."""
    return run.task, run.instances, run.attempt


def release_started(of: Cancellation, at: datetime) -> Cancellation:
    """The node release task runs."""
    return replace(of, release=Release.RUNNING, release_started_at=at)


def released(of: Cancellation, fact: e.NodeReleaseEnded, at: datetime) -> Cancellation:
    """The node release task is over."""
    return with_survivors(replace(of, release=release_of(fact), released_at=at), fact)


def release_of(fact: e.NodeReleaseEnded) -> Release:
    """How node release ended."""
    if fact.timed_out:
        return Release.TIMED_OUT
    if fact.request_id:
        return Release.CUT_SHORT
    return Release.RAN if fact.exit.code == 0 else Release.FAILED


# --- how it ends ----------------------------------------------------------------------------------


def still_told(of: Cancellation, job: Job) -> bool:
    """Whether later facts may still be about it.

    What was taken over may still end runs: its signal was on its way. That is over with the job.
    """
    return of.open or of.survivors > 0 or (of.taken_over_by > 0 and job.state not in JOB_ENDED)


def over(of: Cancellation, at: datetime, position: int) -> Cancellation:
    """Carried out to its end, by the event at ``position``."""
    return replace(of, ended_at=at, end_position=position)


def taken_over(of: Cancellation, at: datetime, position: int) -> Cancellation:
    """A stronger cancel goes on from here."""
    return replace(of, ended_at=at, end_position=position, taken_over_by=position)
