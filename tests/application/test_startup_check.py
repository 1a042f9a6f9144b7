"""The log is compared with the journal before anything is accepted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.journal import SqliteJournal
from adapters.recorder_log import RecorderLog, memory_log
from application.ports import CaughtUp, Stored, Token
from application.startup_check import compare
from domain.errors import Corrupt
from tests.support.events import queued, rejected, write

CLUSTER = "hpc1"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    made = SqliteJournal(tmp_path / "journal.db", CLUSTER)
    yield made
    made.close()


async def log_with(count: int, log_id: str = "") -> RecorderLog:
    log, token = memory_log(CLUSTER, log_id), Token()
    for n in range(count):
        (token,) = await log.append([write(token, rejected(str(n)))])
    return log


async def contents(log: RecorderLog) -> list[Stored]:
    return [e async for b in log.read(0) if not isinstance(b, CaughtUp) for e in b]


async def copied(journal: SqliteJournal, log: RecorderLog) -> None:
    journal.adopt((await log.identity()).id)
    journal.append(await contents(log))


async def test_the_first_use_adopts(journal: SqliteJournal) -> None:
    log = await log_with(3)
    compared = await compare(log, journal)
    assert (compared.adopted, compared.behind) == (True, 3)
    mark = journal.mark()
    assert mark is not None
    assert mark.log_id == (await log.identity()).id
    assert not (await compare(log, journal)).adopted


async def test_a_log_that_went_on_is_fine(journal: SqliteJournal) -> None:
    log = await log_with(3)
    await copied(journal, log)
    assert (await compare(log, journal)).behind == 0
    await log.append([write(Token(), queued(), job=2)])
    assert (await compare(log, journal)).behind == 1


async def refusal(log: RecorderLog, journal: SqliteJournal) -> str:
    with pytest.raises(Corrupt) as caught:
        await compare(log, journal)
    return caught.value.message


async def test_another_log_is_refused(journal: SqliteJournal) -> None:
    await copied(journal, await log_with(3))
    report = await refusal(await log_with(3), journal)
    assert "another log" in report
    assert "Do not provision again" in report


async def test_an_empty_log_where_there_was_history_is_refused(journal: SqliteJournal) -> None:
    log = await log_with(3)
    await copied(journal, log)
    empty = await log_with(0, (await log.identity()).id)
    assert "it is empty, but had 3 events" in await refusal(empty, journal)


async def test_a_shorter_log_is_refused(journal: SqliteJournal) -> None:
    log = await log_with(3)
    await copied(journal, log)
    shorter = await log_with(1, (await log.identity()).id)
    assert "it lacks the last 2 events" in await refusal(shorter, journal)


async def test_another_head_is_refused(journal: SqliteJournal) -> None:
    log = await log_with(3)
    await copied(journal, log)
    other = await log_with(4, (await log.identity()).id)
    assert "its event at position 3" in await refusal(other, journal)
