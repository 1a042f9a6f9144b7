"""Views are put in place at the start, whatever there is, and whatever an earlier end left."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from adapters.recorder_log import sqlite_log
from adapters.views.files import POINTER, SqliteViewFiles
from adapters.views.store import SqliteViewStore
from application.ports import EventLog, Token, Write
from application.view_building import Rebuilt, Told, fill
from application.view_writer import ViewWriter
from domain import events as e
from domain.errors import Corrupt, Unavailable
from projections.version import VIEWS_VERSION
from tests.application.building import edited, names, one_job, rows_of
from tests.support.doomed_rebuild import POINTS
from tests.support.stack import CLUSTER, Stack, World, until
from tests.support.viewed import (
    Viewed,
    all_events,
    contents,
    folded_at_once,
    new_views,
    play,
)

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
    "no index any more": ("DROP INDEX job_by_state",),
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
