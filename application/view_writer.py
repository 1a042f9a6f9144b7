"""Folds batches of events into the views: what changed, in one commit with the position."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from application.ledger import readable
from application.ports import Stored
from application.view_store import Changes, ViewStore
from domain.errors import Corrupt
from domain.events import JOB, Aggregate
from projections.audit_trail import AuditRow
from projections.cancellations import Cancellation, cancellation_row
from projections.folding import Around, Fold, Folded, JobFold, fold
from projections.job_view import JobRow, TaskRow, job_row, task_row
from projections.tally import CountKey

STATES_KEPT_MAX: Final = 4096


class Batch:
    """What a batch of events has changed so far."""

    def __init__(self) -> None:
        self.first: dict[Aggregate, Fold | None] = {}
        self.states: dict[Aggregate, Fold | None] = {}
        self.last: dict[Aggregate, int] = {}
        self.trail: list[AuditRow] = []
        self.cancellations: dict[int, Cancellation] = {}
        self.counted: dict[CountKey, int] = {}

    def take(self, aggregate: Aggregate, before: Fold | None, done: Folded, position: int) -> None:
        """One more event."""
        self.first.setdefault(aggregate, before)
        self.states[aggregate] = done.state
        self.last[aggregate] = position
        if done.row is not None:
            self.trail.append(done.row)
        self.cancellations |= {c.position: c for c in done.cancellations}
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

    def removed(self) -> list[int]:
        """Jobs that have left."""
        return [int(a.id) for a, s in self.states.items() if s is None and a.kind == JOB]


def task_of(state: Fold | None, number: int) -> object:
    """The very task that was there before; a task that did not change is the same object."""
    return state.job.tasks.get(number) if isinstance(state, JobFold) else None


class ViewWriter:
    """Folds events into a store. Synchronous; one thread at a time.

    Keeps the latest folds in memory; after an error it knows nothing but what is stored.
    """

    def __init__(self, store: ViewStore) -> None:
        self.store = store
        self._states: OrderedDict[Aggregate, Fold] = OrderedDict()
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

    def apply(self, events: Sequence[Stored]) -> None:
        """Fold and store, in one commit. Raises as ``ViewStore`` does.

        Raises ``Corrupt`` for an event that cannot be folded; what came before it is stored.
        """
        try:
            damage = self._apply(events)
        except BaseException:
            self._load()
            raise
        if damage is not None:
            raise damage

    def _apply(self, events: Sequence[Stored]) -> Corrupt | None:
        batch, around, damage = Batch(), self._around, None
        self._fetch({stored.aggregate for stored in events})
        position = self._position
        for stored in events:
            try:
                recorded = readable(stored)
                before = self._states.get(stored.aggregate)
                done = fold(before, recorded, stored.position, around)
            except Corrupt as error:
                damage = at(stored, error.message)
                break
            except Exception as error:  # a defect in a fold is damage of the view, at this event
                damage = at(stored, repr(error))
                break
            batch.take(stored.aggregate, before, done, stored.position)
            self._hold(stored.aggregate, done.state)
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
                removed=batch.removed(),
                trail=batch.trail,
                cancellations=[cancellation_row(c) for c in batch.cancellations.values()],
                counts=totals,
            )
        )
        self._position, self._around = position, around
        self._counts = self._counts | totals
        while len(self._states) > STATES_KEPT_MAX:
            self._states.popitem(last=False)

    def _fetch(self, aggregates: set[Aggregate]) -> None:
        """Have the folds of these at hand, the latest used last."""
        missing = [a for a in sorted(aggregates) if a not in self._states]
        self._states.update(self.store.states(missing))
        for aggregate in aggregates & self._states.keys():
            self._states.move_to_end(aggregate)

    def _hold(self, aggregate: Aggregate, state: Fold | None) -> None:
        if state is None:
            self._states.pop(aggregate, None)
        else:
            self._states[aggregate] = state

    def _load(self) -> None:
        """Begin with what is stored."""
        self._states.clear()
        self._position = self.store.position()
        self._around = self.store.around()
        self._counts = self.store.counts()


def at(stored: Stored, reason: str) -> Corrupt:
    """Damage, and where it lies."""
    return Corrupt(
        f"the views stop before position {stored.position} ({stored.type} of {stored.aggregate}): "
        f"{reason}"
    )
