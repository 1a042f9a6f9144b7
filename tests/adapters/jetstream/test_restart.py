"""The nats-server is killed under load: nothing is lost, nothing comes twice, order is kept."""

import asyncio
import os
import signal
from contextlib import aclosing
from pathlib import Path

import pytest

from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.publish import Patience
from adapters.jetstream.server import EmbeddedServer
from application.ports import CaughtUp, Stored, Token
from domain.errors import Conflict, OutcomeUnknown, Unavailable
from domain.events import Recorded
from tests.support.events import job, rejected, write
from tests.support.nats import fresh_stream, own_server

KILLS = 3
EVENTS_BETWEEN_KILLS = 60
SECONDS = 60.0
PATIENT = Patience(deadline_seconds=20.0, answer_seconds=1.0)


class Load:
    """Writers that append without pause, one job each, and remember what was acknowledged."""

    def __init__(self, log: JetStreamLog) -> None:
        self.acknowledged: list[str] = []
        self.enough = asyncio.Condition()
        self._log = log
        self._stop = False

    async def write(self, number: int) -> None:
        token = Token()
        while not self._stop:
            events = [rejected(f"{number}.{token.version + n}") for n in range(1 + number % 2)]
            try:
                (token,) = await self._log.append([write(token, *events, job=number)])
            except (OutcomeUnknown, Unavailable, Conflict):
                stored = await self._log.load(job(number))
                pytest.fail(f"the log gave up on job {number} after {len(stored)} events")
            async with self.enough:
                self.acknowledged += [event.id for event in events]
                self.enough.notify_all()

    async def more(self, count: int) -> None:
        """Return when ``count`` more were acknowledged."""
        target = len(self.acknowledged) + count
        async with self.enough:
            await self.enough.wait_for(lambda: len(self.acknowledged) >= target)

    def stop(self) -> None:
        self._stop = True


async def follow(log: JetStreamLog, seen: list[Stored], wanted: asyncio.Future[int]) -> None:
    async with aclosing(log.read(0, follow=True)) as items:
        async for item in items:
            if not isinstance(item, CaughtUp):
                seen += item
            if wanted.done() and len(seen) >= wanted.result():
                return


def id_of(stored: Stored) -> str:
    assert isinstance(stored.fact, Recorded)
    return stored.fact.event.id


async def kill(server: EmbeddedServer) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)


async def test_killed_under_load_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    async with asyncio.timeout(SECONDS), own_server(tmp_path) as server:
        nats = await fresh_stream(server)
        log = await nats.open(patience=PATIENT)
        load, seen = Load(log), list[Stored]()
        wanted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        follower = asyncio.create_task(follow(log, seen, wanted))
        writers = [asyncio.create_task(load.write(number)) for number in range(1, 5)]
        for _ in range(KILLS):
            await load.more(EVENTS_BETWEEN_KILLS)
            await kill(server)
        await load.more(EVENTS_BETWEEN_KILLS)
        load.stop()
        await asyncio.gather(*writers)
        last = (await log.identity()).last
        wanted.set_result(last)
        await log.append([write(Token(), rejected("end"), job=99)])
        await follower
        assert len(server.exits) == KILLS
        assert [event.position for event in seen] == list(range(1, len(seen) + 1))
        ids = [id_of(event) for event in seen]
        assert len(set(ids)) == len(ids)
        assert set(load.acknowledged) <= set(ids)
        assert len(load.acknowledged) == last
        await log.close()


async def test_the_same_addresses_serve_after_a_restart(tmp_path: Path) -> None:
    async with asyncio.timeout(SECONDS), own_server(tmp_path) as server:
        before = (server.url, server.monitor_url, server.pid)
        nats = await fresh_stream(server)
        log = await nats.open(patience=PATIENT)
        await kill(server)
        await log.append([write(Token(), rejected("after"))])
        assert (server.url, server.monitor_url) == before[:2]
        assert server.pid != before[2]
        assert server.exits[0].status == -signal.SIGKILL
        await log.close()
