"""Looking at views that are built, and spoiling them."""

import sqlite3
from contextlib import closing
from pathlib import Path

from adapters.views.files import SqliteViewFiles
from domain.states import JobState
from tests.support.stack import Stack
from tests.support.viewed import (
    Viewed,
    contents,
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
