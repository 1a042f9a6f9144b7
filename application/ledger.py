"""Load an aggregate, decide, append, again on a conflict: the write path, once for all commands.

Loads come from a hot cache, else from a job's snapshot and the events after it, else from all of
its events: the journal's, and the tail of the log.
One lock an aggregate keeps the service from racing itself; the guard in the log keeps others away.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from msgspec import Struct

from application.histories import Histories
from application.histories import readable as readable
from application.loading import BULKS, CLUSTERS, JOBS, Held, Kind, Loading, Until
from application.ports import Clock, EventLog, Ids, Journal, Token, Write
from application.snapshots import Snapshots
from application.trail import Trail, TrailKind, as_reused, trail_key
from domain.bulk import Bulk
from domain.cluster import Cluster
from domain.errors import Conflict, Corrupt
from domain.events import (
    CLUSTER,
    Aggregate,
    CancelRefused,
    Event,
    NewEvent,
    Recorded,
    job_aggregate,
)
from domain.identity import SYSTEM_CALLER, Caller
from domain.job import Job
from domain.parameters import Parameter

TRIES_MAX: Final = 3
CACHED_AGGREGATES_MAX: Final = 4096
S = TypeVar("S")


class Cause(Struct, frozen=True):
    """Who brings facts about, and what they follow from."""

    caller: Caller = SYSTEM_CALLER
    correlation_id: str = ""
    causation_id: str = ""


class Change(Struct, Generic[S], frozen=True):
    """What a command did: the state before and after, and the facts stored, if any.

    ``position`` is that of the last fact, or of the aggregate's end when there was none.
    """

    before: S
    after: S
    recorded: tuple[Recorded, ...]
    position: int


TRAILS: Final = TrailKind()


class Ledger:
    """All aggregates of one cluster, by their events.

    ``position``: the latest that was appended here. ``histories``: their events; ``loading``: the
    states that these fold to, without the cache.
    """

    def __init__(
        self,
        log: EventLog,
        journal: Journal,
        clock: Clock,
        ids: Ids,
        cluster: str,
        snapshots: Snapshots | None = None,
    ) -> None:
        self._log = log
        self.histories = Histories(log, journal)
        self.loading = Loading(self.histories, snapshots)
        self._clock = clock
        self._ids = ids
        self._cache: OrderedDict[Aggregate, Held[object]] = OrderedDict()
        self._locks: dict[Aggregate, tuple[asyncio.Lock, int]] = {}
        self.position = 0
        self.cluster_aggregate = Aggregate(CLUSTER, cluster)

    # --- questions --------------------------------------------------------------------------------

    async def job(self, job_id: int) -> Job | None:
        """The job now, or None. Raises ``Corrupt`` when its history cannot be read."""
        return (await self.held(job_id)).state

    async def held(self, job_id: int) -> Held[Job | None]:
        """The job now, and where its events end. Raises as ``job`` does."""
        return await self._read(job_aggregate(job_id), JOBS)

    async def job_then(self, job_id: int, until: Until) -> Held[Job | None]:
        """The job as it was. Raises ``Corrupt`` when its history up to there cannot be read."""
        hot = self._cache.get(job_aggregate(job_id))
        if hot is not None and until == Until(hot.token.version):
            return hot  # type: ignore[return-value]  # one kind of state an aggregate
        return await self.loading.job(job_aggregate(job_id), until)

    async def cluster(self) -> Cluster:
        """Parameters and ids now."""
        return (await self._read(self.cluster_aggregate, CLUSTERS)).state

    async def parameter(self, parameter: Parameter) -> int:
        """The number in force; the default when the cluster's own history is damaged.

        Then health says so, and jobs can still be stopped.
        """
        try:
            return (await self.cluster()).number(parameter)
        except Corrupt:
            return Cluster().number(parameter)

    # --- commands ---------------------------------------------------------------------------------

    async def change_job(
        self,
        job_id: int,
        decide: Callable[[Job | None, datetime], Sequence[Event]],
        cause: Cause,
        tries_max: int = TRIES_MAX,
    ) -> Change[Job | None]:
        """Decide on a job and append. Raises ``Conflict`` after ``tries_max`` lost races."""
        return await self._change(job_aggregate(job_id), JOBS, decide, cause, tries_max)

    async def change_cluster(
        self, decide: Callable[[Cluster, datetime], Sequence[Event]], cause: Cause
    ) -> Change[Cluster]:
        """Decide on the cluster and append."""
        return await self._change(self.cluster_aggregate, CLUSTERS, decide, cause, TRIES_MAX)

    async def bulk(self, aggregate: Aggregate) -> Bulk | None:
        """The request on many jobs that lies there, or None. Raises ``Corrupt``."""
        return (await self._read(aggregate, BULKS)).state

    async def change_bulk(
        self,
        aggregate: Aggregate,
        decide: Callable[[Bulk | None, datetime], Sequence[Event]],
        cause: Cause,
    ) -> Change[Bulk | None]:
        """Decide on a request on many jobs and append."""
        return await self._change(aggregate, BULKS, decide, cause, TRIES_MAX)

    async def add_to_trail(
        self,
        aggregate: Aggregate,
        fact: CancelRefused,
        cause: Cause,
        admitted: Callable[[CancelRefused], Sequence[Event]],
    ) -> tuple[Change[Trail], int]:
        """Append to an aggregate that has no rules of its own; the version that holds the answer.

        The same request again adds nothing. Another request under its id is refused for that.
        """
        key = trail_key(cause.caller, fact)

        def decide(trail: Trail, _: datetime) -> Sequence[Event]:
            before = trail.answered[key][1] if key in trail.answered else None
            if before == fact:
                return ()
            return admitted(fact if before is None else as_reused(fact))

        done = await self._change(aggregate, TRAILS, decide, cause, TRIES_MAX)
        return done, done.after.answered[key][0]

    def forget(self, aggregate: Aggregate) -> None:
        """Drop what is cached; the next load reads the stored events."""
        self._cache.pop(aggregate, None)

    def distrust(self, aggregate: Aggregate) -> None:
        """Its stored events are damaged: no cache and no snapshot hides that from who loads it."""
        self.forget(aggregate)
        self.loading.distrust(aggregate)

    def seen(self, aggregate: Aggregate, version: int) -> None:
        """An event of this version is in the log: what is cached and older is dropped."""
        held = self._cache.get(aggregate)
        if held is not None and held.token.version < version:
            self.forget(aggregate)

    # --- how --------------------------------------------------------------------------------------

    async def _change(
        self,
        aggregate: Aggregate,
        kind: Kind[S],
        decide: Callable[[S, datetime], Sequence[Event]],
        cause: Cause,
        tries_max: int,
    ) -> Change[S]:
        async with self._locked(aggregate):
            for n in range(1, tries_max + 1):
                try:
                    return await self._decide_once(aggregate, kind, decide, cause)
                except Conflict:
                    if n == tries_max:
                        raise
        raise AssertionError("tries_max is at least 1")

    async def _decide_once(
        self,
        aggregate: Aggregate,
        kind: Kind[S],
        decide: Callable[[S, datetime], Sequence[Event]],
        cause: Cause,
    ) -> Change[S]:
        held = await self._load(aggregate, kind)
        before, token = held.state, held.token
        now = rising(self._clock.now(), held.last_at)
        new = self._dress(decide(before, now), now, cause)
        if not new:
            return Change(before, before, (), token.position)
        recorded = tuple(
            Recorded(aggregate, token.version + n, event) for n, event in enumerate(new, 1)
        )
        after = before
        for fact in recorded:
            after = kind.fold(after, fact)
        end = await self._append(Write(aggregate, new, token))
        self._keep(aggregate, Held(after, end, new[-1].time, held.snapped))
        return Change(before, after, recorded, end.position)

    async def _append(self, write: Write) -> Token:
        """Store; when that fails nobody here knows the aggregate any more, and it is read again."""
        try:
            (end,) = await self._log.append([write])
        except BaseException:
            self.forget(write.aggregate)
            raise
        self.position = max(self.position, end.position)
        return end

    def _dress(self, data: Sequence[Event], now: datetime, cause: Cause) -> tuple[NewEvent, ...]:
        """Facts with their envelopes, each a microsecond later than the one before."""
        ids = [self._ids.new() for _ in data]
        correlation = cause.correlation_id or (ids[0] if ids else "")
        return tuple(
            NewEvent(
                id=event_id,
                time=now + timedelta(microseconds=n),
                caller=cause.caller,
                correlation_id=correlation,
                causation_id=cause.causation_id or correlation,
                data=fact,
            )
            for n, (event_id, fact) in enumerate(zip(ids, data, strict=True))
        )

    async def _read(self, aggregate: Aggregate, kind: Kind[S]) -> Held[S]:
        """What is hot, at once; a cold load waits for writers, so that it cannot be out of date."""
        if aggregate in self._cache:
            return await self._load(aggregate, kind)
        async with self._locked(aggregate):
            return await self._load(aggregate, kind)

    async def _load(self, aggregate: Aggregate, kind: Kind[S]) -> Held[S]:
        hot = self._cache.get(aggregate)
        if hot is not None:
            self._cache.move_to_end(aggregate)
            return hot  # type: ignore[return-value]  # one kind of state an aggregate
        held = await self.loading.load(aggregate, kind)
        if held.token.version:  # of what does not exist nothing is kept: anybody may ask for it
            held = self._keep(aggregate, held)
        return held

    def _keep(self, aggregate: Aggregate, held: Held[S]) -> Held[S]:
        held = self.loading.snap(aggregate, held)
        self._cache[aggregate] = held  # type: ignore[assignment]
        self._cache.move_to_end(aggregate)
        while len(self._cache) > CACHED_AGGREGATES_MAX:
            self._cache.popitem(last=False)
        return held

    def _locked(self, aggregate: Aggregate) -> AbstractAsyncContextManager[None]:
        return _AggregateLock(self._locks, aggregate)


class _AggregateLock(AbstractAsyncContextManager[None]):
    """One lock an aggregate, gone when nobody holds or awaits it."""

    def __init__(
        self, locks: dict[Aggregate, tuple[asyncio.Lock, int]], aggregate: Aggregate
    ) -> None:
        self._locks = locks
        self._aggregate = aggregate

    async def __aenter__(self) -> None:
        lock, users = self._locks.get(self._aggregate, (asyncio.Lock(), 0))
        self._locks[self._aggregate] = (lock, users + 1)
        try:
            await lock.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._locks[self._aggregate][0].release()
        self._leave()

    def _leave(self) -> None:
        lock, users = self._locks[self._aggregate]
        if users == 1:
            del self._locks[self._aggregate]
        else:
            self._locks[self._aggregate] = (lock, users - 1)


def rising(now: datetime, last: datetime | None) -> datetime:
    """``now``, or a microsecond after the aggregate's last fact when the clock went back."""
    if last is None or now > last:
        return now
    return last + timedelta(microseconds=1)
