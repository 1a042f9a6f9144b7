"""Snapshots of folded jobs: so that loading a job costs what is new, not all that ever happened.

A snapshot is disposable. It is written behind, never waited for, and used only when the journal
holds, byte for byte, the event that it says it ends with. Whatever does not fit is left aside, and
the job is folded from its first event.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from msgspec import Struct

from application.histories import sha256_hex
from application.ports import Journal, Reporter, Stored, Token
from domain.events import Aggregate
from domain.job import Job

EVENTS_BETWEEN: Final = 250
"""A snapshot is written when a job has so many events more than its last one knows."""


class JobSnapshot(Struct, frozen=True):
    """A job folded from its first events, up to and with the one that ``token`` names.

    ``last_at``: the time of that event.
    """

    job: Job
    token: Token
    last_at: datetime


class Unfit(Exception):
    """A stored snapshot that cannot be used, and why."""


class SnapshotStore(Protocol):
    """The newest snapshot of each job. Synchronous; what it holds may vanish at any time.

    It gives only what was written under the same fold: the same rules of what facts mean.
    """

    def read(self, aggregate: Aggregate) -> JobSnapshot | None:
        """What was written last, or None. Raises ``Unfit`` for what is damaged."""
        ...

    def write(self, aggregate: Aggregate, snapshot: JobSnapshot) -> None:
        """Replace what there was, all or nothing. Not synced: after a crash it may be gone.

        Raises ``Unfit`` when it cannot be stored, or would not be read as it was written.
        """
        ...

    def drop(self, aggregate: Aggregate) -> None:
        """Forget it. Idempotent."""
        ...


class Snapshots:
    """Reads snapshots that the journal bears out; writes them one at a time, behind everybody."""

    def __init__(
        self,
        store: SnapshotStore,
        journal: Journal,
        reporter: Reporter,
        events_between: int = EVENTS_BETWEEN,
    ) -> None:
        self._store = store
        self._journal = journal
        self._reporter = reporter
        self._between = events_between
        self._due: dict[Aggregate, JobSnapshot] = {}
        self._distrusted: set[Aggregate] = set()
        self._something_due = asyncio.Event()
        self._writing = asyncio.Lock()

    async def trusted(self, aggregate: Aggregate) -> JobSnapshot | None:
        """The job's snapshot, if it has one whose last event is the journal's own."""
        if aggregate in self._distrusted:
            return None
        try:
            found = await asyncio.to_thread(self._read, aggregate)
        except Unfit as error:
            self.refuse(aggregate, str(error))
            return None
        return found

    def due(self, version: int, snapped: int) -> bool:
        """Whether a job at ``version`` wants a snapshot when its last one is of ``snapped``."""
        return version - snapped >= self._between

    def put(self, aggregate: Aggregate, snapshot: JobSnapshot) -> None:
        """Have it written soon, instead of any that still waits."""
        if aggregate not in self._distrusted:
            self._due[aggregate] = snapshot
            self._something_due.set()

    def refuse(self, aggregate: Aggregate, reason: str) -> None:
        """Say that a snapshot is not used, and have it gone."""
        self._reporter("snapshot_refused", aggregate=str(aggregate), reason=reason)
        self._due.pop(aggregate, None)
        self._quietly(self._store.drop, aggregate)

    def distrust(self, aggregate: Aggregate) -> None:
        """The aggregate's own events are damaged: whoever loads it must meet the damage."""
        self._distrusted.add(aggregate)
        self._due.pop(aggregate, None)
        self._quietly(self._store.drop, aggregate)

    async def run(self) -> None:
        """Write what is due, until cancelled."""
        while True:
            await self._something_due.wait()
            await self.write_due()

    async def write_due(self) -> None:
        """Write all that is due now; it is written also when somebody else was at it."""
        async with self._writing:
            self._something_due.clear()
            while self._due:
                aggregate = next(iter(self._due))
                snapshot = self._due.pop(aggregate)
                await asyncio.to_thread(self._write, aggregate, snapshot)

    # --- how --------------------------------------------------------------------------------------

    def _read(self, aggregate: Aggregate) -> JobSnapshot | None:
        found = self._store.read(aggregate)
        mark = self._journal.mark()
        if found is None or mark is None or mark.position < found.token.position:
            return None  # there is none, or the journal has not come so far; nothing is wrong
        if not self._bears_out(aggregate, found.token):
            raise Unfit(f"its last event is not event {found.token.version} of the journal")
        return found

    def _bears_out(self, aggregate: Aggregate, token: Token) -> bool:
        """Whether the journal has that event, at that place, with those bytes."""
        found = self._journal.page(aggregate, token.position - 1, 1)
        return bool(found) and is_at(found[0], token)

    def _write(self, aggregate: Aggregate, snapshot: JobSnapshot) -> None:
        try:
            self._store.write(aggregate, snapshot)
        except Unfit as error:
            self._reporter("snapshot_not_written", aggregate=str(aggregate), reason=str(error))
        if aggregate in self._distrusted:  # found damaged in the meantime
            self._quietly(self._store.drop, aggregate)

    def _quietly(self, act: Callable[[Aggregate], None], aggregate: Aggregate) -> None:
        try:
            act(aggregate)
        except Unfit as error:
            self._reporter("snapshot_not_dropped", aggregate=str(aggregate), reason=str(error))


def is_at(stored: Stored, token: Token) -> bool:
    """Whether this is the very event that a token names."""
    return (stored.position, stored.fact.version, sha256_hex(stored.raw)) == (
        token.position,
        token.version,
        token.sha256,
    )
