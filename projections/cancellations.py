"""The effect view: for each accepted cancel, how far it has come, and how long each step took.

Requested, ordered, stopped or killed, released, canceled. A cancel of one task is told in the same
way. What a cancel waits for has a time: its grace period, the node release task's limit, and an
allowance for the rest; who is not done by then is stuck, or was late.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from domain.job import Outlived
from domain.states import CancelMode
from projections.stamps import maybe_stamp, ms_between, stamp

ALLOWANCE: Final = timedelta(seconds=10)
"""What a cancel may take beyond its waiting times: to write, to signal, to look for survivors."""


class Stage(StrEnum):
    """How far a cancel has come. ``stopped``: everything that ran has ended."""

    REQUESTED = "requested"
    ORDERED = "ordered"
    STOPPED = "stopped"
    RELEASED = "released"
    CANCELED = "canceled"
    TAKEN_OVER = "taken_over"


class Release(StrEnum):
    """What became of the node release task in this cancel; ``none``: there is none."""

    NONE = "none"
    PENDING = "pending"
    RUNNING = "running"
    RAN = "ran"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CUT_SHORT = "cut_short"
    SKIPPED = "skipped"


RELEASE_OVER: Final = frozenset({Release.RAN, Release.FAILED, Release.TIMED_OUT, Release.CUT_SHORT})
"""The task has run; one that was skipped has released nothing."""


class Cancellation(Struct, frozen=True):
    """One accepted cancel, of a job or (``task``) of one task of it, or (``instance``) subtask.

    ``position``: of its event. ``running``, ``waiting``: tasks it found. ``signalled_at``: when the
    first stop signal reached a run, told by the run's end and the engine's own measure.
    ``stopped_at``: the latest end of a run so far. ``stopped``, ``force_stopped``: runs that it
    ended; ``ended_otherwise``: runs that ended by themselves or by another request meanwhile.
    ``outlived``: processes that outlived SIGKILL and are still there. ``due_at``: when it should
    be over; None for a graceful one, which waits as long as the tasks take. ``released_at``: when
    the node release task ended; None also when it was skipped.
    """

    position: int
    job_id: int
    task: int | None
    owner: str
    request_id: str
    mode: CancelMode
    message: str
    reason_code: str
    actor: str
    on_behalf_of: str
    requested_at: datetime
    running: int
    waiting: int
    due_at: datetime | None
    ordered_at: datetime | None = None
    signalled_at: datetime | None = None
    stopped_at: datetime | None = None
    stopped: int = 0
    force_stopped: int = 0
    ended_otherwise: int = 0
    killed: int = 0
    outlived: tuple[Outlived, ...] = ()
    release: Release = Release.NONE
    release_started_at: datetime | None = None
    released_at: datetime | None = None
    ended_at: datetime | None = None
    end_position: int = 0
    taken_over_by: int = 0
    instance: int = 0

    @property
    def open(self) -> bool:
        """Whether it is still being carried out."""
        return self.ended_at is None

    @property
    def survivors(self) -> int:
        """Processes that outlived SIGKILL and are still there."""
        return sum(x.survivors for x in self.outlived)

    @property
    def ended_runs(self) -> int:
        """Runs that have ended since."""
        return self.stopped + self.force_stopped + self.ended_otherwise

    @property
    def stage(self) -> Stage:
        """How far it has come."""
        if self.ended_at is not None:
            return Stage.TAKEN_OVER if self.taken_over_by else Stage.CANCELED
        if self.release in RELEASE_OVER:
            return Stage.RELEASED
        if self.ended_runs >= self.running:
            return Stage.STOPPED if self.running else Stage.REQUESTED
        return Stage.ORDERED if self.ordered_at else Stage.REQUESTED

    @property
    def late(self) -> bool:
        """Whether it ended after it was due."""
        return self.due_at is not None and self.ended_at is not None and self.ended_at > self.due_at


class CancellationRow(Struct, frozen=True):
    """A row of the effect view. Times are RFC 3339 text in UTC.

    ``order_ms``: request to order; ``signal_ms``: request to the first signal; ``stop_ms``: order
    (graceful: request) to the end of the latest run; ``release_ms``: the node release task's time;
    ``total_ms``: request to the end. Each None until it is known. ``open``, ``late``: 1 for yes.
    ``instance``: the number of the subtask, 0 for a whole task or job.
    """

    position: int
    job_id: int
    task: int | None
    instance: int
    owner: str
    request_id: str
    mode: str
    message: str
    reason_code: str
    actor: str
    on_behalf_of: str
    requested_at: str
    due_at: str | None
    stage: str
    open: int
    late: int
    running: int
    waiting: int
    stopped: int
    force_stopped: int
    ended_otherwise: int
    killed: int
    survivors: int
    release: str
    ordered_at: str | None
    signalled_at: str | None
    stopped_at: str | None
    released_at: str | None
    ended_at: str | None
    end_position: int | None
    taken_over_by: int | None
    order_ms: int | None
    signal_ms: int | None
    stop_ms: int | None
    release_ms: int | None
    total_ms: int | None


def cancellation_row(of: Cancellation) -> CancellationRow:
    """The cancel as a row."""
    return CancellationRow(
        position=of.position,
        job_id=of.job_id,
        task=of.task,
        instance=of.instance,
        owner=of.owner,
        request_id=of.request_id,
        mode=of.mode.value,
        message=of.message,
        reason_code=of.reason_code,
        actor=of.actor,
        on_behalf_of=of.on_behalf_of,
        requested_at=stamp(of.requested_at),
        due_at=maybe_stamp(of.due_at),
        stage=of.stage.value,
        open=int(of.open),
        late=int(of.late),
        running=of.running,
        waiting=of.waiting,
        stopped=of.stopped,
        force_stopped=of.force_stopped,
        ended_otherwise=of.ended_otherwise,
        killed=of.killed,
        survivors=of.survivors,
        release=of.release.value,
        ordered_at=maybe_stamp(of.ordered_at),
        signalled_at=maybe_stamp(of.signalled_at),
        stopped_at=maybe_stamp(of.stopped_at),
        released_at=maybe_stamp(of.released_at),
        ended_at=maybe_stamp(of.ended_at),
        end_position=of.end_position or None,
        taken_over_by=of.taken_over_by or None,
        order_ms=ms_between(of.requested_at, of.ordered_at),
        signal_ms=ms_between(of.requested_at, of.signalled_at),
        stop_ms=ms_between(of.ordered_at or of.requested_at, of.stopped_at),
        release_ms=ms_between(of.release_started_at, of.released_at),
        total_ms=ms_between(of.requested_at, of.ended_at),
    )
