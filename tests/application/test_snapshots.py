"""Jobs loaded from snapshots: the same states, whatever becomes of the snapshots."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.journal import SqliteJournal
from adapters.snapshots.files import SnapshotFiles
from application.ledger import Ledger
from application.loading import Until
from application.ports import Stored, Token
from application.snapshots import JobSnapshot, Snapshots
from domain import events as e
from domain.errors import Corrupt
from domain.evolve import replay
from domain.job import Job
from domain.states import JobState
from tests.support.stack import CLUSTER, EVENTS_BETWEEN, FOLD, Stack, World
from tests.support.waiting import eventually


class Watched(SqliteJournal):
    """A journal that remembers which events of jobs it has given out."""

    given: list[int]

    def page(
        self, aggregate: e.Aggregate, after: int, limit: int, bytes_max: int | None = None
    ) -> tuple[Stored, ...]:
        found = super().page(aggregate, after, limit, bytes_max)
        self.given += [x.position for x in found]
        return found

    def load(
        self, aggregate: e.Aggregate, after: Token, limit: int, bytes_max: int
    ) -> tuple[Stored, ...]:
        found = super().load(aggregate, after, limit, bytes_max)
        self.given += [x.position for x in found]
        return found


class Giving:
    """``SnapshotStore`` that gives one snapshot for every job, and keeps none."""

    def __init__(self, snapshot: JobSnapshot) -> None:
        self.snapshot: JobSnapshot | None = snapshot

    def read(self, _: e.Aggregate) -> JobSnapshot | None:
        return self.snapshot

    def write(self, _: e.Aggregate, snapshot: JobSnapshot) -> None:
        pass

    def drop(self, _: e.Aggregate) -> None:
        self.snapshot = None


class Reader:
    """A service that has just started: it has a journal, the snapshots, and nothing in memory."""

    def __init__(self, world: World, fold: str = FOLD) -> None:
        self.world = world
        self.said: list[tuple[str, str]] = []
        self.journal = Watched(world.directory / "journal.sqlite", CLUSTER)
        self.journal.given = []
        self.files = SnapshotFiles(world.directory / "snapshots", fold, self.report)
        self.snapshots = Snapshots(self.files, self.journal, self.report, EVENTS_BETWEEN)
        self.ledger = Ledger(
            world.log, self.journal, world.clock, world.ids, CLUSTER, self.snapshots
        )

    def report(self, event: str, **facts: object) -> None:
        self.said.append((event, str(facts.get("reason"))))

    async def job(self, number: int) -> Job | None:
        """The job; the positions of the events that were read for it are in ``journal.given``."""
        try:
            return await self.ledger.job(number)
        finally:
            self.journal.close()


def folder(world: World) -> Path:
    return world.directory / "snapshots" / FOLD[:16]


async def one_job(world: World) -> int:
    """A job that has ended, its events in the journal, and a snapshot of it."""
    async with Stack(world) as stack:
        job = await stack.running("run", "run")
        await stack.cancel(job)
        await stack.state(job, JobState.CANCELED)
        await stack.copied()
        await stack.snapshots.write_due()
        await eventually(lambda: (folder(world) / str(job)).exists())
    return job


async def told(world: World, job: int) -> Job | None:
    """The job by all of its events."""
    facts: Sequence[Stored] = await world.stored(job)
    return replay(x.fact for x in facts if isinstance(x.fact, e.Recorded))


async def last_snapshot(world: World, job: int) -> JobSnapshot:
    found = Reader(world).files.read(e.job_aggregate(job))
    assert found is not None
    return found


async def test_only_what_is_after_the_snapshot_is_read(world: World) -> None:
    job = await one_job(world)
    known = await last_snapshot(world, job)
    assert known.token.version > EVENTS_BETWEEN
    reader = Reader(world)
    assert await reader.job(job) == await told(world, job)
    assert min(reader.journal.given) == known.token.position, "its last event, which proves it"
    assert reader.said == []


async def test_a_job_as_it_was_before_its_snapshot_is_folded_from_the_beginning(
    world: World,
) -> None:
    job = await one_job(world)
    facts = [x.fact for x in await world.stored(job) if isinstance(x.fact, e.Recorded)]
    reader = Reader(world)
    for version in range(1, len(facts) + 1):
        then = await reader.ledger.job_then(job, Until(version))
        assert then.state == replay(facts[:version])
    reader.journal.close()


def gone(path: Path) -> None:
    shutil.rmtree(path.parent.parent)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def rotten(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:-9] + bytes([raw[-9] ^ 4]) + raw[-8:])


def a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("spoil", [gone, empty, torn, rotten, a_link])
async def test_a_spoiled_snapshot_is_said_once_and_written_again(
    world: World, spoil: Callable[[Path], None]
) -> None:
    job = await one_job(world)
    spoil(folder(world) / str(job))
    reader = Reader(world)
    assert await reader.ledger.job(job) == await told(world, job)
    assert [event for event, _ in reader.said] == ([] if spoil is gone else ["snapshot_refused"])
    await reader.snapshots.write_due()
    again = Reader(world)
    assert await again.job(job) == await told(world, job)
    assert again.said == []
    reader.journal.close()


async def test_those_of_another_fold_are_not_used(world: World) -> None:
    job = await one_job(world)
    reader = Reader(world, fold="e" * 64)
    assert await reader.job(job) == await told(world, job)
    assert min(reader.journal.given) == (await world.stored(job))[0].position
    assert reader.said == []


@pytest.mark.parametrize("part", ["sha256", "position", "version"])
async def test_a_snapshot_that_the_journal_does_not_bear_out_is_not_used(
    world: World, part: str
) -> None:
    """As one of another stream, or one that somebody has made up."""
    job = await one_job(world)
    known, aggregate = await last_snapshot(world, job), e.job_aggregate(job)
    token = known.token
    other = {
        "sha256": replace(token, sha256="0" * 64),
        "position": replace(token, position=token.position - 1),
        "version": replace(token, version=token.version + 1),
    }[part]
    lie = replace(known.job, state=JobState.RUNNING, version=other.version)
    reader = Reader(world)
    reader.files.write(aggregate, JobSnapshot(lie, other, known.last_at))
    assert await reader.job(job) == await told(world, job)
    assert [event for event, _ in reader.said] == ["snapshot_refused"]
    assert Reader(world).files.read(aggregate) is None


async def test_one_onto_which_nothing_can_be_folded_is_not_used(world: World) -> None:
    """Whatever such a state leads to, the events themselves decide."""
    job = await one_job(world)
    early = (await world.stored(job))[EVENTS_BETWEEN]
    reader = Reader(world)
    then = await reader.ledger.job_then(job, Until(early.fact.version))
    assert then.state is not None
    assert then.last_at is not None
    lie = JobSnapshot(replace(then.state, tasks=None), then.token, then.last_at)
    store = Giving(lie)
    snapshots = Snapshots(store, reader.journal, reader.report, EVENTS_BETWEEN)
    reader.ledger = Ledger(world.log, reader.journal, world.clock, world.ids, CLUSTER, snapshots)
    assert await reader.job(job) == await told(world, job)
    assert [event for event, _ in reader.said] == ["snapshot_refused"]
    assert store.snapshot is None


async def test_a_journal_that_has_not_come_so_far_is_nobodys_fault(world: World) -> None:
    job = await one_job(world)
    known, aggregate = await last_snapshot(world, job), e.job_aggregate(job)
    ahead = replace(known.token, position=10_000, version=known.token.version + 1)
    later = replace(known.job, version=ahead.version)
    reader = Reader(world)
    reader.files.write(aggregate, JobSnapshot(later, ahead, known.last_at))
    assert await reader.job(job) == await told(world, job)
    assert reader.said == []


async def test_damage_in_the_history_is_met_in_spite_of_a_snapshot(world: World) -> None:
    """Somebody wrote an event with an old version into the stream of a job that has ended."""
    job = await one_job(world)
    async with Stack(world) as stack:
        raw = (await world.stored(job))[1].raw
        await world.tampered(e.job_aggregate(job), raw, "JobSubmitted")
        await stack.cancel("4711", key="wake")
        await stack.caught_up()
        await stack.copied()
        stack.ledger.forget(e.job_aggregate(job))
        with pytest.raises(Corrupt):
            await stack.ledger.job(job)


async def test_a_damaged_job_has_no_snapshot_any_more(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        await stack.copied()
        await stack.snapshots.write_due()
        await eventually(lambda: (folder(world) / str(job)).exists())
        raw = (await world.stored(job))[1].raw
        await world.tampered(e.job_aggregate(job), raw, "JobSubmitted")
        await stack.cancel("4711", key="wake")
        await eventually(lambda: bool(stack.board.corrupt))
        assert not (folder(world) / str(job)).exists()
        with pytest.raises(Corrupt):
            await stack.cancel(job)
