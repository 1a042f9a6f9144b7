"""The views follow the stream: the same rows, whichever way the events came."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.views.store import SqliteViewStore
from application.ports import CaughtUp, Stored
from application.view_writer import ViewWriter
from application.views import Page
from domain.states import CancelMode, JobState
from tests.support.stack import ADMIN, ALICE, BOB, Stack, World

ALL = Page(1000)


@contextmanager
def views(directory: Path, name: str = "views") -> Iterator[SqliteViewStore]:
    store = SqliteViewStore(directory / f"{name}.sqlite", "memory/1")
    try:
        yield store
    finally:
        store.close()


async def history(world: World) -> list[Stored]:
    found: list[Stored] = []
    async for batch in world.log.read(0):
        if not isinstance(batch, CaughtUp):
            found += batch
    return found


async def play(world: World) -> None:
    """A bit of everything that leaves traces."""
    async with Stack(world) as stack:
        gentle = await stack.running("handle 3", "linger 2000", release="exit 0", key="j1")
        deaf = await stack.running("ignore", key="j2")
        await stack.cancel(gentle, message="maintenance of the disk")
        await stack.cancel(gentle, key="c2", caller=BOB)
        await stack.cancel(gentle, key="c3", message="again")
        await stack.ordered(gentle, 2)
        stack.fake.advance(2000)
        await stack.state(gentle, JobState.CANCELED)
        await stack.cancel(deaf, message="gently")
        await stack.ordered(deaf)
        await stack.cancel(deaf, CancelMode.FORCED, key="c4", message="now")
        await stack.state(deaf, JobState.CANCELED)
        await stack.cancel(99, key="c5", message="not there")
        await stack.scheduler.set_cluster_parameter(ADMIN, "TaskCancelGracePeriod", "7", "p1")
        await stack.scheduler.requeue_job(ALICE, str(deaf), "r1")
        await stack.went(deaf, attempt=2)
        await stack.cancel_task(deaf, 1, CancelMode.FORCED, key="t1")
        await stack.state(deaf, JobState.FAILED)


def contents(store: SqliteViewStore) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but the index."""
    tables = ("job", "task", "audit", "cancellation", "state", "tally", "about")
    with store.datastore.transaction(commit=False) as cursor:
        found = {}
        for table in tables:
            cursor.execute(f"SELECT * FROM {table}")
            found[table] = [tuple(row) for row in cursor.fetchall()]
    return found


async def test_rows_do_not_depend_on_how_the_events_came(world: World, tmp_path: Path) -> None:
    await play(world)
    events = await history(world)
    seen = []
    for size in (1, 3, 1000):
        with views(tmp_path, f"by{size}") as store:
            writer = ViewWriter(store)
            for start in range(0, len(events), size):
                if size == 3:
                    writer = ViewWriter(store)  # as after a restart: nothing in memory
                writer.apply(events[start : start + size])
            assert store.position() == len(events)
            seen.append(contents(store))
    assert seen[0] == seen[1] == seen[2]
