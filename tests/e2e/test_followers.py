"""The live stream for many: two hundred at once, some that hang or die, and a hundred cuts."""

import asyncio
import json
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.e2e.said import COUNTERMAND
from tests.e2e.service import Service
from tests.e2e.stream import Event, check_history, read_stream
from tests.support.cutting_proxy import CuttingProxy, cutting
from tests.support.sse import Follower, Pair
from tests.support.waiting import eventually
from tests.support.web import NO_TLS, Json

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

FOLLOWERS: Final = 200
JOBS: Final = 60
CUTS: Final = 100
SOME_EVENTS: Final = 16_000
"""Bytes of a connection."""
SECONDS_MAX: Final = 100.0
BIG: Final = "x" * 8000
TYPES: Final = frozenset({"JobCancelRequested", "JobCanceled"})


# --- what goes on meanwhile -----------------------------------------------------------------------


class Work:
    """Jobs that are made and canceled, one after the other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.position = 0

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """On the Unix socket."""
        transport = httpx.AsyncHTTPTransport(uds=self.path, verify=NO_TLS)
        base = "http://countermand/api/v1"
        async with httpx.AsyncClient(transport=transport, base_url=base, timeout=60) as client:
            yield client

    @property
    def path(self) -> str:
        return str(self._service.data / "run" / "countermand.sock")

    async def round(self, client: httpx.AsyncClient, command: str = "true") -> None:
        """A job is made, canceled, and has ended; ``position`` is then that of the cancel."""
        body = {"tasks": [{"command": command}], "submit": False}
        made = await asked(client, "/jobs", body)
        receipt = await asked(client, f"/jobs/{made['job_id']}/cancel", {"message": "one more"})
        self.position = receipt["position"]

    async def end(self, client: httpx.AsyncClient) -> int:
        """The last event there is, when nothing is under way any more."""
        job = await asked(client, "/jobs", {"tasks": [{"command": "true"}], "submit": False})
        await asked(client, f"/jobs/{job['job_id']}/cancel", {})
        answer = await client.get(
            f"/jobs/{job['job_id']}", params={"until": "ended", "timeout_seconds": "30"}
        )
        assert answer.json()["state"] == "Canceled"
        return int(answer.json()["position"])


async def asked(client: httpx.AsyncClient, path: str, body: Json) -> Json:
    answer = await client.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    found: Json = answer.json()
    return found


@asynccontextmanager
async def running(followers: Sequence[Follower]) -> AsyncIterator[None]:
    """All of them follow, for as long as this lasts."""
    tasks = [asyncio.create_task(one.run()) for one in followers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def is_exactly(follower: Follower, wanted: Sequence[Event]) -> None:
    """Each of these events once, in order, with the stream's own bytes in it."""
    assert [x.id for x in follower.shown] == [e.position for e in wanted]
    for shown, event in zip(follower.shown, wanted, strict=True):
        assert shown.type == event.type
        assert event.raw in shown.data
        assert shown.body["position"] == event.position


# --- two hundred ----------------------------------------------------------------------------------


async def test_two_hundred_at_once_get_every_event_once_in_order(service: Service) -> None:
    """With every kind of filter and from any place, while cancels go on."""
    service.start()
    work, chance = Work(service), random.Random(200)
    connect = partial(asyncio.open_unix_connection, work.path, limit=2**20)
    queries: list[tuple[str, Callable[[Event], bool]]] = [
        ("", lambda e: True),
        ("type=JobCanceled&type=JobCancelRequested", lambda e: e.type in TYPES),
        ("actor=countermand", lambda e: e.body["authid"] == "countermand"),
        ("actor=countermand&type=JobCancelRequested", lambda e: False),
    ]
    followers: list[tuple[Follower, int, Callable[[Event], bool]]] = []
    async with asyncio.timeout(SECONDS_MAX), AsyncExitStack() as stack:
        client = await stack.enter_async_context(work.client())
        for n in range(JOBS):
            await work.round(client)
            for _ in range(FOLLOWERS // JOBS + (n < FOLLOWERS % JOBS)):
                query, fits = queries[chance.choice((0, 0, 0, 1, 2, 3))]
                after = chance.choice((0, work.position, chance.randint(0, work.position)))
                one = Follower(connect, query, after)
                followers.append((one, after, fits))
                await stack.enter_async_context(running([one]))
        assert len(followers) == FOLLOWERS
        for _ in range(JOBS):
            await work.round(client)
        last = await work.end(client)
        await asyncio.gather(*(one.reach(last) for one, _, _ in followers))
    stream = await read_stream(service.endpoint)
    check_history(stream)
    for one, after, fits in followers:
        is_exactly(one, [e for e in stream if e.position > after and fits(e)])
        assert (one.connections, one.caught_up) == (1, 1)
    assert service.health()["status"] == "ready"
    assert "unexpected_error" not in service.log


# --- some that hang, and some that die ------------------------------------------------------------


async def test_who_hangs_and_who_dies_takes_nothing_from_the_others(service: Service) -> None:
    service.start()
    work = Work(service)
    connect = partial(asyncio.open_unix_connection, work.path, limit=2**20)
    followers = [Follower(connect) for _ in range(20)]
    hanging = [asked_for_the_stream(work.path) for _ in range(5)]
    async with asyncio.timeout(SECONDS_MAX), work.client() as client, running(followers):
        for n in range(150):
            await work.round(client, command=BIG)
            if n % 10 == 0:
                await one_that_dies(work.path)
        last = await work.end(client)
        await asyncio.gather(*(one.reach(last) for one in followers))
        assert all(not ended(sock) for sock in hanging), "they hang, and hung all the time"
    for sock in hanging:
        sock.close()
    stream = await read_stream(service.endpoint)
    for one in followers:
        is_exactly(one, stream)
    assert service.health()["status"] == "ready"
    assert "unexpected_error" not in service.log
    assert service.stop() < 5.0


def asked_for_the_stream(path: str) -> socket.socket:
    """A client that asks and reads nothing."""
    sock = socket.socket(socket.AF_UNIX)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(path)
    sock.sendall(b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
    return sock


def ended(sock: socket.socket) -> bool:
    """Whether the service has ended the connection: what is unread does not tell, a write does."""
    try:
        sock.send(b"\r\n", socket.MSG_NOSIGNAL)
    except OSError:
        return True
    return False


async def one_that_dies(path: str) -> None:
    """A process that is killed in the middle of reading."""
    script = (
        "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
        "s.sendall(b'GET /api/v1/events HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n');"
        "print(len(s.recv(100)), flush=True); s.recv(1); sys.stdin.read()"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", script, path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    assert await child.stdout.readline()
    child.kill()
    await child.communicate()


# --- a hundred cuts -------------------------------------------------------------------------------


class Watch:
    """``countermand watch`` in a process of its own."""

    def __init__(self, service: Service, name: str, where: str, *options: str) -> None:
        self._out = service.home / f"{name}.out"
        self._err = service.home / f"{name}.err"
        self._environment = service.clean_environment()
        token = str(service.data / "run" / "token")
        self._command = [COUNTERMAND, "watch", "--from", "1", "-o", "ndjson", "--endpoint", where]
        self._command += [*(["--token", token] if "://" in where else []), *options]

    async def __aenter__(self) -> "Watch":
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, env=self._environment, stdout=out, stderr=err
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    def printed(self) -> list[Json]:
        """Whole lines of stdout."""
        *lines, _ = self._out.read_bytes().split(b"\n")
        return [json.loads(line) for line in lines]

    def said(self) -> str:
        return self._err.read_text()

    async def reach(self, position: int) -> None:
        """Return when the event at this position has been printed."""
        await eventually(
            lambda: any(x["position"] == position for x in self.printed()[-5:]),
            f"watch prints event {position}; it said {self.said()[-500:]}",
            seconds=SECONDS_MAX,
        )

    async def interrupted(self) -> int:
        """Ctrl-C, and the exit status."""
        self.process.send_signal(signal.SIGINT)
        return await self.process.wait()


def cuts(chance: random.Random, bytes_max: int) -> list[int]:
    """A hundred at random, many of them before anything has arrived; every third connection lasts
    for some events more: ``watch`` waits longer each time that nothing came, up to 5 s, and it is
    not the waiting that is tried here.
    """
    at_random = (chance.randrange(bytes_max) for _ in range(CUTS))
    return [x for n, cut in enumerate(at_random) for x in ((SOME_EVENTS, cut)[n % 2 :])]


class Four:
    """A plain client with ``Last-Event-ID`` and ``watch``, each with and without a filter.

    Each goes through a proxy of its own, which cuts it a hundred times and more.
    """

    def __init__(self, service: Service, chance: random.Random, directory: Path) -> None:
        self._service = service
        self._chance = chance
        self._directory = directory
        self._stack = AsyncExitStack()
        self._proxies: list[CuttingProxy] = []

    async def __aenter__(self) -> "Four":
        types = sorted(TYPES)
        connects = [
            partial(asyncio.open_unix_connection, await self._proxy(n), limit=2**20)
            for n in (5000, 3000)
        ]
        self.plain = Follower(connects[0])
        self.chosen = Follower(connects[1], "&".join(f"type={x}" for x in types))
        options = [x for name in types for x in ("--type", name)]
        whole = Watch(self._service, "whole", await self._proxy(5001, tcp=True))
        some = Watch(self._service, "some", await self._proxy(3001), *options)
        self.whole = await self._stack.enter_async_context(whole)
        self.some = await self._stack.enter_async_context(some)
        await self._stack.enter_async_context(running([self.plain, self.chosen]))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def begun(self) -> None:
        """Return when each has been connected: the first connection of watch must succeed."""
        await eventually(
            lambda: all(proxy.connected for proxy in self._proxies), "all are connected"
        )

    def check_running(self) -> None:
        """No watch has given up."""
        for watch in (self.whole, self.some):
            assert watch.process.returncode is None, watch.said()[-500:]

    @property
    def cut(self) -> bool:
        """Whether every one of them has been cut as often as it shall be."""
        return all(proxy.made > CUTS and not proxy.cuts for proxy in self._proxies)

    async def reach(self, position: int) -> None:
        """All of them have had this event."""
        all_of_them = (self.plain, self.chosen, self.whole, self.some)
        await asyncio.gather(*(one.reach(position) for one in all_of_them))

    async def _proxy(self, bytes_max: int, tcp: bool = False) -> str:
        """A new one that lets at most so many bytes pass a connection; where it is."""
        at = None if tcp else self._directory / f"{bytes_max}.sock"
        server = self._by_tcp if tcp else self._by_socket
        proxy, where = await self._stack.enter_async_context(cutting(server, self._chance, at))
        proxy.cuts = cuts(self._chance, bytes_max)
        self._proxies.append(proxy)
        return where

    async def _by_socket(self) -> Pair:
        return await asyncio.open_unix_connection(self._service.endpoint["socket"])

    async def _by_tcp(self) -> Pair:
        """Wherever it is by now."""
        try:
            host, port = self._service.endpoint["http"].removeprefix("http://").split(":")
        except OSError:
            raise ConnectionRefusedError("there is no service") from None
        return await asyncio.open_connection(host, int(port))


@pytest.mark.timeout(2 * SECONDS_MAX)
async def test_a_hundred_cuts_at_random_lose_nothing_and_repeat_nothing(
    service: Service, tmp_path: Path
) -> None:
    """And the service is killed in between, too."""
    seed = random.randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    service.start()
    work, chance = Work(service), random.Random(seed)
    restarts = [chance.randrange(5, 40) for _ in range(2)]
    async with Four(service, chance, tmp_path) as four, asyncio.timeout(SECONDS_MAX):
        async with work.client() as client:
            for n in count():
                await work.round(client)
                if four.cut and n > max(restarts):
                    break
                four.check_running()
                if n in restarts:
                    await four.begun()
                    await asyncio.to_thread(service.restart)
            last = await work.end(client)
        await four.reach(last)
        assert [await one.interrupted() for one in (four.whole, four.some)] == [130, 130]
    stream = await read_stream(service.endpoint)
    check_history(stream)
    wanted = [e for e in stream if e.type in TYPES]
    is_exactly(four.plain, stream)
    is_exactly(four.chosen, wanted)
    is_printed(four.whole, stream)
    is_printed(four.some, wanted)


def is_printed(watch: Watch, wanted: Sequence[Event]) -> None:
    """Each of these events once, in order; every cut was said, and so was its end."""
    printed = watch.printed()
    assert [x["position"] for x in printed] == [e.position for e in wanted]
    assert [x["event"] for x in printed] == [e.body for e in wanted]
    said = watch.said()
    assert said.count("connection lost") == said.count("connected again") > CUTS / 4
    assert "Traceback" not in said
