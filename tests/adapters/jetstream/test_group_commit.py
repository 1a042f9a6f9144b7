"""Many appends in flight on a real server: batches, and each caller is told its own truth."""

import asyncio
from collections.abc import Sequence

import pytest

from adapters.jetstream.grouping import CALLS_ALONE_MAX
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.publish import Patience
from application.ports import CaughtUp, Token
from domain.errors import Conflict, CountermandError, OutcomeUnknown
from tests.support.events import job, queued, rejected, write
from tests.support.nats import Nats, nats_server, nats_stream
from tests.support.proxy import proxy_to

__all__ = ["nats_server", "nats_stream"]

MANY = 4 * CALLS_ALONE_MAX
QUICK = Patience(deadline_seconds=5.0, answer_seconds=0.3)
ACK = b'"stream":'

Outcome = tuple[Token, ...] | BaseException


async def append_all(log: JetStreamLog, jobs: Sequence[int]) -> list[Outcome]:
    """One first event for each job, all in flight at once; what each caller is told."""
    calls = (log.append([write(Token(), rejected(f"of {n}"), job=n)]) for n in jobs)
    return await asyncio.gather(*calls, return_exceptions=True)


async def stored_by_job(log: JetStreamLog) -> dict[str, list[int]]:
    """Positions of every job's events."""
    found = dict[str, list[int]]()
    async for item in log.read(0):
        if not isinstance(item, CaughtUp):
            for event in item:
                found.setdefault(event.aggregate.id, []).append(event.position)
    return found


async def test_each_of_many_is_stored_once_where_its_caller_is_told(nats_stream: Nats) -> None:
    log = await nats_stream.open()
    told = await append_all(log, range(1, MANY + 1))
    places = {str(n): [one[0].position] for n, one in enumerate(told, 1) if isinstance(one, tuple)}
    assert len(places) == MANY
    assert await stored_by_job(log) == places
    await log.close()


async def test_a_taken_version_fails_its_own_caller_only(nats_stream: Nats) -> None:
    log = await nats_stream.open()
    taken = [MANY - 3, MANY - 20]
    for number in taken:
        await log.append([write(Token(), queued(), job=number)])
    told = await append_all(log, range(1, MANY + 1))
    conflicts = [n for n, one in enumerate(told, 1) if isinstance(one, Conflict)]
    assert conflicts == sorted(taken)
    assert sum(isinstance(one, tuple) for one in told) == MANY - len(taken)
    found = await stored_by_job(log)
    assert {len(positions) for positions in found.values()} == {1}
    assert len(found) == MANY
    await log.close()


@pytest.mark.parametrize("cut", [False, True])
async def test_a_batch_whose_answer_is_lost_is_stored_once(nats_stream: Nats, *, cut: bool) -> None:
    async with proxy_to(nats_stream.server.url) as (proxy, url):
        log = await nats_stream.open(url=url, patience=QUICK)
        proxy.lose(b"Nats-Batch-Commit", ACK, cut=cut)
        told = await append_all(log, range(1, MANY + 1))
        assert proxy.lost.is_set()
        places = {str(n): [x[0].position] for n, x in enumerate(told, 1) if isinstance(x, tuple)}
        assert len(places) == MANY
        assert await stored_by_job(log) == places
        await log.close()


async def test_nobody_is_told_of_success_when_no_answer_ever_comes(nats_stream: Nats) -> None:
    async with proxy_to(nats_stream.server.url) as (proxy, url):
        patience = Patience(deadline_seconds=1.0, answer_seconds=0.2)
        log = await nats_stream.open(url=url, patience=patience)
        appending = asyncio.create_task(append_all(log, range(1, MANY + 1)))
        proxy.swallow()
        told = await appending
        assert all(isinstance(one, OutcomeUnknown) for one in told)
        await log.close()


async def test_what_nobody_waits_for_any_more_is_marked_too(nats_stream: Nats) -> None:
    log = await nats_stream.open()
    marked = asyncio.Event()
    log.stored = lambda position, _: marked.set() if position == 2 else None
    pair = write(Token(), queued(), rejected("both"), job=1)
    appending = asyncio.create_task(log.append([pair]))
    await asyncio.sleep(0)
    appending.cancel()
    async with asyncio.timeout(5):
        await marked.wait()
    assert len(await log.load(job(1))) == 2
    await log.close()


async def test_a_log_that_closes_leaves_nobody_waiting(nats_stream: Nats) -> None:
    async with proxy_to(nats_stream.server.url) as (proxy, url):
        log = await nats_stream.open(url=url, patience=QUICK)
        proxy.swallow()
        appending = asyncio.create_task(append_all(log, range(1, MANY + 1)))
        await asyncio.sleep(0)
        await log.close()
        async with asyncio.timeout(QUICK.deadline_seconds + 5):
            told = await appending
        assert all(isinstance(x, CountermandError | asyncio.CancelledError) for x in told)
