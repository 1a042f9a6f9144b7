"""Folds batches of events into the views: what changed, in one commit with the position."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Final

from application.ledger import readable
from application.ports import Stored
from application.view_store import Changes, ViewStore
from domain.errors import Corrupt, CountermandError
from domain.events import JOB, Aggregate
from projections.audit_trail import AuditRow
from projections.cancellations import Cancellation, cancellation_row
from projections.folding import Around, Fold, Folded, JobFold, fold
from projections.job_view import JobRow, TaskRow, job_row, task_row
from projections.subtask_view import SubtaskRow
from projections.tally import CountKey

STATES_KEPT_MAX: Final = 4096
TASKS_KEPT_MAX: Final = 50_000
"""How much is held between batches: folds, and tasks in them (a job may have a thousand)."""

AGGREGATES_AT_ONCE: Final = 128
"""How many aggregates a commit touches at most, for the same reason."""

REASON_CHARACTERS_MAX: Final = 300


class Batch:
    """What a batch of events has changed so far."""

    def __init__(self) -> None:
        self.first: dict[Aggregate, Fold | None] = {}
        self.states: dict[Aggregate, Fold | None] = {}
        self.last: dict[Aggregate, int] = {}
        self.trail: list[AuditRow] = []
        self.cancellations: dict[int, Cancellation] = {}
        self.counted: dict[CountKey, int] = {}
        self.ended: dict[tuple[int, int, int], SubtaskRow] = {}

    def take(self, aggregate: Aggregate, before: Fold | None, done: Folded, position: int) -> None:
        """One more event."""
        self.first.setdefault(aggregate, before)
        self.states[aggregate] = done.state
        self.last[aggregate] = position
        if done.row is not None:
            self.trail.append(done.row)
        for cancel in done.cancellations:
            self.cancellations[cancel.position] = cancel
        for run in done.subtasks:
            self.ended[run.job_id, run.task_id, run.instance] = run
        for key, amount in done.counted:
            self.counted[key] = self.counted.get(key, 0) + amount

    def jobs(self) -> list[JobRow]:
        """Rows of the jobs that are there."""
        return [
            job_row(state.job, self.last[aggregate])
            for aggregate, state in self.states.items()
            if isinstance(state, JobFold)
        ]

    def tasks(self) -> list[TaskRow]:
        """Rows of the tasks that are other than before."""
        return [
            task_row(state.job.id, task)
            for aggregate, state in self.states.items()
            if isinstance(state, JobFold)
            for number, task in state.job.tasks.items()
            if task is not task_of(self.first[aggregate], number)
        ]

    def subtasks(self) -> list[SubtaskRow]:
        """Rows of subtasks whose run ended, of jobs that are there."""
        gone = set(self.removed())
        return [row for row in self.ended.values() if row.job_id not in gone]

    def removed(self) -> list[int]:
        """Jobs that have left."""
        return [int(a.id) for a, s in self.states.items() if s is None and a.kind == JOB]


def task_of(state: Fold | None, number: int) -> object:
    """The very task that was there before; a task that did not change is the same object."""
    return state.job.tasks.get(number) if isinstance(state, JobFold) else None


class Recent:
    """The latest folds, as many as there is room for."""

    def __init__(self) -> None:
        self._folds: OrderedDict[Aggregate, Fold] = OrderedDict()
        self._tasks = 0

    def get(self, aggregate: Aggregate) -> Fold | None:
        """The fold, if it is held."""
        return self._folds.get(aggregate)

    def put(self, aggregate: Aggregate, state: Fold | None) -> None:
        """The fold as it is now; None for one that has left."""
        self._tasks -= tasks_in(self._folds.pop(aggregate, None))
        if state is not None:
            self._folds[aggregate] = state
            self._tasks += tasks_in(state)

    def trim(self) -> None:
        """Forget the oldest, until what is left has room."""
        while len(self._folds) > STATES_KEPT_MAX or self._tasks > TASKS_KEPT_MAX:
            _, oldest = self._folds.popitem(last=False)
            self._tasks -= tasks_in(oldest)

    def clear(self) -> None:
        """Forget all."""
        self._folds.clear()
        self._tasks = 0

    def __len__(self) -> int:
        return len(self._folds)


def tasks_in(state: Fold | None) -> int:
    """How many tasks a fold holds."""
    return len(state.job.tasks) if isinstance(state, JobFold) else 0


class ViewWriter:
    """Folds events into a store. Synchronous; one thread at a time.

    Keeps the latest folds in memory; after an error it knows nothing but what is stored.
    """

    def __init__(self, store: ViewStore) -> None:
        self.store = store
        self._recent = Recent()
        self._position = store.position()
        self._around = store.around()
        self._counts = store.counts()

    @property
    def position(self) -> int:
        """The views are true for the stream up to here."""
        return self._position

    @property
    def counts(self) -> dict[CountKey, int]:
        """All totals at this position."""
        return self._counts

    def load(self) -> None:
        """Begin with what is stored."""
        self._recent.clear()
        self._position = self.store.position()
        self._around = self.store.around()
        self._counts = self.store.counts()

    def look(self) -> None:
        """Know what others have stored."""
        if self.store.position() != self._position:
            self.load()

    def apply(self, events: Sequence[Stored]) -> None:
        """Fold and store, rows and position in one commit. Raises as ``ViewStore`` does.

        Raises ``Corrupt`` for an event that cannot be folded or stored, or that does not follow the
        one before it; what came before it is stored.
        """
        for part in parts(events):
            self._apply(part)

    def _apply(self, events: Sequence[Stored]) -> None:
        try:
            damage = self._fold(events)
        except CountermandError:
            self.load()
            raise
        except Exception as error:  # rows that no store can hold, or a defect
            self.load()
            if len(events) == 1:
                raise at(events[0], described(error)) from error
            for stored in events:
                self._apply((stored,))
        else:
            if damage is not None:
                raise damage

    def _fold(self, events: Sequence[Stored]) -> Corrupt | None:
        batch, around, damage = Batch(), self._around, None
        self._fetch(events)
        position = self._position
        for stored in events:
            try:
                check_place(stored, position)
                recorded = readable(stored)
                before = self._recent.get(stored.aggregate)
                done = fold(before, recorded, stored.position, around)
            except Corrupt as error:
                damage = at(stored, error.message)
                break
            except Exception as error:  # a defect in a fold is damage of the view, at this event
                damage = at(stored, described(error))
                break
            batch.take(stored.aggregate, before, done, stored.position)
            self._recent.put(stored.aggregate, done.state)
            around, position = done.around, stored.position
        if position > self._position:
            self._commit(batch, position, around)
        return damage

    def _commit(self, batch: Batch, position: int, around: Around) -> None:
        totals = {key: self._counts.get(key, 0) + n for key, n in batch.counted.items()}
        self.store.commit(
            Changes(
                position=position,
                around=around,
                states=batch.states,
                jobs=batch.jobs(),
                tasks=batch.tasks(),
                subtasks=batch.subtasks(),
                removed=batch.removed(),
                trail=batch.trail,
                cancellations=[cancellation_row(c) for c in batch.cancellations.values()],
                counts=totals,
            )
        )
        self._position, self._around = position, around
        self._counts = self._counts | totals
        self._recent.trim()

    def _fetch(self, events: Sequence[Stored]) -> None:
        """Have the folds of these events' aggregates at hand."""
        aggregates = {stored.aggregate for stored in events}
        missing = sorted(a for a in aggregates if self._recent.get(a) is None)
        for aggregate, state in self.store.states(missing).items() if missing else ():
            self._recent.put(aggregate, state)


def parts(events: Sequence[Stored]) -> Iterator[Sequence[Stored]]:
    """The events in their order, in parts that are about few enough aggregates."""
    start, seen = 0, set[Aggregate]()
    for n, stored in enumerate(events):
        if stored.aggregate not in seen and len(seen) == AGGREGATES_AT_ONCE:
            yield events[start:n]
            start, seen = n, set()
        seen.add(stored.aggregate)
    if start < len(events):
        yield events[start:]


def check_place(stored: Stored, last: int) -> None:
    """Pass, or raise ``Corrupt``: a log has no gaps, and no event comes twice."""
    if stored.position != last + 1:
        raise Corrupt(f"the views are true for position {last}, and {last + 1} must come next")


def described(error: Exception) -> str:
    """A defect in one line."""
    words = repr(str(error))
    short = words if len(words) <= REASON_CHARACTERS_MAX else f"{words[:REASON_CHARACTERS_MAX]}..."
    return f"{type(error).__name__}: {short}"


def at(stored: Stored, reason: str) -> Corrupt:
    """Damage, and where it lies."""
    return Corrupt(
        f"the views stop before position {stored.position} ({stored.type} of {stored.aggregate}): "
        f"{reason}"
    )
