"""Views are put in place at the start and built anew when asked, and nothing is ever lost by it."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from msgspec.structs import replace

from adapters.recorder_log import sqlite_log
from adapters.views.files import POINTER, SqliteViewFiles
from adapters.views.store import SqliteViewStore
from application.ports import CaughtUp, EventLog, LogIdentity, Stored, Token, Undecodable, Write
from application.view_building import Rebuilt, Told, fill
from application.view_store import Difference
from application.view_writer import ViewWriter
from domain import events as e
from domain.errors import Conflict, Corrupt, Refused, Unavailable
from domain.states import JobState
from projections.version import VIEWS_VERSION
from tests.support.doomed_rebuild import POINTS
from tests.support.fuse import FailingLog
from tests.support.stack import CLUSTER, Stack, World, until
from tests.support.views import (
    LOG_ID,
    Viewed,
    all_events,
    contents,
    folded_at_once,
    new_views,
    play,
)


async def one_job(stack: Stack, key: str) -> int:
    """A job that has ended."""
    job = int((await stack.add("exit 0", key=key)).job_id)
    await stack.state(job, JobState.FINISHED)
    return job


def rows_of(viewed: Viewed) -> dict[str, list[tuple[object, ...]]]:
    """What the views in use hold."""
    store = viewed.store
    found = contents(store)
    store.close()
    return found


def names(viewed: Viewed, directory: Path) -> set[str]:
    """Files of views, without what SQLite puts beside them."""
    return {x.name for x in (directory / "views").glob("views-v*.sqlite")}


def edited(viewed: Viewed, *statements: str) -> None:
    """Somebody writes into the file in use."""
    assert isinstance(viewed.files, SqliteViewFiles)
    with closing(sqlite3.connect(viewed.files.path(viewed.file))) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


# --- a rebuild ------------------------------------------------------------------------------------


async def test_a_rebuild_gives_the_same_rows_under_a_new_name(world: World, tmp_path: Path) -> None:
    await play(world)
    async with Viewed(world, tmp_path) as viewed:
        last = await viewed.up_to_date()
        before, name = rows_of(viewed), viewed.file
        world.clock.advance(timedelta(seconds=5))
        status = await viewed.rebuilt()
        assert status.result == Rebuilt(last, True, ())
        assert (status.position, status.last, status.error) == (last, last, "")
        assert status.ended_at is not None
        assert status.ended_at > status.began_at
        assert rows_of(viewed) == before
        assert viewed.file != name
        assert names(viewed, tmp_path) == {viewed.file}
        assert viewed.projector.position == last


async def test_a_rebuild_while_commands_go_on_equals_the_live_views(
    world: World, tmp_path: Path
) -> None:
    await play(world)
    async with Stack(world) as stack, Viewed(world, tmp_path) as viewed:
        done = asyncio.Event()

        async def work() -> None:
            n = 0
            while not done.is_set():
                n += 1
                await one_job(stack, f"w{n}")

        await viewed.up_to_date()
        working = asyncio.create_task(work())
        results = []
        for _ in range(5):
            status = await viewed.rebuilt()
            assert status.error == ""
            assert status.result is not None
            results.append(status.result)
        done.set()
        await working
        await viewed.up_to_date()
        assert all(result.compared and result.differences == () for result in results), results
        assert [x.position for x in results] == sorted({x.position for x in results})
        events = await all_events(world.log)
        with new_views(tmp_path, "expected") as expected:
            assert rows_of(viewed) == contents(folded_at_once(expected, events))


async def test_what_somebody_edited_is_told_and_put_right(world: World, tmp_path: Path) -> None:
    await play(world)
    async with Viewed(world, tmp_path) as viewed:
        await viewed.up_to_date()
        before = rows_of(viewed)
        first = "SELECT min(position) FROM audit"
        edited(
            viewed,
            f"UPDATE audit SET actor = 'nobody' WHERE position > ({first})",
            f"DELETE FROM audit WHERE position = ({first})",
            "UPDATE job SET owner = 'mallory' WHERE job_id = 2",
        )
        status = await viewed.rebuilt()
        assert status.result is not None
        told = {x.table: x for x in status.result.differences}
        assert told.keys() == {"audit", "job"}
        assert told["job"] == Difference("job", 1, "2")
        assert told["audit"].rows == len(before["audit"])
        assert rows_of(viewed) == before
        assert viewed.reports[-1] == (
            "views_rebuilt",
            {
                "position": status.position,
                "trouble": "none",
                "differences": f"job: 1 rows, the first 2, audit: {len(before['audit'])} rows, "
                f"the first {before['audit'][0][0]}",
            },
        )
        again = await viewed.rebuilt()
        assert again.result == Rebuilt(status.position, True, ())


async def test_a_second_rebuild_is_refused_while_one_is_under_way(
    world: World, tmp_path: Path
) -> None:
    await play(world)
    released = asyncio.Event()

    async def slow(name: str, told: Told) -> None:
        await released.wait()
        store = viewed.files.open(name)
        await fill(world.log, ViewWriter(store), told)
        store.close()

    viewed = Viewed(world, tmp_path, build=slow, short_events=1000)
    async with viewed:
        await viewed.up_to_date()
        asked = await asyncio.gather(
            *(viewed.builder.ask() for _ in range(5)), return_exceptions=True
        )
        assert sum(isinstance(x, Conflict) for x in asked) == 4
        with pytest.raises(Conflict, match="already"):
            await viewed.builder.ask()
        assert viewed.status.running
        released.set()
        await until(lambda: not viewed.status.running, "the end")
        assert (await viewed.rebuilt()).error == ""


class Shorter(FailingLog):
    """A log that has lost its end."""

    last = 0

    async def identity(self) -> LogIdentity:
        return LogIdentity(LOG_ID, 1, self.last)


async def test_a_rebuild_is_refused_while_the_stream_is_behind_the_journal(
    world: World, tmp_path: Path
) -> None:
    log = Shorter(world.log)
    async with Stack(world) as stack:
        await one_job(stack, "a1")
        await stack.copied()
        log.last = stack.keeper.position
        async with Viewed(world, tmp_path, log=log, short_events=1000) as viewed:
            await viewed.up_to_date()
            before = viewed.file
            log.last -= 1
            with pytest.raises(Refused, match="lost events") as raised:
                await viewed.builder.ask()
            assert raised.value.code == "stream_behind_journal"
            assert viewed.builder.status is None
            log.last += 1
            assert (await viewed.rebuilt()).error == ""
            assert viewed.file != before


# --- what goes wrong ------------------------------------------------------------------------------


Failure = Callable[[str, Told], Awaitable[None]]


def failing(error: Exception) -> Failure:
    async def build(name: str, told: Told) -> None:
        told(3, 9)
        raise error

    return build


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unavailable("the process ended with status 1"), "status 1"),
        (RuntimeError("a defect"), "RuntimeError"),
    ],
)
async def test_a_rebuild_that_fails_leaves_the_old_views(
    world: World, tmp_path: Path, error: Exception, words: str
) -> None:
    await play(world)
    viewed = Viewed(world, tmp_path, build=failing(error), short_events=1000)
    async with viewed:
        last = await viewed.up_to_date()
        before, name = rows_of(viewed), viewed.file
        for _ in range(2):  # and it can be asked for again
            status = await viewed.rebuilt()
            assert words in status.error
            assert (status.result, status.position, status.last) == (None, 3, 9)
        assert (rows_of(viewed), viewed.file) == (before, name)
        assert names(viewed, tmp_path) == {name}
        assert viewed.projector.position == last
        assert viewed.projector.failure is None


async def test_damage_in_the_stream_is_where_new_views_end_too(
    world: World, tmp_path: Path
) -> None:
    async with Stack(world) as stack:
        await one_job(stack, "a1")
        before = (await world.log.identity()).last
        await world.tampered(e.job_aggregate(99), b"{}", "countermand.JobDreamt.v1")
        async with Viewed(world, tmp_path) as viewed:
            await until(lambda: viewed.projector.failure is not None, "the stop")
            status = await viewed.rebuilt()
            assert f"before position {before + 1}" in status.error
            assert status.result == Rebuilt(before, True, ())
            await until(lambda: viewed.projector.failure is not None, "the stop again")
            assert isinstance(viewed.projector.failure, Corrupt)
            assert viewed.projector.position == before


async def test_a_rebuild_that_would_know_less_is_given_up(world: World, tmp_path: Path) -> None:
    """An event that was read once cannot be read any more: the old views stay."""
    async with Stack(world) as stack:
        await one_job(stack, "a1")
        async with Viewed(world, tmp_path, log=(log := Spoiled(world.log))) as viewed:
            last = await viewed.up_to_date()
            name = viewed.file
            log.from_position = 4
            status = await viewed.rebuilt()
            assert "before position 4" in status.error
            assert status.result is None
            assert (viewed.file, viewed.projector.position) == (name, last)


class Spoiled(FailingLog):
    """A log whose events are spoiled from a position on, from a time on."""

    from_position = 10**9

    def read(
        self, after: int, *, types: frozenset[str] | None = None, follow: bool = False
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        return self._spoil(super().read(after, types=types, follow=follow))

    async def _spoil(
        self, items: AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        async for item in items:
            yield item if isinstance(item, CaughtUp) else tuple(map(self._spoiled, item))

    def _spoiled(self, event: Stored) -> Stored:
        if event.position < self.from_position:
            return event
        return replace(event, fact=Undecodable(event.aggregate, None, event.type, "spoiled"))


async def test_a_switch_that_fails_leaves_the_old_views(world: World, tmp_path: Path) -> None:
    await play(world)

    class Files(SqliteViewFiles):
        fails = False

        def _point_at(self, name: str) -> None:
            if self.fails:
                raise OSError(28, "No space left on device")
            super()._point_at(name)

    files = Files(tmp_path / "views", LOG_ID)
    async with Viewed(world, tmp_path, files=files, short_events=1000) as viewed:
        await viewed.up_to_date()
        name, files.fails = viewed.file, True
        assert "No space left" in (await viewed.rebuilt()).error
        assert names(viewed, tmp_path) == {viewed.file} == {name}
        files.fails = False
        assert (await viewed.rebuilt()).error == ""


# --- at the start ---------------------------------------------------------------------------------


@pytest.mark.parametrize("short_events", [0, 1000])
async def test_a_service_without_views_builds_or_follows(
    world: World, tmp_path: Path, short_events: int
) -> None:
    await play(world)
    async with Viewed(world, tmp_path, short_events=short_events) as viewed:
        last = await viewed.up_to_date()
        assert (viewed.builder.status is not None) == (short_events == 0)
        if short_events == 0:
            await until(lambda: not viewed.status.running, "the end")
            assert viewed.status.result == Rebuilt(last, False, ())
            assert viewed.reported == ["views_are_built", "views_rebuilt"]
        assert names(viewed, tmp_path) == {viewed.file}


DAMAGES: Final[dict[str, tuple[str, ...]]] = {
    "an older version": (f"UPDATE about SET version = {VIEWS_VERSION - 1}",),
    "another log": ("UPDATE about SET log_id = 'other'",),
    "no table any more": ("DROP TABLE audit", "DROP TABLE tally"),
    "views ahead of the log": (
        "UPDATE tracking SET notification_id = 4711 WHERE application_name = 'countermand'",
    ),
    "counts that cannot be read": ("UPDATE tally SET labels = 'x' || labels",),
    "a time that cannot be read": ("UPDATE about SET high = 'noon'",),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("short_events", [0, 1000])
async def test_views_that_cannot_be_used_are_built_anew(
    world: World, tmp_path: Path, damage: str, short_events: int
) -> None:
    await play(world)
    viewed = Viewed(world, tmp_path, short_events=1000)
    async with viewed:
        await viewed.up_to_date()
        before, name = rows_of(viewed), viewed.file
    edited(viewed, *DAMAGES[damage])
    async with Viewed(world, tmp_path, short_events=short_events) as viewed:
        await viewed.up_to_date()
        await until(lambda: viewed.builder.status is None or not viewed.status.running, "the end")
        assert rows_of(viewed) == before
        assert viewed.file != name
        assert names(viewed, tmp_path) == {viewed.file}


async def test_a_file_full_of_nothing_is_built_anew(world: World, tmp_path: Path) -> None:
    await play(world)
    viewed = Viewed(world, tmp_path)
    async with viewed:
        await viewed.up_to_date()
        before, path = rows_of(viewed), tmp_path / "views" / viewed.file
    path.write_bytes(b"\xff" * path.stat().st_size)
    async with Viewed(world, tmp_path) as viewed:
        await viewed.up_to_date()
        assert rows_of(viewed) == before
        assert names(viewed, tmp_path) == {viewed.file}


async def test_damage_that_shows_later_is_said_and_a_rebuild_mends_it(
    world: World, tmp_path: Path
) -> None:
    async with Stack(world) as stack:
        job = await one_job(stack, "a1")
        viewed = Viewed(world, tmp_path, short_events=1000)
        async with viewed:
            await viewed.up_to_date()
        edited(viewed, "UPDATE state SET bytes = x'c1'")
        async with Viewed(world, tmp_path, short_events=1000) as viewed:
            await viewed.up_to_date()
            await stack.cancel(job)
            await until(lambda: viewed.projector.failure is not None, "the stop")
            assert "cannot be read" in str(viewed.projector.failure)
            status = await viewed.rebuilt()
            assert status.error == ""
            await viewed.up_to_date()
            assert viewed.projector.failure is None


async def test_a_start_that_fails_is_tried_again_and_keeps_nothing_up(
    world: World, tmp_path: Path
) -> None:
    """Also when it fails with what would stop any other part for good."""
    await play(world)
    failures = [Corrupt("a bad disk"), Unavailable("no answer"), RuntimeError("a defect")]

    async def build(name: str, told: Told) -> None:
        if failures:
            raise failures.pop()
        store = viewed.files.open(name)
        await fill(world.log, ViewWriter(store), told)
        store.close()

    viewed = Viewed(world, tmp_path, build=build)
    async with viewed:
        last = await viewed.up_to_date()
        assert viewed.projector.position == last
        assert "part_stopped" not in viewed.reported
        assert viewed.reported.count("views_not_built") == 2


# --- the end of a service at any point ------------------------------------------------------------


@pytest.fixture
async def killed(world: World, tmp_path: Path) -> tuple[Path, EventLog]:
    """A log on disk with a history, and the directory."""
    await play(world)
    log = sqlite_log(tmp_path / "log.sqlite", CLUSTER)
    tokens: dict[e.Aggregate, Token] = {}
    for event in await all_events(world.log):
        assert isinstance(event.fact, e.Recorded)
        write = Write(event.aggregate, (event.fact.event,), tokens.get(event.aggregate, Token()))
        (tokens[event.aggregate],) = await log.append([write])
    return tmp_path, log


def rebuild_until(directory: Path, point: str) -> int:
    """Rebuild in a process that dies there; its status."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.doomed_rebuild", str(directory), point],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done.returncode


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_any_point_of_a_rebuild_whole_views_are_in_use(
    killed: tuple[Path, EventLog], point: str
) -> None:
    directory, log = killed
    assert rebuild_until(directory, "none") == 0
    log_id, last = (await log.identity()).id, (await log.identity()).last
    first = (directory / "views" / POINTER).read_bytes()
    assert rebuild_until(directory, point) == -signal.SIGKILL

    files = SqliteViewFiles(directory / "views", log_id)
    store = files.current()
    assert isinstance(store, SqliteViewStore)
    switched = POINTS.index(point) >= POINTS.index("pointed") and point != "kept"
    # "kept" is passed at the beginning already
    assert ((directory / "views" / POINTER).read_bytes() != first) == switched
    assert store.position() == last
    with new_views(directory, "expected") as expected:
        folded_at_once(expected, await all_events(log))
        there, wanted = contents(store), contents(expected)
        assert there.pop("about")[0][2] == log_id
        wanted.pop("about")
        assert there == wanted
    files.switch(store.name)  # as the next start does
    assert {x.name for x in (directory / "views").glob("*.sqlite")} == {store.name}
    store.close()
