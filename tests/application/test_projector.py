"""The views follow the stream: through outages, up to damage, and never in anybody's way."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final

import pytest

from adapters.views.files import SqliteViewFiles
from adapters.views.store import SqliteViewStore
from adapters.wire import encode
from application.ports import CaughtUp, Stored
from application.view_store import Changes
from application.view_writer import ViewWriter
from application.views import JobFilter, JobOrder
from domain import events as e
from domain.errors import Corrupt, CountermandError, StoreFull, Unavailable
from domain.identity import SYSTEM_CALLER
from domain.states import JobState
from tests.support.fuse import FailingLog
from tests.support.stack import CLUSTER, START, Stack, World, until
from tests.support.viewed import ALL, LOG_ID, Viewed, contents, new_views, play

BYTES: Final = b'{"specversion":"1.0","type":"countermand.JobDreamt.v1"}'


async def equal(viewed: Viewed, directory: Path) -> None:
    """The views are those of the whole log, folded in one go."""
    await viewed.up_to_date()
    events = [x async for x in batches(viewed)]
    with new_views(directory, "expected") as expected:
        ViewWriter(expected).apply(events)
        live = viewed.store
        assert contents(live) == contents(expected)
        live.close()


async def batches(viewed: Viewed) -> AsyncGenerator[Stored, None]:
    async for batch in viewed.log.read(0):
        for event in () if isinstance(batch, CaughtUp) else batch:
            yield event


# --- following ------------------------------------------------------------------------------------


async def test_the_views_follow_while_the_service_works(world: World, tmp_path: Path) -> None:
    async with Viewed(world, tmp_path) as viewed:
        await play(world)
        await equal(viewed, tmp_path)
        assert viewed.projector.caught_up
        assert viewed.projector.failure is None
        assert viewed.reports == []


async def test_the_views_go_on_where_they_were(world: World, tmp_path: Path) -> None:
    async with Stack(world) as stack:
        await one_job(stack, "a1")
        async with Viewed(world, tmp_path) as viewed:
            await viewed.up_to_date()
            first = viewed.file
        await one_job(stack, "a2")
        async with Viewed(world, tmp_path) as viewed:
            await equal(viewed, tmp_path)
            assert viewed.file == first


async def test_without_views_there_is_no_reader(world: World, tmp_path: Path) -> None:
    viewed = Viewed(world, tmp_path)
    assert (viewed.projector.position, viewed.projector.counts) == (0, {})
    with pytest.raises(Unavailable, match="being built") as raised:
        _ = viewed.projector.reader
    assert raised.value.code == "views_building"
    await viewed.stop()


async def test_waiting_for_a_position(world: World, tmp_path: Path) -> None:
    async with Stack(world) as stack, Viewed(world, tmp_path) as viewed:
        assert await viewed.projector.wait_for(0, 0.0)
        assert not await viewed.projector.wait_for(10**6, 0.01)
        waiting = asyncio.create_task(viewed.projector.wait_for(3, 10.0))
        await stack.add("exit 0")
        assert await waiting


# --- damage ---------------------------------------------------------------------------------------


async def one_job(stack: Stack, key: str) -> int:
    """A job that has ended."""
    job = int((await stack.add("exit 0", key=key)).job_id)
    await stack.state(job, JobState.FINISHED)
    return job


def event_of(fact: e.JobEvent) -> e.NewEvent:
    return e.NewEvent("id-1", START, SYSTEM_CALLER, "corr", "cause", fact)


def gap(aggregate: e.Aggregate) -> bytes:
    """An event whose version leaves some out."""
    return encode(event_of(e.JobQueued()), aggregate, CLUSTER, 99, "0" * 64)


def raising(aggregate: e.Aggregate) -> bytes:
    """An event that no fold can make anything of."""
    fact = e.TaskCanceled("r1", "no such tasks")
    return encode(event_of(fact), aggregate, CLUSTER, 1, "")


DAMAGES: Final[dict[str, tuple[Callable[[e.Aggregate], bytes], str, str]]] = {
    "unreadable": (lambda _: BYTES, "JobDreamt", "cannot be read"),
    "a gap": (gap, "JobQueued", "follows"),
    "a beginning in the middle": (raising, "TaskCanceled", "not JobAdded"),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damage_stops_the_views_before_it_and_nothing_else(
    world: World, tmp_path: Path, damage: str
) -> None:
    make, name, words = DAMAGES[damage]
    async with Stack(world) as stack, Viewed(world, tmp_path) as viewed:
        first = await one_job(stack, "a1")
        before = await viewed.up_to_date()
        aggregate = e.job_aggregate(4711)
        await world.tampered(aggregate, make(aggregate), f"countermand.{name}.v1")
        await stack.cancel(first)  # what follows, and everything else, goes on
        job = await one_job(stack, "a2")

        await until(lambda: viewed.projector.failure is not None, "the views' stop")
        failure = viewed.projector.failure
        assert isinstance(failure, Corrupt)
        assert f"before position {before + 1} ({name}" in failure.message
        assert words in failure.message
        assert viewed.projector.position == before
        assert viewed.projector.stopped == (
            f"the views stopped at position {before}: {failure.message}"
        )
        assert not await viewed.projector.wait_for(before + 1, 60.0), "at once"
        assert viewed.reported == ["views_stopped"]
        answer = viewed.projector.reader.jobs(JobFilter(ids=(job,)), JobOrder.ID, True, ALL)
        assert (answer.rows, answer.position) == ((), before)
        assert (await stack.cancel(job)).code == "illegal_transition"
        assert viewed.reported == ["views_stopped"], "and is told once"


async def test_views_in_their_place_go_on(world: World, tmp_path: Path) -> None:
    """What stopped the old ones was a defect of theirs."""
    files = FailingFiles(tmp_path / "views")
    async with Stack(world) as stack, Viewed(world, tmp_path, files=files) as viewed:
        await one_job(stack, "a1")
        await viewed.up_to_date()
        files.opened[0].error = Corrupt("a defect")
        await one_job(stack, "a2")
        await until(lambda: viewed.projector.failure is not None, "the stop")
        status = await viewed.rebuilt()
        assert (status.error, status.result is not None and status.result.compared) == ("", False)
        assert viewed.projector.failure is None
        await one_job(stack, "a3")
        await equal(viewed, tmp_path)


# --- outages --------------------------------------------------------------------------------------


class FailingStore(SqliteViewStore):
    """A store whose commits fail while there is an error to fail with."""

    error: CountermandError | None = None
    failed = 0

    def commit(self, changes: Changes) -> None:
        if self.error is not None:
            self.failed += 1
            raise self.error
        super().commit(changes)


class FailingFiles(SqliteViewFiles):
    """Files of such stores."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, LOG_ID)
        self.opened: list[FailingStore] = []

    def open(self, name: str) -> SqliteViewStore:
        self.opened.append(FailingStore(self.path(name), LOG_ID))
        return self.opened[-1]


@pytest.mark.parametrize(
    "error", [Unavailable("the disk does not answer"), StoreFull("the disk is full")]
)
async def test_an_outage_is_told_once_and_waited_out(
    world: World, tmp_path: Path, error: CountermandError
) -> None:
    files = FailingFiles(tmp_path / "views")
    async with Stack(world) as stack, Viewed(world, tmp_path, files=files) as viewed:
        await one_job(stack, "a1")
        before = await viewed.up_to_date()
        files.opened[0].error = error
        await one_job(stack, "a2")
        await until(lambda: viewed.projector.failure is error, "the failure")
        assert not await viewed.projector.wait_for(before + 1, 60.0), "at once"
        await until(lambda: files.opened[0].failed >= 2, "another try")
        assert viewed.projector.position == before
        files.opened[0].error = None
        await equal(viewed, tmp_path)
        assert viewed.projector.failure is None
        assert viewed.reported == ["views_wait"]


class BrokenOnce(FailingLog):
    """A log with a defect that shows once."""

    broken = True

    async def read(
        self, after: int, *, types: frozenset[str] | None = None, follow: bool = False
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        if self.broken:
            self.broken = False
            raise RuntimeError("a defect")
        async for item in super().read(after, types=types, follow=follow):
            yield item


async def test_a_defect_is_told_and_tried_again(world: World, tmp_path: Path) -> None:
    async with Stack(world) as stack, Viewed(world, tmp_path, log=BrokenOnce(world.log)) as viewed:
        await one_job(stack, "a1")
        await equal(viewed, tmp_path)
        assert viewed.reported == ["views_wait"]


class WithGap(FailingLog):
    """A log that leaves an event out without a word."""

    async def read(
        self, after: int, *, types: frozenset[str] | None = None, follow: bool = False
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        async for item in super().read(after, types=types, follow=follow):
            yield item if isinstance(item, CaughtUp) else tuple(x for x in item if x.position != 3)


async def test_an_event_that_was_left_out_stops_the_views(world: World, tmp_path: Path) -> None:
    async with Stack(world) as stack:
        await one_job(stack, "a1")
    async with Viewed(world, tmp_path, log=WithGap(world.log), short_events=100) as viewed:
        await until(lambda: viewed.projector.failure is not None, "the stop")
        assert isinstance(viewed.projector.failure, Corrupt)
