"""Rows of the effect view, built up step by step as a story goes on.

In these stories every fact comes one second after the one before, so the position of a fact is also
the second it was written in.
"""

from datetime import timedelta

from msgspec.structs import replace

from domain import commands as c
from domain import events as e
from domain.states import CancelMode
from projections.cancellations import ALLOWANCE, CancellationRow, cancellation_row
from projections.folding import JobFold
from projections.stamps import stamp
from tests.domain.builders import (
    GRACE_SECONDS,
    SIGTERM,
    Story,
    at,
)
from tests.projections.folded import folded

NORMAL, FORCED, GRACEFUL = CancelMode.NORMAL, CancelMode.FORCED, CancelMode.GRACEFUL
RELEASE_SECONDS = 10
ORDER = c.OrderStop(SIGTERM)


def requested(
    position: int,
    mode: CancelMode = NORMAL,
    *,
    request_id: str = "r1",
    actor: str = "alice",
    task: int | None = None,
    running: int = 1,
    waiting: int = 0,
    release: str = "none",
) -> CancellationRow:
    """A cancel that was accepted in this second, and nothing else has happened."""
    grace = 0 if mode is FORCED or not running else GRACE_SECONDS
    waits = RELEASE_SECONDS if release == "pending" and mode is not FORCED else 0
    due = None if mode is GRACEFUL and running else second(position + grace + waits, ALLOWANCE)
    return CancellationRow(
        position=position,
        job_id=7,
        task=task,
        instance=0,
        owner="alice",
        request_id=request_id,
        mode=mode.value,
        message="",
        reason_code="",
        actor=actor,
        on_behalf_of="",
        requested_at=second(position),
        due_at=due,
        stage="requested",
        open=1,
        late=0,
        running=running,
        waiting=waiting,
        stopped=0,
        force_stopped=0,
        ended_otherwise=0,
        killed=0,
        survivors=0,
        release=release,
        ordered_at=None,
        signalled_at=None,
        stopped_at=None,
        released_at=None,
        ended_at=None,
        end_position=None,
        taken_over_by=None,
        order_ms=None,
        signal_ms=None,
        stop_ms=None,
        release_ms=None,
        total_ms=None,
    )


def second(n: int, more: timedelta = timedelta(0)) -> str:
    """The time of the n-th second."""
    return stamp(at(n) + more)


def ordered(row: CancellationRow, n: int) -> CancellationRow:
    """Its order was written in this second."""
    ms = 1000 * (n - row.position)
    return replace(row, stage="ordered", ordered_at=second(n), order_ms=ms)


def over(row: CancellationRow, n: int, late: int = 0) -> CancellationRow:
    """It was carried out to its end in this second."""
    ms = 1000 * (n - row.position)
    return replace(
        row,
        stage="canceled",
        open=0,
        late=late,
        ended_at=second(n),
        end_position=n,
        total_ms=ms,
    )


def taken_over(row: CancellationRow, n: int) -> CancellationRow:
    """A stronger one went on from this second."""
    return replace(over(row, n), stage="taken_over", taken_over_by=n)


class Watched:
    """A story, and the effect view after each part of it."""

    def __init__(self, story: Story) -> None:
        self.story = story

    @property
    def now(self) -> int:
        """The second, and the position, of the last fact."""
        return len(self.story.history)

    @property
    def rows(self) -> list[CancellationRow]:
        return folded(self.story).effects

    @property
    def row(self) -> CancellationRow:
        (row,) = self.rows
        return row


def kept(story: Story) -> tuple[CancellationRow, ...]:
    """What later facts may still change."""
    state = folded(story).states[e.job_aggregate(7)]
    assert isinstance(state, JobFold)
    return tuple(map(cancellation_row, state.cancellations))
