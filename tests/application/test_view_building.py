"""Views are built anew when asked, and nothing is ever lost by it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.views.files import SqliteViewFiles
from application.ports import CaughtUp, LogIdentity, Stored, Undecodable
from application.view_building import Rebuilt, Told, fill
from application.view_store import Difference
from application.view_writer import ViewWriter
from domain import events as e
from domain.errors import Conflict, Corrupt, Refused, Unavailable
from tests.application.building import edited, names, one_job, rows_of
from tests.support.fuse import FailingLog
from tests.support.stack import Stack, World, until
from tests.support.viewed import (
    LOG_ID,
    Viewed,
    all_events,
    contents,
    folded_at_once,
    new_views,
    play,
)

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
        done, positions = asyncio.Event(), list[int]()

        async def work() -> None:
            n = 0
            while not done.is_set():
                n += 1
                await one_job(stack, f"w{n}")

        async def watch() -> None:
            while not done.is_set():
                positions.append(viewed.projector.position)
                await asyncio.sleep(0)

        await viewed.up_to_date()
        working = [asyncio.create_task(work()), asyncio.create_task(watch())]
        results = []
        for _ in range(5):
            status = await viewed.rebuilt()
            assert status.error == ""
            assert status.result is not None
            results.append(status.result)
        done.set()
        await asyncio.gather(*working)
        assert positions == sorted(positions), "the views never know less than before"
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
            assert viewed.reported[-1] == "views_rebuild_failed"
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
