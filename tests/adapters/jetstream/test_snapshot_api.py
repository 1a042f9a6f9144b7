"""JetStream's snapshots: of a stream that three servers keep, put back on one alone."""

import uuid
from contextlib import aclosing
from pathlib import Path

import pytest
from msgspec.structs import replace

from adapters.bootstrap.restore import for_one_server
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import Connection
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import provision
from adapters.jetstream.snapshot_api import put_back, snapshot_of
from adapters.jetstream.whole import info_of
from application.ports import CaughtUp, Token
from domain.errors import Unavailable
from tests.support.cluster import Cluster, cluster
from tests.support.events import queued, write
from tests.support.nats import Nats, own_server

__all__ = ["cluster"]

EVENTS = 1500


async def all_in(log: JetStreamLog) -> list[tuple[int, bytes]]:
    found = list[tuple[int, bytes]]()
    async with aclosing(log.read(0)) as items:
        async for item in items:
            if not isinstance(item, CaughtUp):
                found += [(stored.position, stored.raw) for stored in item]
    return found


async def test_a_stream_of_three_replicas_becomes_one_of_one(
    cluster: Cluster, tmp_path: Path
) -> None:
    unique = uuid.uuid4().hex[:12]
    spec = StreamSpec(f"c{unique}", f"S{unique}", 1024**3, replicas=3)
    nats = Nats(cluster.nodes[0], spec)
    assert await provision(nats.address(NatsRole.PROVISIONER), spec)
    monitors = tuple(node.monitor_url for node in cluster.nodes)
    log = await JetStreamLog.open(nats.address(), spec, monitor_urls=monitors)
    token = Token()
    for _ in range(EVENTS // 500):
        (token,) = await log.append([write(token, *(queued() for _ in range(500)))])
    before = await all_in(log)
    operator = await Connection.open(nats.address(NatsRole.OPERATOR))
    info = await info_of(operator, spec)
    async with (
        snapshot_of(operator, spec.stream, info.created) as snapshot,
        aclosing(snapshot.chunks) as parts,
    ):
        chunks = [part async for part in parts]
    assert snapshot.info.state.last_seq == EVENTS
    await operator.close()
    await log.guard.look()
    assert log.guard.findings == (), "a snapshot is no change"
    await log.close()
    async with own_server(tmp_path) as alone:
        one, sent = Nats(alone, replace(spec, replicas=1)), list[int]()
        operator = await Connection.open(one.address(NatsRole.OPERATOR))
        config = for_one_server(snapshot.config)
        await put_back(operator, spec.stream, config, snapshot.state, chunks, sent.append)
        await operator.close()
        log = await one.open()
        assert await all_in(log) == before
        await log.close()
    assert (len(before), sent[-1]) == (EVENTS, sum(map(len, chunks)))


async def test_a_stream_that_is_not_there_has_no_snapshot(tmp_path: Path) -> None:
    async with own_server(tmp_path) as server:
        address = Nats(server, StreamSpec("c", "ABSENT")).address(NatsRole.OPERATOR)
        connection = await Connection.open(address)
        with pytest.raises(Unavailable, match="no snapshot of the stream ABSENT"):
            async with snapshot_of(connection, "ABSENT", ""):
                pass
        await connection.close()
