"""Where the views are kept: the ports of their files, for who fills them.

The views are folds of the stream (``projections``), kept with the position they are true for. They
are disposable: the stream is the truth, and they are rebuilt from it.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, Self

from msgspec import Struct

from application.views import ViewReader
from domain.events import Aggregate
from projections.audit_trail import AuditRow
from projections.cancellations import CancellationRow
from projections.folding import Around, Fold
from projections.job_view import JobRow, TaskRow
from projections.subtask_view import SubtaskRow
from projections.tally import CountKey


class Changes(Struct, frozen=True):
    """What a batch of events changes in the views, to be stored in one commit with its position.

    ``states``: what is held of aggregates from here on, None for one that has left the views; of a
    job only those tasks need storing anew that are in ``tasks``. ``subtasks``: the last ended runs
    of subtasks, those of jobs in ``removed`` aside. ``removed``: jobs that have left.
    ``counts``: the new totals of the series that changed.
    """

    position: int
    around: Around
    states: Mapping[Aggregate, Fold | None]
    jobs: Sequence[JobRow]
    tasks: Sequence[TaskRow]
    subtasks: Sequence[SubtaskRow]
    removed: Sequence[int]
    trail: Sequence[AuditRow]
    cancellations: Sequence[CancellationRow]
    counts: Mapping[CountKey, int]


class Difference(Struct, frozen=True):
    """A table in which two files of views differ: in how many rows, and the first one's key."""

    table: str
    rows: int
    first: str


class Comparison(Protocol):
    """Two files of views as they were at one moment, while both may be written on."""

    def at_one_position(self) -> bool:
        """Whether both are true for the same position. Raises as ``differences``."""
        ...

    def differences(self) -> tuple[Difference, ...]:
        """Where they differ, row for row. Takes its time; from any thread, once.

        Raises ``Unavailable`` when it is closed meanwhile.
        """
        ...

    def close(self) -> None:
        """Let go of both. Soon, whatever is under way. Idempotent."""
        ...


class ViewStore(Protocol):
    """Where the views are kept. Synchronous, from any thread; one writer.

    Raises ``Unavailable`` when it cannot be used now, ``StoreFull`` without room, ``Corrupt`` when
    what it holds is damaged.
    """

    @property
    def name(self) -> str:
        """Which file it is."""
        ...

    def position(self) -> int:
        """The views are true for the stream up to here; 0 for new ones."""
        ...

    def around(self) -> Around:
        """What holds around the next event."""
        ...

    def states(self, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Fold]:
        """What is held of these aggregates; those without a state are left out."""
        ...

    def counts(self) -> dict[CountKey, int]:
        """All totals."""
        ...

    def reader(self) -> ViewReader:
        """Answers from these views."""
        ...

    def comparison(self, other: Self) -> Comparison:
        """A comparison of these views and others as they are now."""
        ...

    def may_write(self) -> bool:
        """Whether this service is the one that writes these views; takes that place when it is
        free. Who was told no before, or was ``Unavailable`` since, looks at what is stored before
        it commits: others may have gone on."""
        ...

    def check_writing(self) -> None:
        """Pass while it still is, or raise ``Unavailable``. Who writes says so twice a second:
        one that is silent for seconds is not waited for."""
        ...

    def commit(self, changes: Changes) -> None:
        """Store rows and position in one commit. Raises ``Corrupt`` for a position that is not
        beyond the one it has: two projectors would be at work; ``Unavailable`` when another service
        is the one that writes."""
        ...

    def close(self) -> None:
        """Release the file, soon: who still reads is told ``Unavailable``. Idempotent."""
        ...


class ViewFiles(Protocol):
    """Where files of views are: one in use, and others that are being built beside it.

    Synchronous. Raises ``Unavailable`` when files cannot be made or opened. Several services may
    share them where they are in a database; then what somebody has open stays.
    """

    def current(self) -> ViewStore | None:
        """The views in use; None when there are none of this version, for this log, undamaged."""
        ...

    def in_use(self) -> str | None:
        """The name of the views in use, whatever state they are in; None when there are none."""
        ...

    def begin(self) -> str:
        """A name for new views beside those in use, which no other views had or will have.

        What an earlier beginning left behind goes: one is built at a time. Raises ``Unavailable``
        while another service builds, with the code ``views_built_elsewhere``.
        """
        ...

    def open(self, name: str) -> ViewStore:
        """The views of this name, new ones when there are none."""
        ...

    def switch(self, name: str, still_read: str | None = None) -> None:
        """Those of this name are in use from here on, also after a crash; all others go.

        ``still_read``: views that stay, because they are open; ``discard`` them afterwards.
        """
        ...

    def tidy(self) -> None:
        """What a crash left beside the views in use goes."""
        ...

    def discard(self, name: str) -> None:
        """Views that are not needed, not in use, and closed. Idempotent."""
        ...

    def close(self) -> None:
        """Let go of all; stores that are open stay so. Idempotent."""
        ...
