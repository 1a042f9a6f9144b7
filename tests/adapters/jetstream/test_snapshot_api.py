"""JetStream's snapshots on a cluster of three: taken from whoever leads, put back on all."""

import uuid
from contextlib import aclosing
from pathlib import Path

import pytest
from msgspec import Raw

from adapters.bootstrap.restore import for_one_server
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.api import StreamInfo
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import Connection
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import provision
from adapters.jetstream.snapshot_api import put_back, snapshot_of
from adapters.jetstream.whole import info_of
from application.ports import CaughtUp, Stored, Token
from domain.errors import Unavailable
from tests.support.cluster import Cluster, cluster
from tests.support.events import queued, write
from tests.support.nats import Nats, own_server

__all__ = ["cluster"]


@pytest.fixture
async def nats(cluster: Cluster) -> Nats:
    unique = uuid.uuid4().hex[:12]
    nats = Nats(cluster.nodes[0], StreamSpec(f"c{unique}", f"S{unique}", 1024**3, replicas=3))
    assert await provision(nats.address(NatsRole.PROVISIONER), nats.spec)
    return nats


async def log_on(cluster: Cluster, nats: Nats) -> JetStreamLog:
    monitors = tuple(node.monitor_url for node in cluster.nodes)
    return await JetStreamLog.open(nats.address(), nats.spec, monitor_urls=monitors)


async def all_in(log: JetStreamLog) -> list[Stored]:
    found = list[Stored]()
    async with aclosing(log.read(0)) as items:
        async for item in items:
            if not isinstance(item, CaughtUp):
                found += item
    return found


async def test_a_stream_of_three_replicas_is_saved_and_put_back(
    cluster: Cluster, nats: Nats, tmp_path: Path
) -> None:
    log = await log_on(cluster, nats)
    token = Token()
    for _ in range(3):
        (token,) = await log.append([write(token, *(queued() for _ in range(500)))])
    before = await all_in(log)
    operator = await Connection.open(nats.address(NatsRole.OPERATOR))
    info = await info_of(operator, nats.spec)
    chunks = list[bytes]()
    async with snapshot_of(operator, nats.spec.stream, info.created) as snapshot:
        async with aclosing(snapshot.chunks) as parts:
            async for part in parts:
                chunks.append(part)
        config, state = snapshot.config, snapshot.state
        assert snapshot.info.state.last_seq == 1500
    assert operator.errors == []
    await log.guard.look()
    assert log.guard.findings == (), "a snapshot is no change"
    await log.close()
    async with cluster.nodes[0].connection() as admin:
        subject = f"$JS.API.STREAM.DELETE.{nats.spec.stream}"
        await admin.call(subject, None, StreamInfo, 10)
    sent = list[int]()
    restored = await put_back(operator, nats.spec.stream, config, state, chunks, sent.append)
    assert sent[-1] == sum(map(len, chunks))
    assert restored.config["num_replicas"] == 3
    await operator.close()
    again = await log_on(cluster, nats)
    assert [(x.position, x.raw) for x in await all_in(again)] == [
        (x.position, x.raw) for x in before
    ]
    await again.close()
    async with own_server(tmp_path) as alone:
        await check_on_one(Nats(alone, nats.spec), config, state, chunks)


async def check_on_one(nats: Nats, config: Raw, state: Raw, chunks: list[bytes]) -> None:
    """A server that has no others keeps one replica of it."""
    operator = await Connection.open(nats.address(NatsRole.OPERATOR))
    stream, one = nats.spec.stream, for_one_server(config)
    restored = await put_back(operator, stream, one, state, chunks, lambda sent: None)
    assert (restored.config["num_replicas"], restored.state.last_seq) == (1, 1500)
    await operator.close()


async def test_only_the_operator_gets_a_snapshot(nats: Nats) -> None:
    connection = await Connection.open(nats.address(NatsRole.OPERATOR))
    with pytest.raises(Unavailable, match="no snapshot of the stream ABSENT"):
        async with snapshot_of(connection, "ABSENT", ""):
            pass
    await connection.close()
