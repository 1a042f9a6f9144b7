"""Views on real files for tests of what fills and asks them, and a history that leaves traces."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import msgspec

from adapters.bootstrap.supervise import Supervision
from adapters.views.files import POINTER, Pointer, SqliteViewFiles
from adapters.views.store import SqliteViewStore
from application.listing import Listing
from application.ports import CaughtUp, EventLog, Stored
from application.projector import Projector
from application.view_building import Build, RebuildStatus, Told, ViewBuilder, fill
from application.view_store import ViewFiles
from application.view_writer import ViewWriter
from application.views import Page
from application.visibility import Visibility
from domain.events import Recorded
from domain.states import CancelMode, JobState
from tests.support.stack import ADMIN, ALICE, BOB, POLICY, Stack, World, until

ALL: Final = Page(1000)
LOG_ID: Final = "memory/1"
TABLES: Final = (
    *("job", "task", "audit", "cancellation", "state", "tally", "about", "stretch", "tracking"),
    "job_node",
    "subtask",
)


@contextmanager
def new_views(directory: Path, name: str = "views") -> Iterator[SqliteViewStore]:
    """Views in a file, which is closed at the end."""
    store = SqliteViewStore(directory / f"{name}.sqlite", LOG_ID)
    try:
        yield store
    finally:
        store.close()


def contents(store: SqliteViewStore) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, and of the index what a search can find out."""
    with store.datastore.transaction(commit=False) as cursor:
        found = {}
        for table in TABLES:
            cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
            found[table] = [tuple(row) for row in cursor.fetchall()]
        cursor.execute(
            "CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, audit_index, instance)"
        )
        cursor.execute("SELECT * FROM words ORDER BY 1, 2, 3, 4")
        found["audit_index"] = [tuple(row) for row in cursor.fetchall()]
        return found


def stored(history: Sequence[Recorded]) -> list[Stored]:
    """Events as a log holds them, without bytes."""
    return [
        Stored(n, recorded.aggregate, type(recorded.data).__name__, b"", recorded)
        for n, recorded in enumerate(history, 1)
    ]


async def all_events(log: EventLog) -> list[Stored]:
    """All that a log holds."""
    found: list[Stored] = []
    async for batch in log.read(0):
        if not isinstance(batch, CaughtUp):
            found += batch
    return found


def folded_at_once(store: SqliteViewStore, events: Sequence[Stored]) -> SqliteViewStore:
    """All events in one go."""
    ViewWriter(store).apply(events)
    return store


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


class Viewed:
    """The views of a world, kept up, built anew and asked, as a service has them.

    ``stop``: as its end; what it leaves is what the next one finds.
    """

    def __init__(
        self,
        world: World,
        directory: Path,
        *,
        log: EventLog | None = None,
        files: ViewFiles | None = None,
        build: Build | None = None,
        short_events: int = 0,
        at_least_seconds: float = 10.0,
    ) -> None:
        self.world, self.log = world, log or world.log
        self.files = files or SqliteViewFiles(directory / "views", LOG_ID)
        self.journal = world.journal()
        self.known = 0
        self.projector = Projector(self.log, self.report)
        self.builder = ViewBuilder(
            self.log,
            self.journal,
            self.projector,
            self.files,
            build or self._build,
            world.clock,
            self.report,
            short_events,
        )
        self.listing = Listing(
            self.projector,
            Visibility(POLICY),
            world.clock,
            lambda: self.known,
            at_least_seconds,
        )
        self.reports: list[tuple[str, dict[str, object]]] = []
        self.also: dict[str, Callable[[], Awaitable[None]]] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def report(self, event: str, **facts: object) -> None:
        self.reports.append((event, facts))

    @property
    def reported(self) -> list[str]:
        """The names of what was reported."""
        return [name for name, _ in self.reports]

    @property
    def status(self) -> RebuildStatus:
        """Of the rebuild that is under way, or was."""
        assert self.builder.status is not None
        return self.builder.status

    @property
    def store(self) -> SqliteViewStore:
        """The views in use."""
        name = self.file
        assert isinstance(self.files, SqliteViewFiles)
        return SqliteViewStore(self.files.path(name), LOG_ID)

    @property
    def file(self) -> str:
        """The name of the views in use."""
        assert isinstance(self.files, SqliteViewFiles)
        pointer = self.files.path(POINTER).read_bytes()
        return msgspec.json.decode(pointer, type=Pointer).file

    async def _build(self, name: str, told: Told) -> None:
        store = self.files.open(name)
        try:
            await fill(self.log, ViewWriter(store), told)
        finally:
            store.close()

    async def up_to_date(self) -> int:
        """The views know all that is stored."""
        last = (await self.log.identity()).last
        self.known = max(self.known, last)
        await until(
            lambda: self.projector.position >= last and self.projector.caught_up,
            f"views at {last}",
        )
        return last

    async def rebuilt(self) -> RebuildStatus:
        """Ask for a rebuild, and wait for its end."""
        await self.builder.ask()
        await until(lambda: not self.status.running, "the end of the rebuild")
        return self.status

    async def start(self) -> Self:
        """What goes on by itself goes on."""
        supervision = Supervision(self.report)
        parts = {"views": self.projector.run, "building": self.builder.run, **self.also}
        self._tasks = [asyncio.create_task(supervision.keep(n, p)) for n, p in parts.items()]
        return self

    async def stop(self) -> None:
        """It goes on no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.projector.close()
        self.journal.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
