"""The newest events in memory, older ones from the journal: each exactly once, however read."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from sqlite3 import connect

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.journal import SqliteJournal
from adapters.wire import encode, sha256, type_token
from adapters.wire.chain import to_stored
from application.ports import EVERYTHING, Selection, Stored
from application.tail import WOKEN_AT_ONCE, Passage, Tail, TailLimits
from domain.errors import Corrupt, CountermandError, StoreFull, Unavailable
from domain.identity import Caller, Principal
from tests.support.events import job, queued, rejected
from tests.support.waiting import eventually

CLUSTER = "hpc1"
COUNT = 80
PEOPLE = ("alice", "bob")
SMALL = TailLimits(
    events_max=10,
    bytes_max=1_000_000,
    passage_events_max=4,
    passage_bytes_max=1_000_000,
    looked_at_max=8,
    pages_max=2,
)


@cache
def events() -> tuple[Stored, ...]:
    """Eighty events of three jobs, two types, two people and many sizes."""
    chance, ends = random.Random(3), dict[int, tuple[int, str]]()
    found = []
    for position in range(1, COUNT + 1):
        number = chance.randrange(3) + 1
        event = rejected("x" * chance.choice((1, 50, 3000))) if chance.randrange(3) else queued()
        event = replace(event, caller=Caller(Principal(chance.choice(PEOPLE))))
        version, before = ends.get(number, (0, ""))
        raw = encode(event, job(number), CLUSTER, version + 1, before)
        ends[number] = (version + 1, sha256(raw))
        found.append(to_stored(position, job(number), type_token(type(event.data)), raw, CLUSTER))
    return tuple(found)


def size(first: int, last: int) -> int:
    """Bytes of the events from one position to another."""
    return sum(len(e.raw) for e in events()[first - 1 : last])


class Kept:
    """A journal and its tail, in the order in which the keeper fills them."""

    def __init__(self, journal: SqliteJournal, limits: TailLimits, begin: int = 0) -> None:
        self.journal = journal
        self.tail = Tail(journal, limits)
        journal.adopt("log-1")
        journal.append(events()[:begin])
        self.tail.begin(begin)

    def add(self, until: int) -> None:
        """Events up to this position are copied, and then to be seen."""
        new = events()[self.tail.position : until]
        self.journal.append(new)
        self.tail.add(new)

    async def next(
        self, after: int, only: Selection = EVERYTHING, until: int | None = None
    ) -> Passage:
        """What is there now."""
        return await self.tail.passage(after, until=until, only=only, quiet_seconds=0)

    async def all_after(
        self, position: int, only: Selection = EVERYTHING, until: int = COUNT
    ) -> list[Stored]:
        """What a reader gets who goes on until it is there."""
        found: list[Stored] = []
        while position < until:
            passage = await self.next(position, only, until)
            assert passage.position > position
            found += passage.events
            position = passage.position
        return found


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    one = SqliteJournal(tmp_path / "journal.db", CLUSTER)
    yield one
    one.close()


def positions(found: Passage | Sequence[Stored]) -> list[int]:
    return [e.position for e in (found.events if isinstance(found, Passage) else found)]


# --- the newest in memory, the rest from the journal ----------------------------------------------


async def test_at_the_edge_of_memory_the_journal_is_not_needed_and_just_before_it_is(
    journal: SqliteJournal,
) -> None:
    kept = Kept(journal, SMALL)
    kept.add(40)
    journal.close()
    assert positions(await kept.next(30)) == [31, 32, 33, 34]
    assert positions(await kept.next(38)) == [39, 40]
    with pytest.raises(Unavailable, match="the journal is closed"):
        await kept.next(29)


async def test_what_is_held_is_limited_by_bytes(journal: SqliteJournal) -> None:
    kept = Kept(journal, replace(SMALL, events_max=COUNT, bytes_max=size(36, 40)))
    kept.add(40)
    journal.close()
    assert positions(await kept.next(35)) == [36, 37, 38, 39]
    with pytest.raises(Unavailable):
        await kept.next(34)


async def test_an_event_larger_than_memory_is_read_from_the_journal(journal: SqliteJournal) -> None:
    kept = Kept(journal, replace(SMALL, bytes_max=1))
    kept.add(3)
    assert positions(await kept.all_after(0, until=3)) == [1, 2, 3]
    assert await kept.next(3) == Passage((), 3)


async def test_after_a_start_memory_is_empty_and_all_comes_from_the_journal(
    journal: SqliteJournal,
) -> None:
    kept = Kept(journal, SMALL, begin=50)
    assert kept.tail.position == 50
    assert await kept.next(50) == Passage((), 50)
    assert await kept.all_after(0, until=50) == list(events()[:50])
    kept.add(51)
    assert positions(await kept.next(50)) == [51]
    assert positions(await kept.next(49)) == [50, 51]


@pytest.mark.parametrize("begin", [0, 60])
async def test_an_answer_is_limited_by_events_and_bytes_but_never_empty(
    journal: SqliteJournal, begin: int
) -> None:
    """From memory and from the journal alike."""
    limits = replace(SMALL, events_max=COUNT, passage_bytes_max=size(21, 22))
    kept = Kept(journal, limits, begin)
    kept.add(60)
    assert positions(await kept.next(20)) == [21, 22]
    kept.tail = Tail(journal, replace(limits, passage_bytes_max=1))
    kept.tail.begin(60)
    assert positions(await kept.next(20)) == [21]


@pytest.mark.parametrize("begin", [0, 60])
async def test_what_nobody_wants_is_passed_in_bounded_steps(
    journal: SqliteJournal, begin: int
) -> None:
    kept = Kept(journal, replace(SMALL, events_max=COUNT), begin)
    kept.add(60)
    nobody = Selection(actors=frozenset({"nobody"}))
    assert await kept.next(0, nobody) == Passage((), 8)
    assert await kept.next(8, nobody) == Passage((), 16)
    assert (await kept.next(56, nobody)).position == 60


async def test_no_event_above_until_is_given(journal: SqliteJournal) -> None:
    kept = Kept(journal, SMALL)
    kept.add(40)
    for after in (2, 37):
        assert await kept.next(after, until=after + 2) == Passage(
            events()[after : after + 2], after + 2
        )


async def test_one_aggregate_is_found_in_one_step(journal: SqliteJournal) -> None:
    kept = Kept(journal, replace(SMALL, passage_events_max=COUNT), begin=60)
    of_one = [e for e in events()[:60] if e.aggregate == job(2)]
    assert await kept.next(0, Selection(aggregate=job(2))) == Passage(tuple(of_one), 60)


async def test_a_page_that_others_want_too_is_read_once(journal: SqliteJournal) -> None:
    kept = Kept(journal, SMALL, begin=60)
    first, second = await kept.next(5), await kept.next(8)
    assert (positions(first), positions(second)) == ([6, 7, 8], [9, 10, 11, 12])
    journal.close()
    assert await kept.next(8) is second
    assert await kept.next(5) is first
    with pytest.raises(Unavailable):
        await kept.next(12)


async def test_a_journal_with_a_hole_is_damage_and_not_a_gap_in_what_is_shown(
    journal: SqliteJournal, tmp_path: Path
) -> None:
    kept = Kept(journal, SMALL, begin=60)
    with connect(tmp_path / "journal.db") as database:
        database.execute("DROP TRIGGER event_stays")
        database.execute("DELETE FROM event WHERE position = 18")
    database.close()
    assert positions(await kept.next(12)) == [13, 14, 15, 16]
    with pytest.raises(Corrupt, match="lacks some of the events after 16 up to 20"):
        await kept.next(16)


# --- any order of things --------------------------------------------------------------------------

wanted = st.builds(
    Selection,
    types=st.sampled_from([None, frozenset({"JobQueued"})]),
    aggregate=st.sampled_from([None, job(1), job(9)]),
    actors=st.sampled_from([None, frozenset({"alice"}), frozenset({"eve"})]),
)
sizes = st.builds(
    TailLimits,
    events_max=st.integers(1, 30),
    bytes_max=st.integers(1, 20_000),
    passage_events_max=st.integers(1, 12),
    passage_bytes_max=st.integers(1, 8_000),
    looked_at_max=st.integers(1, 30),
    pages_max=st.integers(1, 4),
)
readers = st.lists(st.tuples(st.integers(0, COUNT), wanted), min_size=1, max_size=4)
turns = st.lists(st.integers(-12, 3), max_size=60)
"""Below 0: so many events come; else: this reader asks."""


@settings(max_examples=150, deadline=None)
@given(limits=sizes, begin=st.integers(0, 40), who=readers, order=turns)
def test_every_reader_gets_exactly_what_follows_its_place(
    limits: TailLimits, begin: int, who: list[tuple[int, Selection]], order: list[int]
) -> None:
    """Whatever was let go of in between, and however slow it was."""

    async def story(journal: SqliteJournal) -> None:
        kept = Kept(journal, limits, begin)
        reached = [after for after, _ in who]
        got: list[list[Stored]] = [[] for _ in who]

        async def ask(n: int) -> None:
            found = await kept.next(reached[n], who[n][1])
            assert found.position >= reached[n]
            reached[n] = found.position
            got[n] += found.events

        for turn in order:
            if turn < 0:
                kept.add(min(COUNT, kept.tail.position - turn))
            else:
                await ask(turn % len(who))
        kept.add(COUNT)
        for n, (after, only) in enumerate(who):
            while reached[n] < COUNT:
                await ask(n)
            assert got[n] == [e for e in events()[after:] if only.matches(e)]

    with tempfile.TemporaryDirectory(dir=memory()) as directory:
        one = SqliteJournal(Path(directory) / "journal.db", CLUSTER)
        asyncio.run(story(one))
        one.close()


def memory() -> str | None:
    """A directory whose syncs cost nothing, if the machine has one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


async def test_many_readers_at_once_with_the_keeper_at_work(journal: SqliteJournal) -> None:
    kept = Kept(journal, SMALL, begin=20)

    async def read(start: int) -> list[int]:
        position, found = start, list[int]()
        while position < COUNT:
            passage = await kept.tail.passage(position, quiet_seconds=30)
            position = passage.position
            found += positions(passage)
        return found

    starts = [n % 30 for n in range(3 * WOKEN_AT_ONCE)]
    reading = [asyncio.create_task(read(start)) for start in starts]
    for until in range(21, COUNT + 1):
        kept.add(until)
        await asyncio.sleep(0)
    found = await asyncio.gather(*reading)
    assert found == [list(range(start + 1, COUNT + 1)) for start in starts]


# --- waiting --------------------------------------------------------------------------------------


@asynccontextmanager
async def waiting(kept: Kept, after: int) -> AsyncIterator["asyncio.Task[Passage]"]:
    """A reader that has nothing to read yet."""
    task = asyncio.create_task(kept.tail.passage(after, quiet_seconds=30))
    await asyncio.sleep(0)
    assert not task.done()
    yield task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_reader_at_the_end_gets_what_comes_next(journal: SqliteJournal) -> None:
    kept = Kept(journal, SMALL, begin=5)
    async with waiting(kept, 5) as one, waiting(kept, 5) as other:
        kept.add(7)
        assert positions(await one) == positions(await other) == [6, 7]


async def test_a_reader_ahead_of_the_keeper_waits_for_what_it_has_not_had(
    journal: SqliteJournal,
) -> None:
    """The log is longer than what the keeper has copied so far."""
    kept = Kept(journal, SMALL, begin=5)
    async with waiting(kept, 7) as ahead:
        kept.add(7)
        assert await ahead == Passage((), 7)
    async with waiting(kept, 7) as ahead:
        kept.add(8)
        assert positions(await ahead) == [8]


async def test_readers_that_leave_are_not_remembered(journal: SqliteJournal) -> None:
    kept = Kept(journal, SMALL, begin=5)
    for _ in range(3):
        async with waiting(kept, 5):
            pass
        await kept.next(5)
    async with waiting(kept, 5) as one, waiting(kept, 5) as leaving:
        kept.tail.add(events()[5:6])
        leaving.cancel()
        assert positions(await one) == [6]


# --- when the keeper stops ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "told", "words"),
    [
        (Corrupt("event 6 is missing"), Corrupt, "no event after 5 can be shown: event 6 is miss"),
        (asyncio.CancelledError(), Unavailable, "the service is ending"),
    ],
)
async def test_an_end_for_good_is_said_to_everybody_after_all_there_is(
    journal: SqliteJournal, error: BaseException, told: type[CountermandError], words: str
) -> None:
    kept = Kept(journal, SMALL, begin=5)
    async with waiting(kept, 5) as one, waiting(kept, 5) as other:
        kept.tail.stopped(error)
        assert await one == await other == Passage((), 5)
    for _ in range(2):
        with pytest.raises(told, match=words):
            await kept.next(5)
        with pytest.raises(told, match=words):
            kept.tail.check()
    assert await kept.all_after(3, until=5) == list(events()[3:5])


async def test_a_failure_that_lasts_is_said_and_a_short_one_is_not(journal: SqliteJournal) -> None:
    disk = StoreFull("the journal's disk is full")
    kept = Kept(journal, SMALL, begin=5)
    kept.tail.stopped(disk)
    kept.tail.stopped(disk)
    assert await kept.next(5) == Passage((), 5)
    kept.tail.going_on()
    kept.add(6)
    assert positions(await kept.next(5)) == [6]
    kept.tail = Tail(journal, replace(SMALL, trouble_seconds_max=0.0))
    kept.tail.begin(6)
    kept.tail.check()
    kept.tail.stopped(disk)
    with pytest.raises(Unavailable, match="no event after 6 can be shown yet: the journal's disk"):
        await kept.next(6)
    kept.tail.going_on()
    assert await kept.next(6) == Passage((), 6)


async def test_readers_are_woken_a_few_at_a_time(journal: SqliteJournal) -> None:
    """So that whatever else is due has its turn in between."""
    kept = Kept(journal, SMALL, begin=5)
    count = 4 * WOKEN_AT_ONCE
    reading = [asyncio.create_task(kept.tail.passage(5, quiet_seconds=30)) for _ in range(count)]
    await asyncio.sleep(0)
    kept.add(6)
    done = list[int]()
    while len(done) == 0 or done[-1] < count:
        await asyncio.sleep(0)
        done.append(sum(task.done() for task in reading))
    assert max(b - a for a, b in zip([0, *done], done, strict=False)) <= WOKEN_AT_ONCE
    await eventually(lambda: all(task.done() for task in reading))
