"""One altered row of the journal: found at the start, and never decided on."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from adapters.journal import SqliteJournal
from adapters.recorder_log import RecorderLog
from application.histories import Histories
from application.ports import Stored
from application.second_copy import SecondCopy
from application.startup_check import compare
from domain.errors import Corrupt
from tests.application.test_startup_check import contents, copied, journal, log_with
from tests.support.events import job

__all__ = ["journal"]


def altered(path: Path, change: str, position: int) -> None:
    """Somebody, or a disk, changed one row."""
    with closing(sqlite3.connect(path)) as database:
        (trigger,) = database.execute(
            "SELECT sql FROM sqlite_schema WHERE name = 'event_is_final'"
        ).fetchone()
        database.execute("DROP TRIGGER event_is_final")
        database.execute(f"UPDATE event SET {change} WHERE position = ?", (position,))
        database.execute(trigger)
        database.commit()


OTHER = "raw = CAST(replace(CAST(raw AS TEXT), '\"data\":{', '\"data\": {') AS BLOB)"


async def kept(journal: SqliteJournal, count: int = 3) -> tuple[RecorderLog, tuple[Stored, ...]]:
    log = await log_with(count)
    await copied(journal, log)
    return log, tuple(await contents(log))


async def test_a_journal_that_is_the_log_passes(journal: SqliteJournal) -> None:
    _, events = await kept(journal)
    await SecondCopy(journal, 3).compare(events)


@pytest.mark.parametrize("position", [1, 2, 3])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (OTHER, "have other bytes of event {} "),
        ("type = 'JobQueued'", "keeps event {} "),
        ("id = '77'", "keeps event {} "),
    ],
)
async def test_an_altered_row_is_named(
    journal: SqliteJournal, tmp_path: Path, position: int, change: str, words: str
) -> None:
    _, events = await kept(journal)
    altered(tmp_path / "journal.db", change, position)
    with pytest.raises(Corrupt, match=words.format(position)):
        await SecondCopy(journal, 3).compare(events)


async def test_what_the_journal_has_not_copied_yet_is_not_asked_for(journal: SqliteJournal) -> None:
    log = await log_with(3)
    journal.adopt((await log.identity()).id)
    events = tuple(await contents(log))
    journal.append(events[:2])
    await SecondCopy(journal, 2).compare(events)
    with pytest.raises(Corrupt, match="the journal has no event 3 "):
        await SecondCopy(journal, 3).compare(events)


@pytest.mark.parametrize("position", [1, 3])
async def test_both_ends_are_looked_at_before_anything_is_read(
    journal: SqliteJournal, tmp_path: Path, position: int
) -> None:
    log, _ = await kept(journal)
    altered(tmp_path / "journal.db", OTHER, position)
    with pytest.raises(Corrupt, match="the journal"):
        await compare(log, journal)


@pytest.mark.parametrize("position", [1, 2, 3])
@pytest.mark.parametrize("page_events", [1, 2, 5])
async def test_an_altered_row_is_never_folded(
    journal: SqliteJournal, tmp_path: Path, position: int, page_events: int
) -> None:
    """Whoever reads a history to its end is told, also of its last event."""
    log, events = await kept(journal)
    histories = Histories(log, journal)
    whole = [x async for page in histories.pages(job(1), page_events=page_events) for x in page]
    assert tuple(whole) == events
    altered(tmp_path / "journal.db", OTHER, position)
    with pytest.raises(Corrupt, match="journal"):
        async for _ in histories.pages(job(1), page_events=page_events):
            pass
