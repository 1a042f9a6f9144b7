"""Real nats-servers for tests: embedded, provisioned, each proven to be our own.

One server serves a whole module, on a loop and thread of its own; every test gets a fresh cluster
and stream on it. Tests that kill the server start one of their own with ``own_server``.
"""

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from msgspec import Struct

from adapters.jetstream.accounts import CLUSTER_ACCOUNT, Login, NatsRole
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import Connection, ServerAddress
from adapters.jetstream.lock import DataLock
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import provision
from adapters.jetstream.publish import Patience
from adapters.jetstream.server import EmbeddedServer

START_SECONDS = 30.0
TEST_MAX_BYTES = 1024**3

T = TypeVar("T")
S = TypeVar("S", bound=EmbeddedServer)


class Nats(Struct, frozen=True):
    """A server, and a provisioned stream on it for this test alone."""

    server: EmbeddedServer
    spec: StreamSpec

    def address(self, role: NatsRole = NatsRole.SERVICE, url: str = "") -> ServerAddress:
        """How a role connects; ``url`` leads it through a proxy."""
        login = self.server.logins[role]
        return ServerAddress((url or self.server.url,), login, role.value)

    async def open(self, url: str = "", patience: Patience = Patience()) -> JetStreamLog:  # noqa: B008
        """A log on the stream, as the service."""
        monitors = (self.server.monitor_url,)
        return await JetStreamLog.open(
            self.address(url=url),
            self.spec,
            monitor_urls=monitors,
            patience=patience,
            disk=self.server,
        )


@asynccontextmanager
async def own_server(
    directory: Path, cluster: str = "*", stream: str = "*"
) -> AsyncIterator[EmbeddedServer]:
    """A server for this test alone; ``*`` lets its users work on every cluster and stream."""
    lock = await DataLock.acquire(directory)
    try:
        server = await EmbeddedServer.start(lock, cluster=cluster, stream=stream)
        try:
            yield server
        finally:
            await server.stop()
    finally:
        lock.release()


async def fresh_stream(server: EmbeddedServer, max_bytes: int = TEST_MAX_BYTES) -> Nats:
    """A new cluster with its stream."""
    unique = uuid.uuid4().hex[:12]
    nats = Nats(server, StreamSpec(f"c{unique}", f"S{unique}", max_bytes))
    assert await provision(nats.address(NatsRole.PROVISIONER), nats.spec)
    return nats


class AdminServer(EmbeddedServer):
    """A server with one user more, who may do everything: to do the damage that tests look for."""

    admin = Login("admin", "only in tests")

    def config_text(self) -> str:
        config = json.loads(super().config_text())
        user = {"user": self.admin.user, "password": self.admin.password}
        config["accounts"][CLUSTER_ACCOUNT]["users"].append(user)
        return json.dumps(config)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection of that user."""
        connection = await Connection.open(ServerAddress((self.url,), self.admin, "admin"))
        try:
            yield connection
        finally:
            await connection.close()


class LoopThread:
    """An event loop on a thread that lives until ``stop``: a server ends with its thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server loop")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], seconds: float = START_SECONDS) -> T:
        """The result of ``work`` on that loop, within ``seconds``."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(seconds)

    def stop(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()


@pytest.fixture(scope="module")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One server for the module's tests. They must not stop it."""
    with threaded_server(EmbeddedServer, tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="module")
def admin_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminServer]:
    """One server with an administrator for the module's tests. They must not stop it."""
    with threaded_server(AdminServer, tmp_path_factory.mktemp("nats")) as server:
        yield server


@contextmanager
def threaded_server(kind: type[S], directory: Path) -> Iterator[S]:
    """A server on a loop and thread of its own."""
    thread = LoopThread()
    try:
        lock = thread.run(DataLock.acquire(directory))
        server = thread.run(kind.start(lock, cluster="*", stream="*"))
        try:
            yield server
        finally:
            thread.run(server.stop())
            lock.release()
    finally:
        thread.stop()


@pytest.fixture
async def nats_stream(nats_server: EmbeddedServer) -> Nats:
    """A fresh cluster and stream on the module's server."""
    return await fresh_stream(nats_server)


@pytest.fixture
async def nats_log(nats_stream: Nats) -> AsyncIterator[JetStreamLog]:
    """A log on a fresh stream."""
    log = await nats_stream.open()
    yield log
    await log.close()
