"""Accepted cancels and what became of them, as they go out."""

from msgspec import Struct

from adapters.http.bodies.page import ListBody, sentence
from adapters.http.bodies.shapes import (
    Count,
    JobNumber,
    ModeWord,
    PositionNumber,
    ReleaseWord,
    StageWord,
    SubtaskNumber,
    TaskNumber,
    Time,
    TroubleWord,
)
from application.listing import Listed
from application.views import TroubledCancellation
from projections.cancellations import CancellationRow


class Steps(Struct, frozen=True):
    """Milliseconds of each step, null until it is done.

    ``order``: request to order; ``signal``: request to the first signal; ``stop``: order (graceful:
    request) to the end of the latest run; ``release``: the node release task's time; ``total``:
    request to the end.
    """

    order_ms: Count | None
    signal_ms: Count | None
    stop_ms: Count | None
    release_ms: Count | None
    total_ms: Count | None


class CancellationItem(Struct, frozen=True):
    """An accepted cancel and how far it has come.

    ``trouble``: survivors, stuck or late, null for none. ``running``, ``waiting``: the tasks it
    found; ``stopped``, ``force_stopped``: runs it ended; ``ended_otherwise``: runs that ended by
    themselves or by another request meanwhile. ``released_at``: when the node release task ended,
    null also when it was skipped. ``subtask_id``: null for a cancel of a whole task or job.
    """

    position: PositionNumber
    job_id: JobNumber
    task_id: TaskNumber | None
    subtask_id: SubtaskNumber | None
    owner: str
    trouble: TroubleWord | None
    stage: StageWord
    open: bool
    mode: ModeWord
    message: str
    reason_code: str
    actor: str
    on_behalf_of: str
    request_id: str
    running: Count
    waiting: Count
    stopped: Count
    force_stopped: Count
    ended_otherwise: Count
    killed: Count
    survivors: Count
    release: ReleaseWord
    requested_at: Time
    due_at: Time | None
    ordered_at: Time | None
    signalled_at: Time | None
    stopped_at: Time | None
    released_at: Time | None
    ended_at: Time | None
    end_position: PositionNumber | None
    taken_over_by: PositionNumber | None
    steps: Steps


class CancellationsBody(ListBody, frozen=True, kw_only=True):
    """A page of cancels, the troubled first."""

    cancellations: tuple[CancellationItem, ...]


def cancellations_body(
    listed: Listed[TroubledCancellation], after: str | None
) -> CancellationsBody:
    """A page of cancels as it goes out."""
    return CancellationsBody(
        cancellations=tuple(map(cancellation_item, listed.answer.rows)),
        next=after,
        position=listed.answer.position,
        behind=listed.behind,
        stopped=sentence(listed.stopped),
    )


def cancellation_item(found: TroubledCancellation) -> CancellationItem:
    """A cancel as it goes out."""
    row = found.row
    return CancellationItem(
        position=row.position,
        job_id=row.job_id,
        task_id=row.task,
        subtask_id=row.instance or None,
        owner=row.owner,
        trouble=found.trouble,
        stage=row.stage,
        open=bool(row.open),
        mode=row.mode,
        message=row.message,
        reason_code=row.reason_code,
        actor=row.actor,
        on_behalf_of=row.on_behalf_of,
        request_id=row.request_id,
        running=row.running,
        waiting=row.waiting,
        stopped=row.stopped,
        force_stopped=row.force_stopped,
        ended_otherwise=row.ended_otherwise,
        killed=row.killed,
        survivors=row.survivors,
        release=row.release,
        requested_at=row.requested_at,
        due_at=row.due_at,
        ordered_at=row.ordered_at,
        signalled_at=row.signalled_at,
        stopped_at=row.stopped_at,
        released_at=row.released_at,
        ended_at=row.ended_at,
        end_position=row.end_position,
        taken_over_by=row.taken_over_by,
        steps=steps(row),
    )


def steps(row: CancellationRow) -> Steps:
    """How long each step took."""
    return Steps(row.order_ms, row.signal_ms, row.stop_ms, row.release_ms, row.total_ms)
