"""Run as a process: rebuild views in a directory, and die by SIGKILL at a named point.

python -m tests.support.doomed_rebuild DIRECTORY POINT

DIRECTORY holds ``log.sqlite`` and ``views``. POINT is one of ``POINTS``, or ``none``.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from adapters.journal import SqliteJournal
from adapters.recorder_log import sqlite_log
from adapters.views.files import SqliteViewFiles
from adapters.views.store import SqliteViewStore
from application.ports import CaughtUp, Stored
from application.projector import Projector
from application.view_building import Told, ViewBuilder, fill
from application.view_store import Changes
from application.view_writer import ViewWriter
from tests.support.fuse import FailingLog
from tests.support.stack import CLUSTER, ManualClock
from tests.support.waiting import eventually

EVENTS: Final = 5
POINTS: Final = (
    "begin",
    "opened",
    "commit-1",
    "committed-1",
    "commit-2",
    "compare",
    "point",
    "pointed",
    "kept",
    "put",
    "in-place",
)


class Doom:
    """Kills this process when the point is reached."""

    point = ""
    rebuilding = False
    commits = 0

    @classmethod
    def reach(cls, point: str) -> None:
        """Here."""
        if cls.rebuilding and cls.point == point:
            os.kill(os.getpid(), signal.SIGKILL)


class DoomedStore(SqliteViewStore):
    """Dies around commits."""

    def commit(self, changes: Changes) -> None:
        if Doom.rebuilding:
            Doom.commits += 1
        Doom.reach(f"commit-{Doom.commits}")
        super().commit(changes)
        Doom.reach(f"committed-{Doom.commits}")


class DoomedProjector(Projector):
    """Dies around the moment when other views are in place."""

    async def put(self, writer: ViewWriter) -> None:
        Doom.reach("put")
        await super().put(writer)
        Doom.reach("in-place")


class Slowly(FailingLog):
    """A log that gives few events at a time."""

    def read(
        self, after: int, *, types: frozenset[str] | None = None, follow: bool = False
    ) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
        return few(super().read(after, types=types, follow=follow))


async def few(
    items: AsyncGenerator[tuple[Stored, ...] | CaughtUp, None],
) -> AsyncGenerator[tuple[Stored, ...] | CaughtUp, None]:
    """At most ``EVENTS`` at a time."""
    async for item in items:
        if isinstance(item, CaughtUp):
            yield item
        else:
            for start in range(0, len(item), EVENTS):
                yield item[start : start + EVENTS]


class DoomedFiles(SqliteViewFiles):
    """Dies around files."""

    def open(self, name: str) -> SqliteViewStore:
        Doom.reach("begin")
        store = DoomedStore(self.path(name), self._log_id)
        Doom.reach("opened")
        return store

    def _point_at(self, name: str) -> None:
        Doom.reach("point")
        super()._point_at(name)
        Doom.reach("pointed")

    def _keep_only(self, *names: str | None) -> None:
        super()._keep_only(*names)
        Doom.reach("kept")


async def rebuild(directory: Path) -> None:
    """Put the views in place, then build them anew."""
    log = Slowly(sqlite_log(directory / "log.sqlite", CLUSTER))
    journal = SqliteJournal(directory / "journal.sqlite", CLUSTER)
    files = DoomedFiles(directory / "views", (await log.identity()).id)
    projector = DoomedProjector(log, report)

    async def build(name: str, told: Told) -> None:
        store = DoomedStore(files.path(name), (await log.identity()).id)
        await fill(log, ViewWriter(store), told)
        SqliteViewStore.close(store)
        Doom.reach("compare")

    builder = ViewBuilder(log, journal, projector, files, build, ManualClock(), report)
    parts = [asyncio.create_task(projector.run()), asyncio.create_task(builder.run())]
    await projector.wait_for((await log.identity()).last, 30.0)
    Doom.rebuilding = True
    await builder.ask()
    await eventually(lambda: builder.status is not None and not builder.status.running)
    Doom.rebuilding = False
    for part in parts:
        part.cancel()
    await asyncio.gather(*parts, return_exceptions=True)
    projector.close()


def report(event: str, **facts: object) -> None:
    """``Reporter`` to the terminal."""
    sys.stderr.write(f"{event} {facts}\n")


if __name__ == "__main__":
    Doom.point = sys.argv[2]
    asyncio.run(rebuild(Path(sys.argv[1])))
