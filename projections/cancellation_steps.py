"""How facts move accepted cancels on: which cancel a fact belongs to, and what it changes there."""

from collections.abc import Callable
from datetime import datetime, timedelta

from msgspec.structs import replace

from domain import events as e
from domain.job import Job, Outlived
from domain.states import CancelMode, NodeRelease, StopCause
from projections.cancellations import ALLOWANCE, Cancellation, Release

Cancellations = tuple[Cancellation, ...]
RunEnd = e.TaskStopped | e.TaskForceStopped | e.TaskFinished | e.TaskFailed


def moved_on(
    open_ones: Cancellations, job: Job, recorded: e.Recorded, position: int, release_seconds: int
) -> Cancellations:
    """The job's cancels after one more fact: those that were open or have survivors, and new ones.

    ``job``: as it is after the fact. ``release_seconds``: NodeReleaseTaskTimeout at that time.
    """
    at = recorded.time
    match recorded.data:
        case e.JobCancelRequested() as fact:
            mine = [c for c in open_ones if c.task is None]
            new = of_job(job, recorded, fact, position, release_seconds)
            return (*changed(open_ones, mine, lambda c: taken_over(c, at, position)), new)
        case e.TaskCancelRequested() as fact:
            mine = [c for c in open_ones if c.task == fact.task]
            new = of_task(job, recorded, fact, position)
            return (*changed(open_ones, mine, lambda c: taken_over(c, at, position)), new)
        case e.TaskStopOrdered() as fact:
            return changed(open_ones, ordered_by(open_ones, fact), lambda c: ordered(c, at))
        case e.TaskStopped() | e.TaskForceStopped() | e.TaskFinished() | e.TaskFailed() as fact:
            return runs_ended(open_ones, fact, at, position)
        case e.TaskSurvivorsGone() as fact:
            return tuple(without_survivors(c, fact.runs) for c in open_ones)
        case e.TaskCanceled() as fact:
            mine = [c for c in open_ones if c.task and c.request_id == fact.request_id]
            return changed(open_ones, mine, lambda c: over(c, at, position))
        case _:
            return of_the_job(open_ones, recorded, position)


def of_the_job(open_ones: Cancellations, recorded: e.Recorded, position: int) -> Cancellations:
    """Facts that concern the job's own cancel."""
    at, mine = recorded.time, [c for c in open_ones if c.task is None and c.open]
    match recorded.data:
        case e.NodeReleaseStarted():
            return changed(open_ones, mine, lambda c: release_started(c, at))
        case e.NodeReleaseEnded() as fact:
            return changed(open_ones, mine, lambda c: released(c, fact, at))
        case e.NodeReleaseSkipped():
            return changed(
                open_ones, mine, lambda c: replace(c, release=Release.SKIPPED, released_at=at)
            )
        case e.JobCanceled():
            return changed(open_ones, mine, lambda c: over(c, at, position))
        case e.JobFinished() | e.JobFailed():
            left = [c for c in open_ones if c.open]
            return changed(open_ones, left, lambda c: over(c, at, position))
        case _:
            return open_ones


def changed(
    open_ones: Cancellations,
    those: list[Cancellation],
    change: Callable[[Cancellation], Cancellation],
) -> Cancellations:
    """``change`` made to ``those`` that are still open."""
    positions = {c.position for c in those if c.open}
    return tuple(change(c) if c.position in positions else c for c in open_ones)


# --- how a cancel begins --------------------------------------------------------------------------


def of_job(
    job: Job, recorded: e.Recorded, fact: e.JobCancelRequested, position: int, release_seconds: int
) -> Cancellation:
    """A cancel of the whole job."""
    runs_release = fact.node_release is NodeRelease.RUN
    waits = timedelta(seconds=release_seconds if runs_release else 0)
    return begun(
        job,
        recorded,
        fact,
        position,
        due_at=due_at(recorded.time + waits, fact),
        release=Release.NONE if fact.node_release is NodeRelease.NONE else Release.PENDING,
    )


def of_task(
    job: Job, recorded: e.Recorded, fact: e.TaskCancelRequested, position: int
) -> Cancellation:
    """A cancel of one task."""
    due = due_at(recorded.time, fact)
    return begun(job, recorded, fact, position, task=fact.task, due_at=due)


def begun(
    job: Job,
    recorded: e.Recorded,
    fact: e.JobCancelRequested | e.TaskCancelRequested,
    position: int,
    *,
    due_at: datetime | None,
    task: int | None = None,
    release: Release = Release.NONE,
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
        on_behalf_of=caller.on_behalf_of.name if caller.on_behalf_of else "",
        requested_at=recorded.time,
        running=fact.running.count,
        waiting=fact.waiting.count,
        due_at=due_at,
        release=release,
    )


def due_at(start: datetime, fact: e.JobCancelRequested | e.TaskCancelRequested) -> datetime | None:
    """When it should be over; None when it waits for tasks to end by themselves."""
    if not fact.running.count:
        return start + ALLOWANCE
    if fact.mode is CancelMode.GRACEFUL:
        return None
    return start + timedelta(seconds=fact.grace_seconds) + ALLOWANCE


# --- how it goes on -------------------------------------------------------------------------------


def ordered_by(open_ones: Cancellations, fact: e.TaskStopOrdered) -> list[Cancellation]:
    """The cancel that an order was given for; none for a finish."""
    return [c for c in open_ones if belongs(c, fact)]


def belongs(of: Cancellation, fact: e.TaskStopOrdered | e.TaskStopped | e.TaskForceStopped) -> bool:
    """Whether a stop was for this cancel: by its cause, its request and its task."""
    if of.request_id != fact.request_id:
        return False
    if fact.cause is StopCause.JOB_CANCEL:
        return of.task is None
    tasks = {run.task for run in fact.runs}
    return fact.cause is StopCause.TASK_CANCEL and of.task in tasks


def ordered(of: Cancellation, at: datetime) -> Cancellation:
    """Its first order is written."""
    return of if of.ordered_at else replace(of, ordered_at=at)


def runs_ended(
    open_ones: Cancellations, fact: RunEnd, at: datetime, position: int
) -> Cancellations:
    """Runs ended: for the cancel that stopped them, and beside it for all that waited for them."""
    tasks = {run.task for run in fact.runs}

    def told(of: Cancellation) -> Cancellation:
        if isinstance(fact, e.TaskStopped | e.TaskForceStopped) and belongs(of, fact):
            of = by_order(of, fact, at)
        elif of.open and (of.task is None or of.task in tasks):
            of = replace(of, ended_otherwise=of.ended_otherwise + len(fact.runs), stopped_at=at)
            of = with_survivors(of, fact)
        return over(of, at, position) if of.open and of.task in tasks else of

    return tuple(told(c) for c in open_ones)


def by_order(
    of: Cancellation, fact: e.TaskStopped | e.TaskForceStopped, at: datetime
) -> Cancellation:
    """Its own order ended these runs."""
    signalled_at = max(of.requested_at, at - timedelta(milliseconds=fact.after_ms))
    of = replace(of, stopped_at=at, signalled_at=of.signalled_at or signalled_at)
    if isinstance(fact, e.TaskStopped):
        return replace(of, stopped=of.stopped + len(fact.runs))
    of = replace(
        of, force_stopped=of.force_stopped + len(fact.runs), killed=of.killed + fact.killed
    )
    return with_survivors(of, fact)


def with_survivors(of: Cancellation, fact: RunEnd | e.NodeReleaseEnded) -> Cancellation:
    """Processes that outlived a kill of these runs."""
    if isinstance(fact, e.TaskStopped | e.TaskFinished) or not fact.survivors:
        return of
    return replace(of, outlived=(*of.outlived, Outlived(fact.runs[0], fact.survivors)))


def without_survivors(of: Cancellation, runs: tuple[e.RunRange, ...]) -> Cancellation:
    """The last processes of these runs are gone."""
    gone = {(run.task, run.attempt) for run in runs}
    left = tuple(x for x in of.outlived if (x.run.task, x.run.attempt) not in gone)
    return of if left == of.outlived else replace(of, outlived=left)


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


def over(of: Cancellation, at: datetime, position: int) -> Cancellation:
    """Carried out to its end, by the event at ``position``."""
    return replace(of, ended_at=at, end_position=position)


def taken_over(of: Cancellation, at: datetime, position: int) -> Cancellation:
    """A stronger cancel goes on from here."""
    return replace(of, ended_at=at, end_position=position, taken_over_by=position)
