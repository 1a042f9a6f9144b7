"""Three real nats-servers as one cluster, on free loopback ports, each proven to be our own.

They have the same users, so that whoever is let in by one is let in by all.

A server must know the others' ports before it starts, so they are chosen first. Should another
process take one in between, that server does not start, and the cluster is made again.
"""

import asyncio
import json
import shutil
import socket
import uuid
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pytest
from msgspec import Struct

from adapters.jetstream.accounts import Scope, ensure_logins
from adapters.jetstream.api import ApiError, NoAnswer, StreamInfo
from adapters.jetstream.connection import Connection, ServerAddress
from adapters.jetstream.lock import DataLock
from adapters.jetstream.server import LOOPBACK
from domain.errors import Misconfigured
from tests.support.nats import AdminServer, LoopThread

NODES = 3
TRIES = 3
READY_SECONDS = 60.0
LOOK_SECONDS = 0.05
PROBE = "PROBE"


class Joining(Struct, frozen=True):
    """What a server is told of its cluster."""

    cluster: str
    port: int
    others: tuple[int, ...]

    def section(self) -> dict[str, Any]:
        """The ``cluster`` of its configuration."""
        return {
            "name": self.cluster,
            "listen": f"{LOOPBACK}:{self.port}",
            "routes": [f"nats-route://{LOOPBACK}:{port}" for port in self.others],
        }


class Node(AdminServer):
    """One server of a cluster. Its supervisor starts it again when it was killed."""

    joining: Joining

    @classmethod
    async def join(cls, lock: DataLock, joining: Joining) -> Self:
        """Start a server that belongs to a cluster, and wait until it answers."""
        node = cls(lock.directory, lock, Scope("*", "*"))
        node.joining = joining
        node.logins = ensure_logins(node.credentials_directory)
        node._write_config()
        try:
            await node._launch()
        except BaseException:
            await node.stop()
            raise
        node._supervisor = asyncio.create_task(node._supervise(), name="node supervisor")
        return node

    def config_text(self) -> str:
        return json.dumps(json.loads(super().config_text()) | {"cluster": self.joining.section()})


class Cluster:
    """A running cluster. ``url``: all servers, as the recorder's NATS_URL takes them."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.admin = AdminServer.admin

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.nodes)

    @property
    def monitor_urls(self) -> str:
        return ",".join(node.monitor_url for node in self.nodes)

    def named(self, server_name: str) -> Node:
        """The server of that name."""
        (found,) = [node for node in self.nodes if node.server_name == server_name]
        return found

    async def placed(self, stream: str) -> tuple[Node, list[Node]]:
        """The leader of a stream, and its followers. Raises ``NoAnswer``, ``ApiError``."""
        subject = f"$JS.API.STREAM.INFO.{stream}"
        address = ServerAddress(tuple(node.url for node in self.nodes), self.admin, "admin")
        connection = await Connection.open(address)
        try:
            found = (await connection.call(subject, None, StreamInfo, 5)).cluster
        finally:
            await connection.close()
        return self.named(found.leader), [self.named(peer.name) for peer in found.replicas]

    @classmethod
    async def start(cls, directory: Path, stack: AsyncExitStack) -> "Cluster":
        """Start three servers that know each other, and wait until they keep streams together."""
        for attempt in range(TRIES):
            try:
                return await cls._start(directory / str(attempt), stack)
            except Misconfigured as error:
                if attempt == TRIES - 1 or "address already in use" not in str(error):
                    raise
        raise AssertionError("unreachable")

    @classmethod
    async def _start(cls, directory: Path, stack: AsyncExitStack) -> "Cluster":
        name, ports = f"test-{uuid.uuid4()}", free_ports(NODES)
        nodes = list[Node]()
        for number, port in enumerate(ports):
            lock = await DataLock.acquire(directory / f"node{number}")
            stack.callback(lock.release)
            if nodes:
                shutil.copytree(nodes[0].credentials_directory, lock.directory / "credentials")
            others = tuple(other for other in ports if other != port)
            nodes.append(await Node.join(lock, Joining(name, port, others)))
            stack.push_async_callback(nodes[-1].stop)
        cluster = cls(nodes)
        await cluster._wait_until_ready()
        return cluster

    async def _wait_until_ready(self) -> None:
        """Until a stream on all three can be made: each has joined, and they have a leader."""
        config = {"name": PROBE, "subjects": [PROBE], "num_replicas": NODES}
        async with asyncio.timeout(READY_SECONDS), self.nodes[0].connection() as connection:
            while not await _made(connection, config):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_SECONDS)
            await connection.call(f"$JS.API.STREAM.DELETE.{PROBE}", None, StreamInfo, READY_SECONDS)


async def _made(connection: Connection, config: dict[str, Any]) -> bool:
    with suppress(ApiError, NoAnswer):
        await connection.call(f"$JS.API.STREAM.CREATE.{PROBE}", config, StreamInfo, 2.0)
        return True
    return False


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server((LOOPBACK, 0)) for _ in range(count)]
    try:
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextmanager
def threaded_cluster(directory: Path) -> Iterator[Cluster]:
    """A cluster on a loop and thread of its own."""
    thread = LoopThread()
    stack = AsyncExitStack()
    try:
        try:
            yield thread.run(Cluster.start(directory, stack), READY_SECONDS)
        finally:
            thread.run(stack.aclose())
    finally:
        thread.stop()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for the module's tests. They must not stop it."""
    with threaded_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running
