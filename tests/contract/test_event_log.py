"""What every event log promises: one suite, run against JetStream and the recorders."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from adapters.jetstream.server import EmbeddedServer
from adapters.recorder_log import memory_log, sqlite_log
from adapters.wire import EVENT_BYTES_MAX
from application.ports import Capability, CaughtUp, EventLog, Stored, Token, Write
from domain.errors import BadRequest, Conflict, Corrupt
from domain.events import Recorded
from tests.support.events import job, queued, rejected, write
from tests.support.nats import fresh_stream, nats_server

__all__ = ["nats_server"]

SECONDS = 20.0
Racers = Callable[[], Awaitable[EventLog]]


@pytest.fixture(params=["jetstream", "memory", "sqlite"])
async def log(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventLog]:
    made: EventLog
    if request.param == "jetstream":
        server: EmbeddedServer = request.getfixturevalue("nats_server")
        made = await (await fresh_stream(server)).open()
    elif request.param == "memory":
        made = memory_log("hpc1")
    else:
        made = sqlite_log(tmp_path / "log.db", "hpc1")
    yield made
    await made.close()


async def backlog(
    log: EventLog, after: int = 0, types: frozenset[str] | None = None
) -> tuple[list[Stored], CaughtUp]:
    """All that is there, and the marker, which must be the end."""
    events: list[Stored] = []
    markers: list[CaughtUp] = []
    async with asyncio.timeout(SECONDS):
        async for item in log.read(after, types=types):
            assert not markers
            if isinstance(item, CaughtUp):
                markers.append(item)
            else:
                assert 1 <= len(item) <= 1000
                events += item
    (marker,) = markers
    return events, marker


def reasons(events: list[Stored] | tuple[Stored, ...]) -> list[str]:
    return [fact_of(event).data.reason for event in events]  # type: ignore[union-attr]


def fact_of(event: Stored) -> Recorded:
    assert isinstance(event.fact, Recorded)
    return event.fact


async def test_only_a_log_that_processes_share_says_that_it_can_follow_them(
    log: EventLog, request: pytest.FixtureRequest
) -> None:
    shared = request.node.callspec.params["log"] == "jetstream"
    assert (Capability.FOLLOW_ACROSS_PROCESSES in log.capabilities) is shared


async def test_a_new_log_is_empty(log: EventLog) -> None:
    identity = await log.identity()
    assert (identity.first, identity.last) == (0, 0)
    assert await log.load(job()) == ()
    assert await backlog(log) == ([], CaughtUp(0))


async def test_what_was_appended_is_loaded_as_it_was_decided(log: EventLog) -> None:
    first, second = rejected("Zürich \U0001f6d1 e\u0301 \x00 '\"\\"), queued()
    (token,) = await log.append([write(Token(), first)])
    (token,) = await log.append([write(token, second)])
    one, two = await log.load(job())
    assert fact_of(one) == Recorded(job(), 1, first)
    assert fact_of(two) == Recorded(job(), 2, second)
    assert (one.position, two.position) == (1, 2)
    assert (one.type, two.type) == ("JobRejected", "JobQueued")
    assert token == Token(2, 2, token.sha256)


async def test_a_load_after_a_token_gives_only_what_follows(log: EventLog) -> None:
    (token,) = await log.append([write(Token(), queued(), rejected("b"))])
    assert await log.load(job(), token) == ()
    await log.append([write(token, rejected("c"), rejected("d"))])
    assert reasons(await log.load(job(), token)) == ["c", "d"]


async def test_a_load_after_a_token_of_another_history_is_corrupt(log: EventLog) -> None:
    (token,) = await log.append([write(Token(), queued())])
    await log.append([write(token, queued())])
    with pytest.raises(Corrupt, match="hash"):
        await log.load(job(), Token(token.version, token.position, "0" * 64))


async def test_a_stale_token_is_a_conflict_and_stores_nothing(log: EventLog) -> None:
    (token,) = await log.append([write(Token(), queued())])
    await log.append([write(token, rejected("won"))])
    for stale in (Token(), token):
        with pytest.raises(Conflict):
            await log.append([write(stale, rejected("lost"))])
    assert (await log.identity()).last == 2


@pytest.mark.parametrize("others", [2, 40])
async def test_of_appends_that_are_made_together_each_has_its_own_answer(
    log: EventLog, others: int
) -> None:
    """Few go out side by side, many as one batch."""
    (before,) = await log.append([write(Token(), queued(), job=1)])
    too_big = rejected("x" * (EVENT_BYTES_MAX + 1))
    bad = [write(Token(), queued(), job=1), write(Token(), too_big, job=2)]
    good = [write(before, rejected("n"), job=1)]
    good += [write(Token(), queued(), rejected(str(n)), job=n) for n in range(3, others + 3)]
    lost, refused, *none = await log.append_each([*bad, *good[1:]])
    assert isinstance(lost, Conflict)
    assert isinstance(refused, BadRequest)
    assert [token.version for token in none if isinstance(token, Token)] == [2] * others
    (token,) = await log.append_each(good[:1])
    assert token == Token(2, 2 + 2 * others, token.sha256) if isinstance(token, Token) else False
    assert [len(await log.load(job(n))) for n in (1, 2, 3, others + 2)] == [2, 0, 2, 2]
    assert await log.append_each([]) == []


async def test_several_events_of_several_aggregates_are_stored_in_a_row(log: EventLog) -> None:
    (before,) = await log.append([write(Token(), queued(), job=1)])
    writes = [
        write(before, rejected("a"), rejected("b"), job=1),
        write(Token(), rejected("c"), job=2),
        write(Token(), rejected("d"), rejected("e"), job=3),
    ]
    tokens = await log.append(writes)
    assert [(t.version, t.position) for t in tokens] == [(3, 3), (1, 4), (2, 6)]
    events, _ = await backlog(log, after=1)
    assert reasons(events) == ["a", "b", "c", "d", "e"]
    for written, token in zip(writes, tokens, strict=True):
        (token,) = await log.append([Write(written.aggregate, (queued(),), token)])


@pytest.mark.parametrize("stale", [0, 1])
async def test_one_stale_token_among_several_stores_nothing(log: EventLog, stale: int) -> None:
    tokens = await log.append([write(Token(), queued(), job=1), write(Token(), queued(), job=2)])
    await log.append([write(tokens[stale], queued(), job=stale + 1)])
    with pytest.raises(Conflict):
        await log.append([write(t, queued(), queued(), job=n) for n, t in enumerate(tokens, 1)])
    assert (await log.identity()).last == 3


async def test_a_thousand_events_fit_and_one_more_does_not(log: EventLog) -> None:
    events = tuple(rejected(str(n)) for n in range(1001))
    with pytest.raises(BadRequest, match="1000"):
        await log.append([write(Token(), *events)])
    (token,) = await log.append([write(Token(), *events[:1000])])
    assert token.version == 1000
    assert reasons(await log.load(job())) == [str(n) for n in range(1000)]


async def test_nonsense_is_refused_before_anything_is_sent(log: EventLog) -> None:
    with pytest.raises(BadRequest, match="one write"):
        await log.append([write(Token(), queued()), write(Token(), queued())])
    with pytest.raises(BadRequest, match="no events"):
        await log.append([write(Token())])
    event = queued()
    with pytest.raises(BadRequest, match="same id"):
        await log.append([write(Token(), event), write(Token(), event, job=2)])
    with pytest.raises(BadRequest, match="bytes"):
        await log.append([write(Token(), rejected("x" * EVENT_BYTES_MAX))])
    with pytest.raises(BadRequest):
        await log.append([write(Token(), rejected("\ud800"))])
    assert await log.append([]) == ()
    assert (await log.identity()).last == 0


async def test_the_largest_event_is_stored(log: EventLog) -> None:
    overhead = 700
    one, two, three = (rejected("x" * (EVENT_BYTES_MAX - overhead)) for _ in range(3))
    (token,) = await log.append([write(Token(), one)])
    await log.append([write(token, two, three)])
    assert [len(e.raw) > EVENT_BYTES_MAX - overhead for e in await log.load(job())] == [True] * 3


async def test_of_two_writers_exactly_one_wins_each_race(log: EventLog) -> None:
    token = Token()
    for race in range(100):
        rivals = [log.append([write(token, rejected(f"{race}.{n}"))]) for n in range(2)]
        results = await asyncio.gather(*rivals, return_exceptions=True)
        won = [r for r in results if isinstance(r, tuple)]
        assert [type(r) for r in results if not isinstance(r, tuple)] == [Conflict]
        ((token,),) = won
    assert len(await log.load(job())) == 100
    assert (await log.identity()).last == 100


async def test_many_writers_at_once_lose_nothing(log: EventLog) -> None:
    async def writer(number: int) -> None:
        token = Token()
        for n in range(10):
            (token,) = await log.append([write(token, rejected(f"{n}"), job=number)])

    await asyncio.gather(*(writer(number) for number in range(1, 21)))
    for number in range(1, 21):
        assert reasons(await log.load(job(number))) == [str(n) for n in range(10)]


async def test_a_read_gives_everything_after_a_position_in_order(log: EventLog) -> None:
    token, sizes = Token(), [1000, 1000, 500]
    for size in sizes:
        (token,) = await log.append([write(token, *(rejected(str(n)) for n in range(size)))])
    events, marker = await backlog(log)
    assert [event.position for event in events] == list(range(1, 2501))
    assert marker == CaughtUp(2500)
    events, _ = await backlog(log, after=2498)
    assert [event.position for event in events] == [2499, 2500]
    assert await backlog(log, after=2500) == ([], CaughtUp(2500))


async def test_a_read_beyond_the_end_is_corrupt(log: EventLog) -> None:
    await log.append([write(Token(), queued())])
    with pytest.raises(Corrupt, match="ends at 1"):
        await backlog(log, after=2)


async def test_a_read_by_type_gives_only_those(log: EventLog) -> None:
    (token,) = await log.append([write(Token(), queued(), rejected("a"), queued())])
    await log.append([write(token, rejected("b"), queued())])
    events, marker = await backlog(log, types=frozenset({"JobRejected"}))
    assert [(e.position, e.type) for e in events] == [(2, "JobRejected"), (4, "JobRejected")]
    assert marker == CaughtUp(5)
    assert await backlog(log, types=frozenset({"JobAdded"})) == ([], CaughtUp(5))
    both, _ = await backlog(log, types=frozenset({"JobRejected", "JobQueued"}))
    assert len(both) == 5


@pytest.mark.parametrize("types", [None, frozenset({"JobRejected"})])
async def test_live_events_follow_the_marker(log: EventLog, types: frozenset[str] | None) -> None:
    (token,) = await log.append([write(Token(), rejected("0"))])
    async with asyncio.timeout(SECONDS), aclosing(log.read(0, types=types, follow=True)) as items:
        assert reasons(await anext(items)) == ["0"]  # type: ignore[arg-type]
        assert await anext(items) == CaughtUp(1)
        for n in range(1, 6):
            (token,) = await log.append([write(token, rejected(str(n)))])
            assert reasons(await anext(items)) == [str(n)]  # type: ignore[arg-type]


async def test_the_marker_comes_also_on_an_empty_log_that_is_followed(log: EventLog) -> None:
    async with asyncio.timeout(SECONDS), aclosing(log.read(0, follow=True)) as items:
        assert await anext(items) == CaughtUp(0)
        await log.append([write(Token(), rejected("first"))])
        assert reasons(await anext(items)) == ["first"]  # type: ignore[arg-type]


async def test_a_follower_misses_nothing_while_others_write(log: EventLog) -> None:
    async def writer(number: int) -> None:
        token = Token()
        for _ in range(25):
            (token,) = await log.append([write(token, queued(), job=number)])

    seen: list[int] = []
    writers = asyncio.gather(*(writer(number) for number in range(1, 9)))
    async with asyncio.timeout(SECONDS), aclosing(log.read(0, follow=True)) as items:
        async for item in items:
            if not isinstance(item, CaughtUp):
                seen += [event.position for event in item]
            if len(seen) >= 200:
                break
    await writers
    assert seen == list(range(1, 201))
