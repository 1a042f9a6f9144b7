"""From stored events to a state: the newest, or as it was; from a snapshot on where one fits.

A long history is folded page by page beside the event loop, and is never in memory as a whole.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

from msgspec import Struct

from application.histories import PAGE_EVENTS, Histories, readable, token_after
from application.ports import Stored, Token
from application.snapshots import JobSnapshot, Snapshots
from domain.bulk import Bulk, evolve_bulk
from domain.cluster import Cluster, evolve_cluster
from domain.errors import Corrupt, CountermandError
from domain.events import JOB, Aggregate, Recorded
from domain.evolve import evolve
from domain.job import Job
from domain.policy_life import PolicyLife, evolve_policy

FOLDED_AT_ONCE_MAX: Final = 100
"""So many events are folded where we are; more would keep everybody else waiting."""

S = TypeVar("S")


class Kind(Protocol[S]):
    """How facts of one kind of aggregate fold."""

    def empty(self) -> S:
        """The state before the first fact."""
        ...

    def fold(self, state: S, recorded: Recorded) -> S:
        """The state after one more fact."""
        ...


class JobKind:
    """Jobs; None before JobAdded."""

    def empty(self) -> Job | None:
        """No job."""
        return None

    def fold(self, state: Job | None, recorded: Recorded) -> Job | None:
        """As the domain has it."""
        return evolve(state, recorded)


class ClusterKind:
    """The cluster itself."""

    def empty(self) -> Cluster:
        """A cluster with every default."""
        return Cluster()

    def fold(self, state: Cluster, recorded: Recorded) -> Cluster:
        """As the domain has it."""
        return evolve_cluster(state, recorded)


class BulkKind:
    """Requests on many jobs; None before there is one."""

    def empty(self) -> Bulk | None:
        """No request."""
        return None

    def fold(self, state: Bulk | None, recorded: Recorded) -> Bulk | None:
        """As the domain has it."""
        return evolve_bulk(state, recorded)


class PolicyKind:
    """The policy's life."""

    def empty(self) -> PolicyLife:
        """No rules yet."""
        return PolicyLife()

    def fold(self, state: PolicyLife, recorded: Recorded) -> PolicyLife:
        """As the domain has it."""
        return evolve_policy(state, recorded)


JOBS: Final = JobKind()
BULKS: Final = BulkKind()
CLUSTERS: Final = ClusterKind()
POLICIES: Final = PolicyKind()


class Held(Struct, Generic[S], frozen=True):
    """A state, where the stored facts behind it end, and the time of the last one.

    ``snapped``: the version of the newest snapshot of it, written or about to be; 0 for none.
    """

    state: S
    token: Token = Token()
    last_at: datetime | None = None
    snapped: int = 0


class Until(Struct, frozen=True):
    """How far something is told: so many events, those below a position; None for all."""

    version: int | None = None
    below: int | None = None

    def part_of(self, page: Sequence[Stored], before: int) -> Sequence[Stored]:
        """The first events of a page that ``before`` events came before."""
        if self.version is not None:
            page = page[: max(0, self.version - before)]
        if self.below is not None:
            page = [x for x in page if x.position < self.below]
        return page

    def reaches(self, token: Token) -> bool:
        """Whether a state that ends there is no later than this."""
        return (self.version is None or token.version <= self.version) and (
            self.below is None or token.position < self.below
        )


ALL: Final = Until()


class Loading:
    """Loads states; ``snapshots`` is None where none are kept."""

    def __init__(self, histories: Histories, snapshots: Snapshots | None) -> None:
        self._histories = histories
        self._snapshots = snapshots

    async def load(self, aggregate: Aggregate, kind: Kind[S]) -> Held[S]:
        """The newest state. Raises ``Corrupt`` when its history cannot be read."""
        if aggregate.kind == JOB:
            return await self.job(aggregate)  # type: ignore[return-value]  # its kind is JOBS
        return await self._folded(aggregate, kind, Held(kind.empty()), ALL)

    async def job(self, aggregate: Aggregate, until: Until = ALL) -> Held[Job | None]:
        """The job now, or as far as it is asked for: from its snapshot on, if that fits."""
        snapshots = self._snapshots
        found = await snapshots.trusted(aggregate) if snapshots else None
        if snapshots and found and until.reaches(found.token):
            try:
                return await self._folded(aggregate, JOBS, as_held(found), until)
            except Corrupt as error:
                reason = error.message
            except CountermandError:
                raise
            except Exception as error:  # no state of this history: anything may go wrong with it
                reason = repr(error)
            snapshots.refuse(aggregate, f"what follows cannot be folded onto it: {reason}")
        return await self._folded(aggregate, JOBS, Held(None), until)

    async def pages(
        self,
        aggregate: Aggregate,
        after: Token = Token(),  # noqa: B008
        until: Until = ALL,
    ) -> AsyncGenerator[Sequence[Stored], None]:
        """The events after ``after``, as far as they are asked for, in pages; none is empty."""
        told = after.version
        wanted = PAGE_EVENTS if until.version is None else max(1, until.version - told)
        found = self._histories.pages(aggregate, after, min(wanted, PAGE_EVENTS))
        async with aclosing(found) as pages:
            async for page in pages:
                part = until.part_of(page, told)
                if part:
                    yield part
                if len(part) < len(page):
                    return
                told += len(page)

    def snap(self, aggregate: Aggregate, held: Held[S]) -> Held[S]:
        """Have a snapshot written, behind, when it is time for one."""
        job, version = held.state, held.token.version
        if self._snapshots is None or not isinstance(job, Job) or held.last_at is None:
            return held
        if not self._snapshots.due(version, held.snapped):
            return held
        self._snapshots.put(aggregate, JobSnapshot(job, held.token, held.last_at))
        return Held(held.state, held.token, held.last_at, version)

    def distrust(self, aggregate: Aggregate) -> None:
        """Its events are damaged: whoever loads it meets the damage."""
        if self._snapshots is not None:
            self._snapshots.distrust(aggregate)

    async def _folded(
        self, aggregate: Aggregate, kind: Kind[S], held: Held[S], until: Until
    ) -> Held[S]:
        async with aclosing(self.pages(aggregate, held.token, until)) as pages:
            async for page in pages:
                if len(page) > FOLDED_AT_ONCE_MAX:
                    held = await asyncio.to_thread(onto, kind, held, page)
                else:
                    held = onto(kind, held, page)
        return held


def onto(kind: Kind[S], held: Held[S], page: Sequence[Stored]) -> Held[S]:
    """A state with further events folded onto it."""
    state, last_at = held.state, held.last_at
    for stored in page:
        recorded = readable(stored)
        state, last_at = kind.fold(state, recorded), recorded.time
    return Held(state, token_after(page), last_at, held.snapped)


def as_held(snapshot: JobSnapshot) -> Held[Job | None]:
    """What a snapshot gives."""
    token = snapshot.token
    return Held(snapshot.job, token, snapshot.last_at, token.version)
