"""The embedded server: one a data directory, and it ends with its parent."""

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from adapters.jetstream.accounts import Login, NatsRole, read_login
from adapters.jetstream.connection import Connection, ServerAddress
from adapters.jetstream.lock import DataLock, start_ticks
from adapters.jetstream.server import EmbeddedServer, answering_server
from domain.errors import Misconfigured, Unavailable
from tests.support.nats import fresh_stream, own_server

SECONDS = 30.0
HOLDER = "tests.support.hold_server"


class Held(msgspec.Struct, frozen=True):
    """What a process with a server of its own says of itself."""

    pid: int
    server_pid: int
    url: str


@asynccontextmanager
async def holder(
    directory: Path,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Held]]:
    """Another process that holds ``directory`` and runs its server."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        HOLDER,
        str(directory),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, msgspec.json.decode(await process.stdout.readline(), type=Held)
    finally:
        process.stdin.close()
        await asyncio.wait_for(process.wait(), SECONDS)


async def gone(pid: int) -> None:
    """Return when no process ``pid`` is there."""
    async with asyncio.timeout(SECONDS):
        while start_ticks(pid) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_it_is_ours_and_only_on_loopback(tmp_path: Path) -> None:
    async with own_server(tmp_path, "hpc1", "COUNTERMAND") as server:
        host, _, port = server.url.removeprefix("nats://").partition(":")
        assert host == "127.0.0.1"
        assert await answering_server(host, int(port)) == server.server_name
        assert server.pid is not None
        assert os.getsid(server.pid) == server.pid
        pid = server.pid
    assert start_ticks(pid) is None
    with pytest.raises(Unavailable):
        await answering_server(host, int(port))


async def test_secrets_are_private_and_stay_the_same(tmp_path: Path) -> None:
    async with own_server(tmp_path) as server:
        first = {role: read_login(server.credentials_file(role)) for role in NatsRole}
        private = [*server.credentials_directory.iterdir(), tmp_path / "nats-server.conf"]
        assert [stat.S_IMODE(path.stat().st_mode) for path in private] == [0o600] * 5
        assert stat.S_IMODE(server.credentials_directory.stat().st_mode) == 0o700
        assert set(json.loads(private[0].read_bytes())) == {"user", "password"}
    async with own_server(tmp_path) as server:
        assert server.logins == first
    assert len({login.password for login in first.values()}) == 4


async def test_nobody_comes_in_without_a_password(tmp_path: Path) -> None:
    async with own_server(tmp_path) as server:
        for login in (Login("", ""), Login("service", "guess"), server.logins[NatsRole.READER]):
            stranger = Login("service", login.password) if login.user == "reader" else login
            with pytest.raises(Unavailable, match="Authorization"):
                await Connection.open(ServerAddress((server.url,), stranger), seconds=0.5)


async def test_a_second_service_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    async with holder(tmp_path) as (_, held):
        with pytest.raises(Misconfigured, match=f"process {held.pid}"):
            await DataLock.acquire(tmp_path)
    lock = await DataLock.acquire(tmp_path)
    with pytest.raises(Misconfigured, match=f"process {os.getpid()}"):
        await DataLock.acquire(tmp_path)
    lock.release()


async def test_killed_with_its_parent_and_the_lock_becomes_free(tmp_path: Path) -> None:
    async with holder(tmp_path) as (process, held):
        process.kill()
        lock = await DataLock.acquire(tmp_path)
        await gone(held.server_pid)
        server = await EmbeddedServer.start(lock, cluster="*", stream="*")
        await server.stop()
        lock.release()


async def test_a_surviving_server_keeps_the_directory_locked(tmp_path: Path) -> None:
    async with holder(tmp_path) as (process, held):
        os.kill(held.server_pid, signal.SIGSTOP)
        process.kill()
        await process.wait()
        with pytest.raises(Misconfigured, match="nats-server still runs"):
            await DataLock.acquire(tmp_path, wait_seconds=0.2)
        os.kill(held.server_pid, signal.SIGCONT)
        lock = await DataLock.acquire(tmp_path)
        assert start_ticks(held.server_pid) is None
        lock.release()


async def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "jetstream").write_text("a file where the store should be")
    with pytest.raises(Misconfigured, match="the end of its log"):
        async with own_server(tmp_path):
            pass


async def test_what_was_stored_is_there_after_a_clean_restart(tmp_path: Path) -> None:
    async with own_server(tmp_path) as server:
        nats_ = await fresh_stream(server)
        log = await nats_.open()
        identity = await log.identity()
        await log.close()
    async with own_server(tmp_path) as server:
        again = type(nats_)(server, nats_.spec)
        log = await again.open()
        assert await log.identity() == identity
        await log.close()
