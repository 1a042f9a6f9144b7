"""Three nats-servers: the leader killed again and again, a follower that stands still."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.api import ApiError, NoAnswer, StreamInfo
from domain.errors import Unavailable
from tests.e2e.home import kill, new_home
from tests.e2e.service import Service, Value
from tests.e2e.test_store_faults import STREAM
from tests.faults.evidence import held_by, missing
from tests.faults.load import Load
from tests.faults.report import Row
from tests.faults.trial import Trial
from tests.support.cluster import NODES, Cluster, Node, threaded_cluster
from tests.support.waiting import until

KILLS: Final = 12
PAUSES: Final = 6
CLIENTS: Final = 4
ANSWERS_MAX: Final = 80
PATIENCE_SECONDS: Final = 120.0
LED_SECONDS: Final = 60.0
STEPDOWN_SECONDS: Final = 2.0
PROMISE: Final = "what was acknowledged is on every replica, once"


def play(seed: int, rounds: int | None) -> Iterator[Row]:
    """Both rows."""
    chance = random.Random(seed)
    yield leader_killed(chance, rounds or KILLS)
    yield follower_paused(chance, rounds or PAUSES)


def leader_killed(chance: random.Random, rounds: int) -> Row:
    """SIGKILL to the leader; its supervisor starts it again; the next leader gets the same."""
    with on_cluster() as (trial, own), at_work(trial) as load:
        for number in range(rounds):
            load.wait_for(chance.randint(1, ANSWERS_MAX), PATIENCE_SECONDS)
            leader, _ = placed(own)
            kill(pid_of(leader))
            load.wait_for(CLIENTS, PATIENCE_SECONDS)
            print(f"leader killed {number + 1}", file=sys.stderr, flush=True)
        finish(trial, own, load)
    return row("three nodes, kill -9 of the leader", rounds, "service and clients went on", trial)


def follower_paused(chance: random.Random, rounds: int) -> Row:
    """SIGSTOP to a follower; the leader is killed while it stands still, or as it goes on."""
    with on_cluster() as (trial, own), at_work(trial) as load:
        for number in range(rounds):
            load.wait_for(CLIENTS, PATIENCE_SECONDS)
            pause_one(chance, own, load)
            load.wait_for(CLIENTS, PATIENCE_SECONDS)
            print(f"follower paused {number + 1}", file=sys.stderr, flush=True)
        finish(trial, own, load)
    happened = (
        "it missed up to 80 answers; each time the leader was killed, before it went on or after"
    )
    return row("three nodes, a follower paused", rounds, happened, trial)


def pause_one(chance: random.Random, own: Cluster, load: Load) -> None:
    """Stop one follower for a while, and kill the leader before it goes on or right after."""
    leader, followers = placed(own)
    paused = pid_of(chance.choice(followers))
    os.kill(paused, signal.SIGSTOP)
    try:
        load.wait_for(chance.randint(1, ANSWERS_MAX), PATIENCE_SECONDS)
        before = chance.random() < 0.5
        if before:
            kill(pid_of(leader))
    finally:
        os.kill(paused, signal.SIGCONT)
    if not before:
        kill(pid_of(leader))


def row(scenario: str, rounds: int, happened: str, trial: Trial) -> Row:
    """A line of the table."""
    return Row(
        scenario,
        rounds,
        PROMISE,
        f"{happened}; each replica was read as the leader afterwards",
        len(trial.ledger.told),
        len(trial.lost),
        wrong=tuple(trial.wrong),
    )


# --- the service on a cluster ---------------------------------------------------------------------


@contextmanager
def on_cluster() -> Iterator[tuple[Trial, Cluster]]:
    """A service whose stream is on three nodes."""
    with (
        new_home() as home,
        threaded_cluster(home / "nats") as own,
        Service(home, **settings_for(own)) as one,
    ):
        one.start()
        yield Trial(one), own


def settings_for(own: Cluster) -> dict[str, Value]:
    """What the service must be told."""
    files: dict[str, Value] = {
        f"nats_{role}_credentials_file": str(credentials(own) / f"{role}.json")
        for role in (NatsRole.SERVICE, NatsRole.PROVISIONER, NatsRole.READER)
    }
    urls = [node.url for node in own.nodes]
    monitors = [node.monitor_url for node in own.nodes]
    outside: dict[str, Value] = {"nats_urls": urls, "nats_monitor_urls": monitors}
    return files | outside | {"stream_replicas": NODES}


def credentials(own: Cluster) -> Path:
    """The logins that all nodes know."""
    return own.nodes[0].credentials_directory


@contextmanager
def at_work(trial: Trial) -> Iterator[Load]:
    """Clients that are sent home whatever happens."""
    load = trial.load(CLIENTS, "c")
    try:
        yield load
    finally:
        trial.end(load)


def finish(trial: Trial, own: Cluster, load: Load) -> None:
    """All answers, all of the evidence, and the same on each replica."""
    trial.end(load)
    trial.settle()
    trial.look_at_all()
    for node in own.nodes:
        lead(own, node)
        lost = missing(trial.ledger.told, held_by(trial.one.stream()))
        trial.wrong += [f"{told.key} is not on {node.server_name}" for told in lost]


def placed(own: Cluster) -> tuple[Node, list[Node]]:
    """The leader that there is now, and its followers."""

    def look() -> tuple[Node, list[Node]] | None:
        with suppress(NoAnswer, ApiError, Unavailable, ValueError):
            return asyncio.run(own.placed(STREAM))
        return None

    return until(look, "a leader", PATIENCE_SECONDS)


def pid_of(node: Node) -> int:
    """The process, when it runs."""
    return until(lambda: node.pid, f"{node.server_name} runs")


def lead(own: Cluster, node: Node) -> None:
    """Have this node become the leader."""

    def leads() -> bool:
        leader, _ = placed(own)
        if leader is not node:
            with suppress(NoAnswer, ApiError, Unavailable):
                asyncio.run(step_down(own, node))
        return leader is node

    until(leads, f"{node.server_name} leads", LED_SECONDS)


async def step_down(own: Cluster, to: Node) -> None:
    """Ask the leader to make place for another one."""
    body = {"placement": {"preferred": to.server_name}}
    async with to.connection() as connection:
        subject = f"$JS.API.STREAM.LEADER.STEPDOWN.{STREAM}"
        await connection.call(subject, body, StreamInfo, STEPDOWN_SECONDS)
