"""The log is compared with the journal before anything is accepted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.journal import SqliteJournal
from adapters.recorder_log import RecorderLog, memory_log
from application.ports import CaughtUp, Mark, Stored, Token
from application.startup_check import compare, head_of, said
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


# --- the mark -------------------------------------------------------------------------------------


async def marked(log: RecorderLog) -> Mark:
    """The log's head."""
    return await head_of(log, await log.identity())


async def test_a_log_beyond_the_mark_is_fine(journal: SqliteJournal) -> None:
    log = await log_with(3)
    await copied(journal, log)
    mark = await marked(log)
    await log.append([write(Token(), queued(), job=2)])
    compared = await compare(log, journal, mark)
    assert compared.head == await marked(log)
    assert (compared.head.position, mark.position) == (4, 3)


async def test_a_log_and_a_journal_that_are_both_shorter_do_not_fool_the_mark(
    journal: SqliteJournal,
) -> None:
    log = await log_with(3)
    mark = await marked(log)
    shorter = await log_with(2, (await log.identity()).id)
    await copied(journal, shorter)
    assert (await compare(shorter, journal)).behind == 0
    with pytest.raises(Corrupt) as caught:
        await compare(shorter, journal, mark)
    assert "by the mark: it lacks the last 1 events" in caught.value.message
    assert "countermand accept-loss" in caught.value.message


async def test_another_log_or_head_than_the_marked_one_is_refused(journal: SqliteJournal) -> None:
    log = await log_with(3)
    mark = await marked(log)
    with pytest.raises(Corrupt, match="by the mark: it is another log than the one that was"):
        await compare(await log_with(3), journal, mark)
    other = await log_with(4, (await log.identity()).id)
    with pytest.raises(Corrupt, match=r"by the mark: its event at position 3 .* was marked"):
        await compare(other, journal, mark)
    assert journal.mark() is None, "nothing was written"


async def test_an_empty_log_has_an_empty_head() -> None:
    log = await log_with(0)
    assert (await marked(log)).position == 0


async def test_what_the_witnesses_have_against_a_log_is_one_line(journal: SqliteJournal) -> None:
    log, longer = await log_with(2), await log_with(3)
    await copied(journal, longer)
    words = await said(log, journal.mark(), None)
    assert words.startswith("it is another log than the one this journal copied; ")
    assert "it lacks the last 1 events" in words
    assert await said(longer, journal.mark(), journal.mark()) == ""
    assert await said(log, None, None) == ""
