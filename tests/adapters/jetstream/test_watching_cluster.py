"""A cluster of three under watch: that another replica leads, or one was killed, is no change."""

import asyncio
import os
import signal
import uuid

from msgspec import Struct

from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import Connection, ServerAddress
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import provision
from adapters.jetstream.publish import Patience
from adapters.jetstream.whole import info_of
from application.ports import Token
from application.watchdog import Watchdog
from domain.errors import Unavailable
from tests.support.cluster import Cluster, cluster
from tests.support.events import queued, write
from tests.support.nats import AdminServer, Nats

__all__ = ["cluster"]

ELECTIONS = 4
KILLS = 2
ELECTED_SECONDS = 60.0
LOOK_SECONDS = 0.05


class Success(Struct, frozen=True):
    """``success`` of an answer."""

    success: bool


async def test_elections_and_killed_leaders_are_no_change(cluster: Cluster) -> None:
    unique = uuid.uuid4().hex[:12]
    nats = Nats(cluster.nodes[0], StreamSpec(f"c{unique}", f"S{unique}", 1024**3, replicas=3))
    await provision(nats.address(NatsRole.PROVISIONER), nats.spec)
    monitors = tuple(node.monitor_url for node in cluster.nodes)
    patience = Patience(deadline_seconds=ELECTED_SECONDS, answer_seconds=1.0)
    # Of all users only the administrator has the same password on each server.
    anywhere = ServerAddress(
        tuple(node.url for node in cluster.nodes), AdminServer.admin, "service"
    )
    log = await JetStreamLog.open(anywhere, nats.spec, monitor_urls=monitors, patience=patience)
    said = list[tuple[str, object]]()
    dog = Watchdog(log.guard, lambda event, **facts: said.append((event, facts)))
    running = asyncio.create_task(dog.run())
    operator = await Connection.open(anywhere)
    token, leaders = Token(), set[str]()
    for n in range(ELECTIONS + KILLS):
        leader = await leader_other_than("", operator, nats.spec)
        leaders.add(leader)
        if n < ELECTIONS:
            subject = f"$JS.API.STREAM.LEADER.STEPDOWN.{nats.spec.stream}"
            await operator.call(subject, None, Success, 10)
            await leader_other_than(leader, operator, nats.spec)
        else:
            pid = cluster.named(leader).pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        (token,) = await log.append([write(token, queued())])
        await log.guard.look()
    assert len(leaders) > 1
    await log.guard.look()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (said, log.guard.findings) == ([], ())
    assert (await log.identity()).last == ELECTIONS + KILLS
    await operator.close()
    await log.close()


async def leader_other_than(former: str, operator: Connection, spec: StreamSpec) -> str:
    """Who leads, once it is another one."""
    async with asyncio.timeout(ELECTED_SECONDS):
        while True:
            leader = await leader_of(operator, spec)
            if leader not in ("", former):
                return leader
            await asyncio.sleep(LOOK_SECONDS)


async def leader_of(operator: Connection, spec: StreamSpec) -> str:
    """Who leads now; "" for nobody."""
    try:
        return (await info_of(operator, spec)).cluster.leader
    except Unavailable:
        return ""
