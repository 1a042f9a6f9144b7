"""Load an aggregate, decide, append, again on a conflict: the write path, once for all commands.

Loads come from a hot cache, else from a job's snapshot and the events after it, else from all of
its events: the journal's, and the tail of the log.
One lock an aggregate keeps the service from racing itself; the guard in the log keeps others away.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Final, Generic, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from application.fresh_folds import FreshFolds
from application.histories import Histories
from application.histories import readable as readable
from application.hot_states import HotStates
from application.loading import BULKS, CLUSTERS, JOBS, POLICIES, Held, Kind, Loading, Until
from application.locks import Locks
from application.ports import Clock, EventLog, Ids, Journal, Token, Write
from application.snapshots import Snapshots
from application.trail import Trail, TrailKind, as_reused, trail_key
from application.turns import in_turns
from domain.bulk import Bulk
from domain.cluster import Cluster
from domain.errors import Conflict, Corrupt, CountermandError
from domain.events import (
    CLUSTER,
    POLICY,
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
from domain.policy_life import PolicyLife

TRIES_MAX: Final = 3
S = TypeVar("S")
Then: TypeAlias = Callable[[S, datetime], Sequence[Event]]
"""What the service itself writes of an aggregate right after it was changed."""


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


class _Made(Struct, Generic[S], frozen=True):
    """A change that is not stored yet. ``write``: None when there is nothing to store."""

    change: Change[S]
    held: Held[S]
    write: Write | None


TRAILS: Final = TrailKind()


class Ledger:
    """All aggregates of one cluster, by their events.

    ``position``: the latest that was appended here. ``histories``: their events; ``loading``: the
    states that these fold to, without the cache. ``fresh``: those after events of ours that are on
    their way. ``first``: awaited before a job is changed; it writes what has happened to the job
    already. What it raises is the change's error. ``crowded``: whether an append waits for others
    now, so that an event more in it costs no sync of its own.
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
        self._hot = HotStates()
        self.fresh = FreshFolds()
        self._locks = Locks()
        self.position = 0
        self.first: Callable[[int], Awaitable[None]] = nothing_first
        self.crowded: Callable[[], bool] = never_crowded
        self.cluster_aggregate = Aggregate(CLUSTER, cluster)
        self.policy_aggregate = Aggregate(POLICY, cluster)

    # --- questions --------------------------------------------------------------------------------

    async def job(self, job_id: int) -> Job | None:
        """The job now, or None. Raises ``Corrupt`` when its history cannot be read."""
        return (await self.held(job_id)).state

    async def held(self, job_id: int) -> Held[Job | None]:
        """The job now, and where its events end. Raises as ``job`` does."""
        return await self._read(job_aggregate(job_id), JOBS)

    async def job_then(self, job_id: int, until: Until) -> Held[Job | None]:
        """The job as it was. Raises ``Corrupt`` when its history up to there cannot be read."""
        hot = self._hot.get(job_aggregate(job_id))
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
        then: Then[Job | None] | None = None,
    ) -> Change[Job | None]:
        """Decide on a job and append. Raises ``Conflict`` after ``tries_max`` lost races.

        ``then``: as for ``change_jobs``, while the log is ``crowded``. Else the service writes the
        same when it has read the change.
        """
        await self.first(job_id)
        return await self.change_job_at_once(job_id, decide, cause, tries_max, then)

    async def change_job_at_once(
        self,
        job_id: int,
        decide: Callable[[Job | None, datetime], Sequence[Event]],
        cause: Cause,
        tries_max: int = TRIES_MAX,
        then: Then[Job | None] | None = None,
    ) -> Change[Job | None]:
        """As ``change_job``, without ``first``."""
        return await self._change(job_aggregate(job_id), JOBS, decide, cause, tries_max, then)

    async def change_jobs(
        self,
        decide: Mapping[int, Callable[[Job | None, datetime], Sequence[Event]]],
        cause: Cause,
        then: Then[Job | None],
    ) -> dict[int, Change[Job | None] | CountermandError]:
        """As ``change_job`` for each of these jobs, appended together; what it would raise is the
        job's answer. A lost race is decided again for that job alone.

        ``then``: what the service itself writes of a job right after it was changed, in the same
        append: it follows from the same request, and is the service's own act.
        """
        for job_id in decide:
            await self.first(job_id)
        async with AsyncExitStack() as locks:
            for job_id in sorted(decide):  # in one order: two such calls never wait for each other
                await locks.enter_async_context(self._locks.of(job_aggregate(job_id)))
            answers = await self._decide_each(decide, cause, then)
        for job_id, answer in answers.items():
            if isinstance(answer, Conflict):
                answers[job_id] = await self._changed_alone(job_id, decide[job_id], cause)
        return answers

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

    async def policy(self) -> PolicyLife:
        """What is in force and what is proposed. Raises ``Corrupt``."""
        return (await self._read(self.policy_aggregate, POLICIES)).state

    async def change_policy(
        self, decide: Callable[[PolicyLife, datetime], Sequence[Event]], cause: Cause
    ) -> Change[PolicyLife]:
        """Decide on the policy and append."""
        return await self._change(self.policy_aggregate, POLICIES, decide, cause, TRIES_MAX)

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
        self._hot.drop(aggregate)

    def distrust(self, aggregate: Aggregate) -> None:
        """Its stored events are damaged: no cache and no snapshot hides that from who loads it."""
        self.forget(aggregate)
        self.loading.distrust(aggregate)

    def seen(self, aggregate: Aggregate, version: int) -> None:
        """An event of this version is in the log: what is cached and older is dropped."""
        held = self._hot.get(aggregate)
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
        then: Then[S] | None = None,
    ) -> Change[S]:
        async with self._locks.of(aggregate):
            for n in range(1, tries_max + 1):
                try:
                    return await self._decide_once(aggregate, kind, decide, cause, then)
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
        then: Then[S] | None,
    ) -> Change[S]:
        held = await self._load(aggregate, kind)
        made = self._decided(aggregate, kind, held, decide, cause)
        if then is not None and self.crowded():
            made = self._and_then(made, kind, then, cause)
        if made.write is None:
            return made.change
        return self._changed(made, await self._append(made.write))

    async def _decide_each(
        self,
        decide: Mapping[int, Callable[[Job | None, datetime], Sequence[Event]]],
        cause: Cause,
        then: Then[Job | None],
    ) -> dict[int, Change[Job | None] | CountermandError]:
        """Decide on each, and append all that follows. Others have their turn meanwhile."""
        answers: dict[int, Change[Job | None] | CountermandError] = {}
        made: list[tuple[int, _Made[Job | None]]] = []
        async for job_id in in_turns(decide):
            aggregate = job_aggregate(job_id)
            try:
                held = await self._load(aggregate, JOBS)
                new = self._decided(aggregate, JOBS, held, decide[job_id], cause)
                new = self._and_then(new, JOBS, then, cause)
            except CountermandError as error:
                answers[job_id] = error
            else:
                answers[job_id] = new.change
                made += [] if new.write is None else [(job_id, new)]
        ends = await self._append_each([x.write for _, x in made if x.write is not None])
        for (job_id, new), end in zip(made, ends, strict=True):
            answers[job_id] = self._changed(new, end) if isinstance(end, Token) else end
        return answers

    async def _changed_alone(
        self,
        job_id: int,
        decide: Callable[[Job | None, datetime], Sequence[Event]],
        cause: Cause,
    ) -> Change[Job | None] | CountermandError:
        try:
            return await self.change_job(job_id, decide, cause)
        except CountermandError as error:
            return error

    def _decided(
        self,
        aggregate: Aggregate,
        kind: Kind[S],
        held: Held[S],
        decide: Callable[[S, datetime], Sequence[Event]],
        cause: Cause,
    ) -> "_Made[S]":
        """What a command does, before it is stored."""
        before, token = held.state, held.token
        now = rising(self._clock.now(), held.last_at)
        new = self._dress(decide(before, now), now, cause)
        if not new:
            return _Made(Change(before, before, (), token.position), held, None)
        recorded = numbered(aggregate, token.version, new)
        change = Change(before, self._folded(kind, recorded, before), recorded, token.position)
        return _Made(change, held, Write(aggregate, new, token))

    def _and_then(
        self,
        made: "_Made[S]",
        kind: Kind[S],
        then: Then[S],
        cause: Cause,
    ) -> "_Made[S]":
        """With what the service writes right after it."""
        if made.write is None:
            return made
        change, write = made.change, made.write
        later = write.events[-1].time + timedelta(microseconds=1)
        more = self._dress(
            then(change.after, later), later, Cause(correlation_id=cause.correlation_id)
        )
        facts = numbered(write.aggregate, change.recorded[-1].version, more)
        after = self._folded(kind, facts, change.after)
        recorded = (*change.recorded, *facts)
        return _Made(
            replace(change, after=after, recorded=recorded),
            made.held,
            replace(write, events=(*write.events, *more)),
        )

    def _folded(self, kind: Kind[S], recorded: Sequence[Recorded], state: S) -> S:
        """The state after new facts; who meets one of them need not fold it again."""
        for one in recorded:
            state = kind.fold(state, one)
            self.fresh.put(one.event, state)
        return state

    def _changed(self, made: "_Made[S]", end: Token) -> Change[S]:
        """It is stored up to ``end``."""
        self.position = max(self.position, end.position)
        change, write = made.change, made.write
        assert write is not None, "only what was written has an end"
        self._keep(
            write.aggregate, Held(change.after, end, write.events[-1].time, made.held.snapped)
        )
        return replace(change, position=end.position)

    async def _append_each(self, writes: Sequence[Write]) -> list[Token | CountermandError]:
        """Store each; of what fails nobody here knows the aggregate any more."""
        try:
            ends = await self._log.append_each(writes)
        except BaseException:
            for write in writes:
                self.forget(write.aggregate)
            raise
        for write, end in zip(writes, ends, strict=True):
            if not isinstance(end, Token):
                self.forget(write.aggregate)
        return ends

    async def _append(self, write: Write) -> Token:
        """Store; when that fails nobody here knows the aggregate any more, and it is read again."""
        try:
            (end,) = await self._log.append([write])
        except BaseException:
            self.forget(write.aggregate)
            raise
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
        hot = self._hot.get(aggregate)
        if hot is not None:
            return hot  # type: ignore[return-value]  # one kind of state an aggregate
        async with self._locks.of(aggregate):
            return await self._load(aggregate, kind)

    async def _load(self, aggregate: Aggregate, kind: Kind[S]) -> Held[S]:
        hot = self._hot.get(aggregate)
        if hot is not None:
            return hot  # type: ignore[return-value]  # one kind of state an aggregate
        held = await self.loading.load(aggregate, kind)
        if held.token.version:  # of what does not exist nothing is kept: anybody may ask for it
            held = self._keep(aggregate, held)
        return held

    def _keep(self, aggregate: Aggregate, held: Held[S]) -> Held[S]:
        held = self.loading.snap(aggregate, held)
        self._hot.put(aggregate, held)  # type: ignore[arg-type]
        return held


async def nothing_first(_: int) -> None:
    """Nothing has happened that is not written."""


def never_crowded() -> bool:
    """For a log that stores each append by itself."""
    return False


def numbered(
    aggregate: Aggregate, version: int, events: Sequence[NewEvent]
) -> tuple[Recorded, ...]:
    """The events as the aggregate's next facts, after the one of this version."""
    return tuple(Recorded(aggregate, n, event) for n, event in enumerate(events, version + 1))


def rising(now: datetime, last: datetime | None) -> datetime:
    """``now``, or a microsecond after the aggregate's last fact when the clock went back."""
    if last is None or now > last:
        return now
    return last + timedelta(microseconds=1)
