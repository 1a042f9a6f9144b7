"""One event in, rows out: what the views hold of each aggregate, and how an event changes it.

``fold`` is the whole of it, pure and for every view at once, so that all of them are true for the
same position.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from domain import events as e
from domain.cluster import Cluster, evolve_cluster, job_number
from domain.errors import Corrupt
from domain.evolve import evolve
from domain.job import Job
from domain.parameters import NODE_RELEASE_TASK_TIMEOUT
from projections.audit_trail import AskedFor, AuditRow, Said, audit_row, high_after
from projections.audit_words import NODE_RELEASE, said
from projections.cancellation_steps import Cancellations, moved_on, still_told
from projections.cancellations import Cancellation
from projections.subtask_view import SubtaskRow, ended_subtasks
from projections.tally import ASKED, Counted, of_making, of_row, of_shadow, of_step

ACCEPTED: Final = (
    e.JobCancelRequested
    | e.TaskCancelRequested
    | e.JobFinishRequested
    | e.TaskFinishRequested
    | e.EmergencyStopRecorded
)
AGAIN: Final = e.JobConfigured | e.JobRequeued


class JobFold(Struct, frozen=True, tag="job"):
    """A job and what is under way on it.

    ``job.asked`` is empty: the views answer no requests. ``cancellations``: those that later facts
    may still be about, the oldest first. ``asked_for``: the accepted requests of this round.
    ``made_by``: the request that made the job, while it is being made; it may submit it, too.
    """

    job: Job
    cancellations: Cancellations = ()
    asked_for: tuple[AskedFor, ...] = ()
    made_by: str = ""


class ClusterFold(Struct, frozen=True, tag="cluster"):
    """The cluster's parameters."""

    cluster: Cluster = Cluster()


class RequestFold(Struct, frozen=True, tag="request"):
    """A day's requests on jobs that do not exist: only how many there were."""

    version: int = 0


class PolicyFold(Struct, frozen=True, tag="policy"):
    """The policy: only how many facts there were."""

    version: int = 0


Fold = JobFold | ClusterFold | RequestFold | PolicyFold
Step = tuple[Cancellation | None, Cancellation]
F = TypeVar("F", JobFold, ClusterFold, RequestFold, PolicyFold)


class Around(Struct, frozen=True):
    """What an event's rows need from outside its aggregate.

    ``release_seconds``: NodeReleaseTaskTimeout in force; ``high``: the ``time_high`` of the last
    row of the trail, None before the first.
    """

    release_seconds: int = Cluster().number(NODE_RELEASE_TASK_TIMEOUT)
    high: datetime | None = None


class Folded(Struct, frozen=True):
    """What one event leads to. ``state``: None when the aggregate has left the views.

    ``row``: of the trail, if the event has one; ``cancellations``: those that it began or changed;
    ``subtasks``: those whose run it ended.
    """

    state: Fold | None
    row: AuditRow | None
    cancellations: tuple[Cancellation, ...]
    counted: tuple[Counted, ...]
    around: Around
    subtasks: tuple[SubtaskRow, ...] = ()


def fold(state: Fold | None, recorded: e.Recorded, position: int, around: Around) -> Folded:
    """The state after one more event, and the rows that follow. Raises ``Corrupt``."""
    match recorded.aggregate.kind:
        case e.JOB:
            return fold_job(of_kind(state, JobFold), recorded, position, around)
        case e.CLUSTER:
            return fold_cluster(of_kind(state, ClusterFold), recorded, position, around)
        case e.REQUEST:
            return fold_request(of_kind(state, RequestFold), recorded, position, around)
        case e.BULK:
            return fold_bulk(recorded, position, around)
        case e.POLICY:
            return fold_policy(of_kind(state, PolicyFold), recorded, position, around)
        case _:
            raise Corrupt(f"{recorded.aggregate} is of no known kind")


def of_kind(state: Fold | None, kind: type[F]) -> F | None:
    """The state, which is of this kind when there is one."""
    if state is None or isinstance(state, kind):
        return state
    raise Corrupt(f"the views hold {type(state).__name__} where {kind.__name__} belongs")


# --- jobs -----------------------------------------------------------------------------------------


def fold_job(before: JobFold | None, recorded: e.Recorded, position: int, around: Around) -> Folded:
    """A fact about a job."""
    job = evolve(before.job if before else None, recorded)
    if job.asked:
        job = replace(job, asked={})
    if recorded.aggregate.id != str(job.id):
        raise Corrupt(f"{recorded.aggregate} was added as job {job.id}")
    old = before.cancellations if before else ()
    new = moved_on(old, job, recorded, position, around.release_seconds)
    moved = steps(old, new)
    asked_for = now_asked_for(before.asked_for if before else (), new, recorded, position)
    words = traced(said(recorded.data), job)
    row, around = row_of(
        recorded, words, position, around, job_id=job.id, owner=job.owner, asked_for=asked_for
    )
    kept = tuple(c for c in new if still_told(c, job)) if new else new
    return Folded(
        state=None
        if job.removed
        else JobFold(job, kept, asked_for, made_by(before, recorded.data)),
        row=row,
        cancellations=tuple(after for _, after in moved),
        counted=(
            *counted(recorded, words, moved),
            *of_making(before.made_by if before else "", recorded.data),
        ),
        around=around,
        subtasks=tuple(ended_subtasks(before.job if before else None, recorded)),
    )


def made_by(before: JobFold | None, fact: e.Event) -> str:
    """The request that is making the job; "" once that is done."""
    match fact:
        case e.JobAdded():
            return fact.request_id
        case e.TasksAdded() if before:
            return before.made_by
        case _:
            return ""


def steps(old: Cancellations, new: Cancellations) -> tuple[Step, ...]:
    """The cancels that a fact began or changed, each with what it was before.

    One that did not change is the same object; there may be a thousand of them.
    """
    if new is old:
        return ()
    before = {c.position: c for c in old}
    return tuple((before.get(c.position), c) for c in new if before.get(c.position) is not c)


def traced(words: Said | None, job: Job) -> Said | None:
    """Node release follows from the cancel or finish that is being carried out."""
    if words is None or words.operation != NODE_RELEASE or words.request_id:
        return words
    cause = job.cancel or job.finish
    return replace(words, request_id=cause.request_id) if cause else words


def now_asked_for(
    before: tuple[AskedFor, ...], cancels: Cancellations, recorded: e.Recorded, position: int
) -> tuple[AskedFor, ...]:
    """The accepted requests of this round, with this one if it is one.

    A cancel of a task whose end is not written yet goes on in the next round.
    """
    fact, caller = recorded.data, recorded.event.caller
    if isinstance(fact, AGAIN):
        going_on = {c.position for c in cancels if c.open}
        return tuple(asked for asked in before if asked.position in going_on)
    if not isinstance(fact, ACCEPTED):
        return before
    whom = caller.acted_for
    return (*before, AskedFor(fact.request_id, position, caller.actor.name, whom))


def counted(
    recorded: e.Recorded, words: Said | None, moved: tuple[Step, ...] = ()
) -> Iterator[Counted]:
    """What a fact adds to the counts."""
    yield from of_shadow(recorded.data)
    if words is not None:
        yield from of_row(words)
    for before, after in moved:
        yield from of_step(before, after)


# --- the cluster, and requests on nothing ---------------------------------------------------------


def fold_cluster(
    before: ClusterFold | None, recorded: e.Recorded, position: int, around: Around
) -> Folded:
    """A fact about the cluster."""
    cluster = evolve_cluster(before.cluster if before else Cluster(), recorded)
    cluster = replace(cluster, asked={})
    seconds = cluster.number(NODE_RELEASE_TASK_TIMEOUT)
    around = replace(around, release_seconds=seconds)
    words = said(recorded.data)
    row, around = row_of(recorded, words, position, around)
    return Folded(ClusterFold(cluster), row, (), tuple(counted(recorded, words)), around)


def fold_request(
    before: RequestFold | None, recorded: e.Recorded, position: int, around: Around
) -> Folded:
    """A cancel of a job that does not exist."""
    version = before.version if before else 0
    fact = recorded.data
    if not isinstance(fact, e.RequestEvent):
        raise Corrupt(f"{recorded.aggregate}: {type(fact).__name__} is no request on nothing")
    if recorded.version != version + 1:
        raise Corrupt(f"{recorded.aggregate}: version {recorded.version} follows {version}")
    words = said(fact)
    row, around = row_of(recorded, words, position, around, job_id=job_number(fact.job))
    state = RequestFold(recorded.version)
    return Folded(state, row, (), tuple(counted(recorded, words)), around)


def fold_bulk(recorded: e.Recorded, position: int, around: Around) -> Folded:
    """A request on many jobs: a row, and nothing to remember."""
    fact = recorded.data
    if not isinstance(fact, e.BulkEvent):
        raise Corrupt(f"{recorded.aggregate}: {type(fact).__name__} is no request on many jobs")
    if recorded.version != fact.part:
        raise Corrupt(f"{recorded.aggregate}: version {recorded.version} is part {fact.part}")
    words = said(fact)
    row, around = row_of(recorded, words, position, around)
    return Folded(None, row, (), tuple(counted(recorded, words)), around)


def fold_policy(
    before: PolicyFold | None, recorded: e.Recorded, position: int, around: Around
) -> Folded:
    """A fact about the policy."""
    version = before.version if before else 0
    fact = recorded.data
    if not isinstance(fact, e.PolicyEvent):
        raise Corrupt(f"{recorded.aggregate}: {type(fact).__name__} is not about the policy")
    if recorded.version != version + 1:
        raise Corrupt(f"{recorded.aggregate}: version {recorded.version} follows {version}")
    words = said(fact)
    row, around = row_of(recorded, words, position, around)
    return Folded(PolicyFold(recorded.version), row, (), tuple(counted(recorded, words)), around)


def row_of(
    recorded: e.Recorded,
    words: Said | None,
    position: int,
    around: Around,
    *,
    job_id: int | None = None,
    owner: str = "",
    asked_for: tuple[AskedFor, ...] = (),
) -> tuple[AuditRow | None, Around]:
    """The event's row in the trail, if it has one, and the latest time with it."""
    if words is None:
        return None, around
    high = high_after(around.high, recorded.time)
    row = audit_row(
        recorded,
        words,
        position,
        job_id=job_id,
        owner=owner,
        asked_for=followed(words, asked_for, position),
        high=high,
    )
    return row, replace(around, high=high)


def followed(words: Said, asked_for: tuple[AskedFor, ...], position: int) -> AskedFor | None:
    """The accepted request that this follows from; None for a request itself."""
    if words.kind in ASKED or not words.request_id:
        return None
    for asked in reversed(asked_for):
        if asked.request_id == words.request_id and asked.position < position:
            return asked
    return None
