"""Views that services share, with the real projector and builder of each, on PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.views.postgres.files import PostgresViewFiles
from adapters.views.postgres.server import PostgresServer
from application.view_sharing import ViewSharing
from application.views import JobFilter, JobOrder
from domain.errors import Unavailable
from tests.application.building import one_job
from tests.support.postgres import run_sql
from tests.support.stack import Stack, World, until
from tests.support.viewed import ALL, LOG_ID, Viewed

pytestmark = pytest.mark.xdist_group("postgres")

KILL_WRITER = (
    "SELECT pg_terminate_backend(pid) FROM pg_locks "
    "WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"
)


@pytest.fixture
def places(database: str) -> Iterator[list[PostgresViewFiles]]:
    """Where two services find their views."""
    made = [PostgresViewFiles(PostgresServer(database), LOG_ID) for _ in range(2)]
    yield made
    for one in made:
        one.close()


@asynccontextmanager
async def sharing(
    world: World, directory: Path, files: PostgresViewFiles, short_events: int = 1000
) -> AsyncIterator[Viewed]:
    """A service's views, with all that follows others."""
    viewed = Viewed(world, directory, files=files, short_events=short_events)
    viewed.also["sharing"] = ViewSharing(viewed.projector, files, viewed.report).run
    async with viewed:
        yield viewed


async def knows(viewed: Viewed) -> int:
    """Its views know all that is stored."""
    last = (await viewed.log.identity()).last
    await until(lambda: viewed.projector.position >= last, f"views at {last}")
    return last


def writes(viewed: Viewed) -> bool:
    """Whether it is the one that writes."""
    return viewed.projector.caught_up


async def test_two_follow_and_the_other_goes_on_when_one_ends(
    world: World, tmp_path: Path, places: list[PostgresViewFiles]
) -> None:
    async with Stack(world) as stack, sharing(world, tmp_path / "b", places[1]) as other:
        async with sharing(world, tmp_path / "a", places[0]) as one:
            await one_job(stack, "a1")
            await knows(one)
            await knows(other)
            assert writes(one) is not writes(other)
        await one_job(stack, "a2")
        last = await knows(other)
        jobs = other.projector.reader.jobs(JobFilter(), JobOrder.ID, False, ALL)
        assert (len(jobs.rows), jobs.position) == (2, last)
        store = places[0].current()
        assert store is not None
        assert other.projector.counts == store.counts()
        store.close()
        assert "views_stopped" not in other.reported


async def test_a_lost_connection_is_waited_out_and_nothing_is_missed(
    world: World, tmp_path: Path, places: list[PostgresViewFiles], database: str
) -> None:
    async with Stack(world) as stack, sharing(world, tmp_path, places[0]) as one:
        await one_job(stack, "a1")
        await one.up_to_date()
        for n in range(3):
            run_sql(database, KILL_WRITER)
            await one_job(stack, f"b{n}")
            await knows(one)
        assert "views_stopped" not in one.reported
        assert one.projector.failure is None
        status = await one.rebuilt()
        assert status.result is not None
        assert (status.error, status.result.compared, status.result.differences) == ("", True, ())


async def test_a_rebuild_of_one_is_put_in_place_at_both_and_the_old_ones_go(
    world: World, tmp_path: Path, places: list[PostgresViewFiles], database: str
) -> None:
    async with (
        Stack(world) as stack,
        sharing(world, tmp_path / "a", places[0]) as one,
        sharing(world, tmp_path / "b", places[1]) as other,
    ):
        await one_job(stack, "a1")
        for service in (one, other):
            await knows(service)
            await service.rebuilt()
            assert service.status.error == ""
            assert service.status.result is not None
            assert (service.status.result.compared, service.status.result.differences) == (True, ())
        name = places[0].in_use()
        await until(lambda: one.projector.name == other.projector.name == name, "both moved")
        await until(lambda: run_sql(database, BUILDS) == [(name,)], "the old ones are gone")
        await one_job(stack, "a2")
        assert await knows(one) == await knows(other)


BUILDS = "SELECT name FROM countermand_views.builds"


@pytest.mark.parametrize("short_events", [0, 1000])
async def test_both_begin_at_once_and_one_builds(
    world: World, tmp_path: Path, places: list[PostgresViewFiles], database: str, short_events: int
) -> None:
    async with Stack(world) as stack:
        await one_job(stack, "a1")
        async with (
            sharing(world, tmp_path / "a", places[0], short_events) as one,
            sharing(world, tmp_path / "b", places[1], short_events) as other,
        ):
            assert await knows(one) == await knows(other)
            await until(lambda: len(run_sql(database, BUILDS)) == 1, "one set of views")


async def test_what_cannot_be_reached_is_said_to_who_asks(world: World, tmp_path: Path) -> None:
    server = PostgresServer(f"postgresql://nobody@/views?host={tmp_path}")
    files = PostgresViewFiles(server, LOG_ID)
    async with sharing(world, tmp_path, files) as viewed:
        await until(lambda: viewed.projector.failure is not None, "it is said")
        with pytest.raises(Unavailable, match="cannot be reached") as raised:
            _ = viewed.projector.reader
        assert raised.value.code == "views_unreachable"
        assert set(viewed.reported) == {"views_not_built"}
