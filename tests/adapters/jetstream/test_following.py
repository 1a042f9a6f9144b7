"""Following and loading on a real stream: other processes, foreign bytes, slow readers, races."""

import asyncio
import sys
from contextlib import aclosing

import msgspec
import pytest

from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.connection import Connection
from adapters.jetstream.log import JetStreamLog
from application.ports import Capability, CaughtUp, Stored, Token, Undecodable
from domain.errors import Conflict, Corrupt, Unavailable
from domain.events import Recorded
from tests.support.events import job, queued, rejected, write
from tests.support.nats import (
    AdminServer,
    Nats,
    admin_server,
    fresh_stream,
    nats_log,
    nats_server,
    nats_stream,
)
from tests.support.proxy import proxy_to
from tests.support.stack import until_true
from tests.support.waiting import eventually

__all__ = ["admin_server", "nats_log", "nats_server", "nats_stream"]

SECONDS = 30.0
LATENCY_SECONDS_MAX = 0.5
"""Generous: the machine may be busy. Without a standing pull it would be a second or more."""


async def everything(log: JetStreamLog) -> list[Stored]:
    return [e async for b in log.read(0) if not isinstance(b, CaughtUp) for e in b]


async def smuggle(nats: Nats, subject: str, data: bytes) -> None:
    """Bytes that no codec of ours made, by the one user who may publish."""
    connection = await Connection.open(nats.address(NatsRole.SERVICE))
    name = f"countermand.{nats.spec.cluster}.{subject}"
    assert b'"error"' not in (await connection.request(name, data, 5)).data
    await connection.close()


async def test_another_connection_is_followed_at_once(nats_stream: Nats) -> None:
    writer, reader = await nats_stream.open(), await nats_stream.open()
    assert Capability.FOLLOW_ACROSS_PROCESSES in reader.capabilities
    loop, token, delays = asyncio.get_running_loop(), Token(), []
    async with asyncio.timeout(SECONDS), aclosing(reader.read(0, follow=True)) as items:
        assert await anext(items) == CaughtUp(0)
        for n in range(20):
            (token,) = await writer.append([write(token, rejected(str(n)))])
            began = loop.time()
            await anext(items)
            delays.append(loop.time() - began)
    assert sorted(delays)[10] < LATENCY_SECONDS_MAX
    await writer.close()
    await reader.close()


async def test_another_process_is_followed(nats_stream: Nats) -> None:
    log = await nats_stream.open()
    login = nats_stream.server.logins[NatsRole.SERVICE]
    spec = nats_stream.spec
    arguments = [nats_stream.server.url, login.password, spec.cluster, spec.stream, "50"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.append_events", *arguments
    )
    seen: list[int] = []
    async with asyncio.timeout(SECONDS), aclosing(log.read(0, follow=True)) as items:
        async for item in items:
            seen += [] if isinstance(item, CaughtUp) else [event.position for event in item]
            if len(seen) == 50:
                break
    assert seen == list(range(1, 51))
    assert await process.wait() == 0
    await log.close()


async def test_writers_on_two_connections_race_a_hundred_times(nats_stream: Nats) -> None:
    logs = [await nats_stream.open() for _ in range(2)]
    token = Token()
    for race in range(100):
        rivals = (log.append([write(token, rejected(f"{race}"))]) for log in logs)
        results = await asyncio.gather(*rivals, return_exceptions=True)
        won = [result for result in results if isinstance(result, tuple)]
        assert [type(r) for r in results if not isinstance(r, tuple)] == [Conflict]
        ((token,),) = won
    assert len(await everything(logs[0])) == 100
    for log in logs:
        await log.close()


async def test_batches_on_two_connections_race(nats_stream: Nats) -> None:
    logs = [await nats_stream.open() for _ in range(2)]
    token = Token()
    for race in range(20):
        rivals = (log.append([write(token, queued(), rejected(f"{race}"))]) for log in logs)
        results = await asyncio.gather(*rivals, return_exceptions=True)
        ((token,),) = [result for result in results if isinstance(result, tuple)]
    assert len(await everything(logs[0])) == 40
    for log in logs:
        await log.close()


async def test_foreign_bytes_are_read_but_not_decoded(
    nats_stream: Nats, nats_log: JetStreamLog
) -> None:
    await nats_log.append([write(Token(), queued())])
    await smuggle(nats_stream, "job.2.JobQueued", b"not JSON")
    await nats_log.append([write(Token(), rejected("after"), job=3)])
    one, two, three = await everything(nats_log)
    assert isinstance(one.fact, Recorded)
    assert isinstance(two.fact, Undecodable)
    assert isinstance(three.fact, Recorded)
    assert (two.raw, two.fact.version, two.aggregate) == (b"not JSON", None, job(2))
    assert [event.raw for event in await nats_log.load(job(2))] == [b"not JSON"]


async def test_an_unknown_event_keeps_its_place_in_the_chain(
    nats_stream: Nats, nats_log: JetStreamLog
) -> None:
    await nats_log.append([write(Token(), queued())])
    (known,) = await nats_log.load(job())
    stranger = known.raw.replace(b"JobQueued", b"JobDreamt").replace(b"job/1", b"job/2")
    await smuggle(nats_stream, "job.2.JobDreamt", stranger)
    (unknown,) = await nats_log.load(job(2))
    assert unknown.type == "JobDreamt"
    assert isinstance(unknown.fact, Undecodable)
    assert unknown.fact.version == 1
    assert "not registered" in unknown.fact.reason


async def test_a_copy_of_an_event_breaks_the_chain(
    nats_stream: Nats, nats_log: JetStreamLog
) -> None:
    await nats_log.append([write(Token(), queued())])
    (event,) = await nats_log.load(job())
    await smuggle(nats_stream, "job.1.JobQueued", event.raw)
    with pytest.raises(Corrupt, match="has version 1, expected 2"):
        await nats_log.load(job())


async def test_a_reader_that_dawdles_gets_everything(nats_log: JetStreamLog) -> None:
    token = Token()
    for _ in range(3):
        (token,) = await nats_log.append([write(token, *(queued() for _ in range(1000)))])
    seen = 0
    async with asyncio.timeout(SECONDS), aclosing(nats_log.read(0, follow=True)) as items:
        async for item in items:
            if isinstance(item, CaughtUp):
                break
            seen += len(item)
            (token,) = await nats_log.append([write(token, queued())])
    assert seen == 3000


async def test_a_cut_connection_loses_and_doubles_nothing(nats_stream: Nats) -> None:
    writer = await nats_stream.open()
    async with proxy_to(nats_stream.server.url) as (proxy, url):
        reader = await nats_stream.open(url=url)
        token, seen = Token(), list[int]()
        async with asyncio.timeout(SECONDS), aclosing(reader.read(0, follow=True)) as items:
            while len(seen) < 60:
                if token.version < 60:
                    events = (queued(), queued(), queued())
                    (token,) = await writer.append([write(token, *events)])
                if token.version % 15 == 0:
                    proxy.cut()
                item = await anext(items)
                seen += [] if isinstance(item, CaughtUp) else [event.position for event in item]
        assert seen == list(range(1, 61))
        await reader.identity()  # nats-py closed in the middle of coming back leaves a socket open
        assert reader.health.reconnects >= 1
        await reader.close()
    await writer.close()


class Consumers(msgspec.Struct, frozen=True):
    """The names of a stream's consumers."""

    consumers: list[str]


@pytest.mark.parametrize("types", [None, frozenset({"JobRejected"})])
async def test_a_consumer_taken_away_is_replaced(
    admin_server: AdminServer, types: frozenset[str] | None
) -> None:
    nats = await fresh_stream(admin_server)
    log, stream, token, seen = await nats.open(), nats.spec.stream, Token(), list[int]()
    async with (
        asyncio.timeout(SECONDS),
        admin_server.connection() as admin,
        aclosing(log.read(0, types=types, follow=True)) as items,
    ):
        assert await anext(items) == CaughtUp(0)
        for n in range(3):
            found = await admin.call(f"$JS.API.CONSUMER.NAMES.{stream}", None, Consumers, 5)
            for name in found.consumers:
                await admin.call(f"$JS.API.CONSUMER.DELETE.{stream}.{name}", None, object, 5)
            (token,) = await log.append([write(token, rejected(str(n)))])
            batch = await anext(items)
            assert not isinstance(batch, CaughtUp)
            seen += [event.position for event in batch]
    assert seen == [1, 2, 3]
    await log.close()


async def test_readers_come_and_go_without_a_trace(nats_log: JetStreamLog) -> None:
    await nats_log.append([write(Token(), queued())])
    for _ in range(5):
        async with aclosing(nats_log.read(0, follow=True)) as items:
            await anext(items)
        assert len(await everything(nats_log)) == 1


async def names_of_consumers(server: AdminServer, stream: str) -> list[str]:
    async with server.connection() as admin:
        subject = f"$JS.API.CONSUMER.NAMES.{stream}"
        return (await admin.call(subject, None, Consumers, 5)).consumers


async def test_all_followers_share_one_consumer_and_each_gets_everything(
    admin_server: AdminServer,
) -> None:
    """Whoever is slow, comes late, or leaves early: nothing is lost and nothing comes twice."""
    nats = await fresh_stream(admin_server)
    log, token, last = await nats.open(), Token(), 9000
    seen: dict[str, list[int]] = {"quick": [], "slow": [], "late": []}
    both, slowly = asyncio.Event(), asyncio.Event()

    async def follow(name: str, after: int, until: int, hold: asyncio.Event | None = None) -> None:
        async with aclosing(log.read(after, follow=True)) as items:
            async for item in items:
                if isinstance(item, CaughtUp):
                    both.set() if name == "slow" else None
                    continue
                seen[name] += [event.position for event in item]
                if seen[name][-1] >= until:
                    return
                if hold is not None:
                    await hold.wait()

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        group.create_task(follow("quick", 0, last))
        group.create_task(follow("slow", 0, last, slowly))
        await both.wait()
        for n in range(9):
            (token,) = await log.append([write(token, *(queued() for _ in range(1000)))])
            if n == 4:
                group.create_task(follow("late", 2500, 7000))
        await eventually(lambda: seen["quick"][-1:] == [last], "the quick one has all")
        assert len(await names_of_consumers(admin_server, nats.spec.stream)) <= 2
        slowly.set()
    assert seen["quick"] == seen["slow"] == list(range(1, last + 1))
    assert seen["late"][0] == 2501
    assert seen["late"] == list(range(2501, seen["late"][-1] + 1))

    async def gone() -> bool:
        return await names_of_consumers(admin_server, nats.spec.stream) == []

    await until_true(gone, lambda: "the end of the consumer with the last follower")
    await log.close()


async def test_what_ends_the_shared_reader_is_told_to_every_follower(
    admin_server: AdminServer,
) -> None:
    nats = await fresh_stream(admin_server)
    log, told = await nats.open(), list[str]()
    ready = asyncio.Semaphore(0)

    async def follow() -> None:
        async with aclosing(log.read(0, follow=True)) as items:
            assert await anext(items) == CaughtUp(0)
            ready.release()
            with pytest.raises(Corrupt) as error:
                await anext(items)
            told.append(error.value.message)

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(follow())
        for _ in range(3):
            await ready.acquire()
        async with admin_server.connection() as admin:
            await admin.call(f"$JS.API.STREAM.DELETE.{nats.spec.stream}", None, object, 5)
    assert len(told) == 3
    await log.close()


async def test_a_follower_of_a_closed_log_is_told(nats_log: JetStreamLog) -> None:
    async with asyncio.timeout(SECONDS), aclosing(nats_log.read(0, follow=True)) as items:
        assert await anext(items) == CaughtUp(0)
        await nats_log.append([write(Token(), queued())])
        await anext(items)
        waiting = asyncio.create_task(anext(items))
        await nats_log.close()
        with pytest.raises(Unavailable, match="closed"):
            await waiting


async def test_streams_on_one_server_do_not_mix(nats_stream: Nats, nats_log: JetStreamLog) -> None:
    other = await fresh_stream(nats_stream.server)
    log = await other.open()
    await log.append([write(Token(), queued())])
    assert (await nats_log.identity()).last == 0
    assert (await nats_log.identity()).id != (await log.identity()).id
    await log.close()
