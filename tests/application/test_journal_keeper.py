"""The journal is kept up with the log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.journal import SqliteJournal
from adapters.recorder_log import RecorderLog, memory_log
from application.journal_keeper import JournalKeeper
from application.ports import Token
from application.startup_check import compare
from application.tail import Tail
from domain.errors import Unavailable
from tests.support.events import queued, rejected, write

CLUSTER = "hpc1"
SECONDS = 10.0


@asynccontextmanager
async def kept(log: RecorderLog, path: Path) -> AsyncIterator[tuple[JournalKeeper, SqliteJournal]]:
    journal = SqliteJournal(path, CLUSTER)
    await compare(log, journal)
    keeper = JournalKeeper(log, journal, Tail(journal))
    task = asyncio.create_task(keeper.run())
    yield keeper, journal
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    journal.close()


async def test_backlog_and_live_events_are_copied(tmp_path: Path) -> None:
    log = memory_log(CLUSTER)
    (token,) = await log.append([write(Token(), *(queued() for _ in range(1000)))])
    (token,) = await log.append([write(token, *(queued() for _ in range(500)))])
    async with kept(log, tmp_path / "j.db") as (keeper, journal):
        await keeper.wait_for(1500, SECONDS)
        (token,) = await log.append([write(token, rejected("live"))])
        await keeper.wait_for(1501, SECONDS)
        assert keeper.position == 1501
        assert keeper.caught_up
        assert len(journal.read(0, 2000)) == 1501


async def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    log = memory_log(CLUSTER)
    (token,) = await log.append([write(Token(), queued())])
    async with kept(log, tmp_path / "j.db") as (keeper, _):
        await keeper.wait_for(1, SECONDS)
    await log.append([write(token, queued())])
    async with kept(log, tmp_path / "j.db") as (keeper, journal):
        await keeper.wait_for(2, SECONDS)
        assert len(journal.read(0, 10)) == 2


async def test_waiting_for_too_long_is_unavailable(tmp_path: Path) -> None:
    async with kept(memory_log(CLUSTER), tmp_path / "j.db") as (keeper, _):
        with pytest.raises(Unavailable, match="not at 1 in time"):
            await keeper.wait_for(1, 0.01)


async def test_a_journal_that_fails_ends_the_run_and_every_wait(tmp_path: Path) -> None:
    log = memory_log(CLUSTER)
    journal = SqliteJournal(tmp_path / "j.db", CLUSTER)
    await compare(log, journal)
    keeper = JournalKeeper(log, journal, Tail(journal))
    journal.close()
    task = asyncio.create_task(keeper.run())
    waiting = asyncio.create_task(keeper.wait_for(1, SECONDS))
    await log.append([write(Token(), queued())])
    with pytest.raises(Unavailable, match="the journal is closed"):
        await task
    with pytest.raises(Unavailable, match="stopped at 0"):
        await waiting


async def test_a_journal_without_a_log_is_a_mistake(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db", CLUSTER)
    with pytest.raises(ValueError, match="compare first"):
        JournalKeeper(memory_log(CLUSTER), journal, Tail(journal))
    journal.close()
