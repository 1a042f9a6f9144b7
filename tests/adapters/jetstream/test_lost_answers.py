"""An append whose answer is lost is stored once, and says so."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.publish import Patience
from application.ports import CaughtUp, Token
from domain.errors import Conflict, OutcomeUnknown, Unavailable
from tests.support.events import job, queued, rejected, write
from tests.support.nats import Nats, nats_server, nats_stream
from tests.support.proxy import Proxy, proxy_to

__all__ = ["nats_server", "nats_stream"]

QUICK = Patience(deadline_seconds=5.0, answer_seconds=0.3)
ACK = b'"stream":'


@pytest.fixture
async def proxied(nats_stream: Nats) -> AsyncIterator[tuple[Proxy, JetStreamLog]]:
    async with proxy_to(nats_stream.server.url) as (proxy, url):
        log = await nats_stream.open(url=url, patience=QUICK)
        yield proxy, log
        await log.close()


async def positions(log: JetStreamLog) -> list[int]:
    found: list[int] = []
    async for item in log.read(0):
        if not isinstance(item, CaughtUp):
            found += [event.position for event in item]
    return found


@pytest.mark.parametrize("cut", [False, True])
async def test_a_single_event_is_stored_once(
    proxied: tuple[Proxy, JetStreamLog], *, cut: bool
) -> None:
    proxy, log = proxied
    (token,) = await log.append([write(Token(), queued())])
    proxy.lose(b"Nats-Msg-Id", ACK, cut=cut)
    (token,) = await log.append([write(token, rejected("once"))])
    assert proxy.lost.is_set()
    assert (token.version, token.position) == (2, 2)
    (token,) = await log.append([write(token, queued())])
    assert await positions(log) == [1, 2, 3]


@pytest.mark.parametrize("cut", [False, True])
async def test_a_batch_is_stored_once(proxied: tuple[Proxy, JetStreamLog], *, cut: bool) -> None:
    proxy, log = proxied
    (token,) = await log.append([write(Token(), queued(), job=1)])
    proxy.lose(b"Nats-Batch-Commit", ACK, cut=cut)
    tokens = await log.append(
        [
            write(token, rejected("a"), rejected("b"), job=1),
            write(Token(), rejected("c"), job=2),
        ]
    )
    assert proxy.lost.is_set()
    assert [(t.version, t.position) for t in tokens] == [(3, 3), (1, 4)]
    await log.append([write(tokens[0], queued(), job=1), write(tokens[1], queued(), job=2)])
    assert await positions(log) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("marker", [b"Nats-Msg-Id", b"Nats-Batch-Commit"])
async def test_what_never_arrived_is_sent_again(
    proxied: tuple[Proxy, JetStreamLog], marker: bytes
) -> None:
    proxy, log = proxied
    events = (queued(),) if marker == b"Nats-Msg-Id" else (queued(), queued())
    proxy.lose_request(marker)
    (token,) = await log.append([write(Token(), *events)])
    assert proxy.lost.is_set()
    assert token.position == len(events)
    assert await positions(log) == list(range(1, len(events) + 1))


async def test_a_conflict_behind_a_lost_answer_is_a_conflict(
    proxied: tuple[Proxy, JetStreamLog],
) -> None:
    proxy, log = proxied
    await log.append([write(Token(), queued())])
    proxy.lose(b"Nats-Msg-Id", b"err_code", cut=False)
    with pytest.raises(Conflict):
        await log.append([write(Token(), queued())])
    assert proxy.lost.is_set()
    assert len(await log.load(job())) == 1


async def test_without_a_server_nothing_is_sent(nats_stream: Nats) -> None:
    async with proxy_to(nats_stream.server.url) as (proxy, url):
        patience = Patience(deadline_seconds=0.5, answer_seconds=0.2)
        log = await nats_stream.open(url=url, patience=patience)
        await log.append([write(Token(), queued())])
    proxy.cut()
    await _until_lost(log)
    with pytest.raises(Unavailable) as caught:
        await log.append([write(Token(), queued(), job=2)])
    assert not isinstance(caught.value, OutcomeUnknown)
    assert not log.health.connected
    await log.close()


async def test_an_answer_that_nobody_can_find_is_unknown(nats_stream: Nats) -> None:
    async with proxy_to(nats_stream.server.url) as (proxy, url):
        patience = Patience(deadline_seconds=1.0, answer_seconds=0.2)
        log = await nats_stream.open(url=url, patience=patience)
        appending = asyncio.create_task(log.append([write(Token(), rejected("maybe"))]))
        proxy.swallow()
        with pytest.raises(OutcomeUnknown):
            await appending
        await log.close()


async def _until_lost(log: JetStreamLog) -> None:
    async with asyncio.timeout(5):
        while log.health.connected:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
