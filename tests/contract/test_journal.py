"""What the journal promises: exact bytes, in order, for ever."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.journal import SqliteJournal
from adapters.recorder_log import memory_log
from adapters.wire import decode, sha256
from application.ports import CaughtUp, Journal, Mark, Selection, Stored, Token, Undecodable
from domain.errors import Corrupt, Misconfigured, Unavailable
from domain.events import Recorded
from domain.identity import Caller, Principal
from tests.support.events import EPOCH, job, queued, rejected, write

CLUSTER = "hpc1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    made = SqliteJournal(path, CLUSTER)
    yield made
    made.close()


@pytest.fixture
async def events() -> list[Stored]:
    """Five events: jobs 1 and 2 in turn."""
    log = memory_log(CLUSTER)
    one = two = Token()
    for n in range(3):
        (one,) = await log.append([write(one, rejected(f"one {n} \U0001f6d1"), job=1)])
        if n < 2:
            (two,) = await log.append([write(two, queued(), job=2)])
    return [e async for b in log.read(0) if not isinstance(b, CaughtUp) for e in b]


def adopted(journal: Journal, events: list[Stored]) -> Journal:
    journal.adopt("log-1")
    journal.append(events)
    return journal


def test_a_new_journal_belongs_to_no_log(journal: Journal, events: list[Stored]) -> None:
    assert journal.mark() is None
    with pytest.raises(Corrupt, match="no log yet"):
        journal.append(events)


def test_it_is_adopted_once(journal: Journal) -> None:
    journal.adopt("log-1")
    journal.adopt("log-1")
    assert journal.mark() == Mark("log-1", 0, "")
    with pytest.raises(Corrupt, match="belongs to the log log-1"):
        journal.adopt("log-2")


def test_what_is_appended_is_read_as_it_was_stored(journal: Journal, events: list[Stored]) -> None:
    adopted(journal, events)
    assert journal.mark() == Mark("log-1", 5, sha256(events[-1].raw))
    assert list(journal.read(0, 100)) == events
    assert list(journal.read(2, 2)) == events[2:4]
    assert journal.read(5, 100) == ()


# --- reading what is wanted -----------------------------------------------------------------------


def by(actor: str) -> Caller:
    return Caller(Principal(actor))


@pytest.fixture
async def many() -> list[Stored]:
    """Sixty events of five jobs, two types and three people, in no simple order."""
    log, tokens = memory_log(CLUSTER), dict[int, Token]()
    for n in range(60):
        number = n * 7 % 5 + 1
        event = rejected(f"event {n}") if n % 3 else queued()
        event = replace(event, caller=by(("alice", "bob", "al\u00efce \U0001f6d1")[n * 5 % 3]))
        token = tokens.get(number, Token())
        (tokens[number],) = await log.append([write(token, event, job=number)])
    return [e async for b in log.read(0) if not isinstance(b, CaughtUp) for e in b]


def selections() -> Iterator[Selection]:
    types = (
        None,
        frozenset({"JobQueued"}),
        frozenset({"JobQueued", "JobRejected"}),
        frozenset({"X"}),
    )
    actors = (
        None,
        frozenset({"alice"}),
        frozenset({"bob", "al\u00efce \U0001f6d1"}),
        frozenset({"ALICE"}),
    )
    for kinds in types:
        for place in (None, job(3), job(9)):
            for people in actors:
                yield Selection(kinds, place, people)


@pytest.mark.parametrize("only", list(selections()))
def test_only_what_is_wanted_is_read(journal: Journal, many: list[Stored], only: Selection) -> None:
    """As whoever reads everything and asks each event would find it."""
    adopted(journal, many)
    wanted = [e for e in many if only.matches(e)]
    assert list(journal.read(0, 100, only=only)) == wanted
    assert list(journal.read(0, 2, only=only)) == wanted[:2]
    some = [e for e in wanted if 20 < e.position <= 43]
    assert list(journal.read(20, 100, until=43, only=only)) == some
    assert list(journal.read(20, 1, until=43, only=only)) == some[:1]


def test_no_event_above_until_is_read(journal: Journal, many: list[Stored]) -> None:
    adopted(journal, many)
    assert list(journal.read(10, 100, until=20)) == many[10:20]
    assert list(journal.read(10, 4, until=20)) == many[10:14]
    assert journal.read(10, 100, until=10) == ()
    assert list(journal.read(58, 100, until=10_000)) == many[58:]


def test_the_bytes_of_an_answer_are_limited_but_one_event_always_fits(
    journal: Journal, many: list[Stored]
) -> None:
    adopted(journal, many)
    sizes = [len(e.raw) for e in many]
    assert list(journal.read(5, 100, bytes_max=1)) == many[5:6]
    assert list(journal.read(5, 100, bytes_max=sum(sizes[5:8]))) == many[5:8]
    assert list(journal.read(5, 100, bytes_max=sum(sizes[5:8]) + 1)) == many[5:9]
    assert list(journal.read(5, 2, bytes_max=sum(sizes[5:8]))) == many[5:7]
    only = Selection(actors=frozenset({"bob"}))
    bobs = [e for e in many if e.actor == "bob"]
    assert list(journal.read(0, 100, bytes_max=1, only=only)) == bobs[:1]


@pytest.mark.parametrize(
    ("raw", "actor"),
    [
        (b'{"authid": "eve", "what": [1]}', "eve"),
        (b'{"authid":"\\u0065ve","authid2":"mallory"}', "eve"),
        (b'{"data":{"authid":"eve"}}', ""),
        (b'{"authid":7}', ""),
        (b'"authid":"eve"', ""),
        (b"\xff\x00", ""),
        (b"[" * 5000, ""),
        (b"", ""),
    ],
)
def test_the_actor_is_what_the_bytes_say_even_if_nothing_else_is_readable(
    journal: Journal, events: list[Stored], raw: bytes, actor: str
) -> None:
    adopted(journal, events)
    fact = decode(raw, CLUSTER, job(9), "JobDreamt").fact
    strange = Stored(6, job(9), "JobDreamt", raw, fact)
    journal.append([strange])
    assert strange.actor == actor
    assert journal.read(0, 100, only=Selection(actors=frozenset({"eve"}))) == (
        (strange,) if actor else ()
    )
    nobody = Selection(actors=frozenset({"countermand"}))
    assert list(journal.read(0, 100, only=nobody)) == events


# --- appending ------------------------------------------------------------------------------------


def test_appends_continue_and_survive_reopening(
    journal: SqliteJournal, path: Path, events: list[Stored]
) -> None:
    journal.adopt("log-1")
    journal.append(events[:2])
    journal.append([])
    journal.close()
    again = SqliteJournal(path, CLUSTER)
    again.append(events[2:])
    assert list(again.read(0, 100)) == events
    again.close()


@pytest.mark.parametrize("chosen", [[1], [0, 2], [1, 0], [0, 0]])
def test_a_gap_a_repeat_or_another_order_is_corrupt(
    journal: Journal, events: list[Stored], chosen: list[int]
) -> None:
    journal.adopt("log-1")
    with pytest.raises(Corrupt, match="cannot follow"):
        journal.append([events[n] for n in chosen])
    assert journal.mark() == Mark("log-1", 0, "")
    assert journal.read(0, 100) == ()


def test_bytes_that_no_codec_reads_are_kept(journal: Journal, events: list[Stored]) -> None:
    adopted(journal, events)
    reason = Undecodable(job(9), None, "JobDreamt", "why")
    journal.append([Stored(6, job(9), "JobDreamt", b"\xff\x00", reason)])
    (kept,) = journal.page(job(9), 0, 9)
    assert kept.raw == b"\xff\x00"
    assert isinstance(kept.fact, Undecodable)
    assert isinstance(journal.read(0, 1)[0].fact, Recorded)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET raw = x'00' WHERE position = 1",
        "UPDATE event SET version = 9",
        "DELETE FROM event",
        "DELETE FROM event WHERE position = 5",
        "UPDATE head SET position = 1",
        "UPDATE head SET log_id = 'other'",
        "DELETE FROM head",
    ],
)
def test_the_file_itself_refuses_changes(
    journal: Journal, path: Path, events: list[Stored], statement: str
) -> None:
    adopted(journal, events)
    database = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(statement)
    database.close()


def test_types_are_strict(journal: Journal, path: Path, events: list[Stored]) -> None:
    adopted(journal, events)
    database = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError):
        database.execute("INSERT INTO event VALUES (6, 'job', '1', 'x', 'T', NULL, x'00')")
    database.close()


async def test_the_first_event_later_than_a_moment_is_found(journal: Journal) -> None:
    log, token = memory_log(CLUSTER), Token()
    for seconds in (0, 10, 5, 20):
        (token,) = await log.append([write(token, rejected("x", seconds))])
    adopted(journal, list(await log.load(job())))
    moments = [EPOCH + timedelta(seconds=seconds) for seconds in (-1, 0, 5, 10, 20)]
    assert [journal.first_later_than(moment) for moment in moments] == [1, 2, 2, 4, None]
    assert journal.first_later_than(EPOCH.replace(year=999)) == 1


def test_it_syncs_and_is_private(journal: SqliteJournal, path: Path) -> None:
    assert journal.pragma("synchronous") == "2"
    assert journal.pragma("journal_mode") == "wal"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_threads_take_turns(journal: Journal, events: list[Stored]) -> None:
    adopted(journal, events)
    found: list[int] = []

    def read() -> None:
        found.extend(len(journal.read(0, 100)) for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [5] * 80


def test_a_file_that_is_no_journal_is_refused(path: Path) -> None:
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(Misconfigured, match="cannot be opened"):
        SqliteJournal(path, CLUSTER)


def test_a_database_of_something_else_is_refused(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE other (x)")
    database.commit()
    database.close()
    with pytest.raises(Misconfigured, match="no journal"):
        SqliteJournal(path, CLUSTER)


def test_a_closed_journal_says_so(journal: SqliteJournal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(Unavailable, match="closed"):
        journal.mark()


# --- one aggregate --------------------------------------------------------------------------------


def test_an_aggregate_is_read_page_by_page(journal: Journal, many: list[Stored]) -> None:
    adopted(journal, many)
    mine = [e for e in many if e.aggregate == job(3)]
    assert list(journal.page(job(3), 0, 100)) == mine
    assert list(journal.page(job(3), mine[3].position, 4)) == mine[4:8]
    assert list(journal.page(job(3), mine[3].position - 1, 1)) == [mine[3]]
    assert list(journal.page(job(3), 0, 100, bytes_max=1)) == mine[:1]
    assert journal.page(job(3), mine[-1].position, 100) == ()
    assert journal.page(job(9), 0, 100) == ()


def test_its_last_event_and_that_of_a_version_are_found(
    journal: Journal, many: list[Stored]
) -> None:
    adopted(journal, many)
    mine = [e for e in many if e.aggregate == job(3)]
    assert journal.last(job(3)) == mine[-1]
    assert journal.last(job(9)) is None
    assert [journal.at_version(job(3), n) for n in range(1, len(mine) + 1)] == mine
    assert journal.at_version(job(3), 0) is None
    assert journal.at_version(job(3), len(mine) + 1) is None


def test_events_that_lie_about_their_version_keep_their_place(
    journal: Journal, many: list[Stored]
) -> None:
    """What was tampered with is found by whoever folds it, so nothing hides it."""
    adopted(journal, many)
    mine = [e for e in many if e.aggregate == job(3)]
    again = replace(mine[1], position=61)
    nothing = decode(b"[1]", CLUSTER, job(3), "rubbish").fact
    rubbish = Stored(62, job(3), "rubbish", b"[1]", nothing)
    journal.append([again, rubbish])
    assert list(journal.page(job(3), mine[-1].position - 1, 100)) == [mine[-1], again, rubbish]
    assert journal.last(job(3)) == rubbish
    assert journal.at_version(job(3), 2) == mine[1]
