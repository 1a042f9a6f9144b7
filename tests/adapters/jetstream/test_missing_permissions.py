"""A user that lacks a permission is told which one, soon: never a time-out."""

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.jetstream.accounts import CLUSTER_ACCOUNT, Login, NatsRole
from adapters.jetstream.api import NotAllowed
from adapters.jetstream.connection import Connection, ServerAddress
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.snapshot_api import snapshot_of
from adapters.jetstream.whole import info_of, whole_stream
from domain.errors import CountermandError, Misconfigured, Unavailable
from tests.support.nats import AdminServer, Nats, fresh_stream, threaded_server

SOON_SECONDS = 5.0
DENIALS: dict[str, dict[str, list[str]]] = {
    "info": {"publish": ["$JS.API.STREAM.INFO.>"]},
    "consumers": {"publish": ["$JS.API.CONSUMER.CREATE.>"]},
    "pulls": {"publish": ["$JS.API.CONSUMER.MSG.NEXT.>"]},
    "gets": {"publish": ["$JS.API.STREAM.MSG.GET.>", "$JS.API.DIRECT.GET.>"]},
    "jobs": {"publish": ["countermand.*.job.>"]},
    "requests": {"publish": ["countermand.*.request.>"]},
    "inbox": {"subscribe": ["_INBOX.>"]},
    "advisories": {"subscribe": ["$JS.EVENT.ADVISORY.>"]},
    "snapshots": {"publish": ["$JS.API.STREAM.SNAPSHOT.>"]},
    "chunks": {"publish": ["$JS.SNAPSHOT.>"]},
}


class LimitedServer(AdminServer):
    """With users that may do everything but one thing, named after it."""

    def config_text(self) -> str:
        config: dict[str, Any] = json.loads(super().config_text())
        config["accounts"][CLUSTER_ACCOUNT]["users"] += [
            {
                "user": name,
                "password": "p",
                "permissions": {verb: {"allow": [">"], "deny": deny} for verb, deny in one.items()},
            }
            for name, one in DENIALS.items()
        ]
        return json.dumps(config)


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitedServer]:
    with threaded_server(LimitedServer, tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
async def nats(limited: LimitedServer) -> Nats:
    return await fresh_stream(limited)


def as_user(nats: Nats, name: str) -> ServerAddress:
    return ServerAddress((nats.server.url,), Login(name, "p"), NatsRole.SERVICE.value)


async def opened(nats: Nats, name: str) -> JetStreamLog:
    """As the service does at its start."""
    return await JetStreamLog.open(
        as_user(nats, name), nats.spec, monitor_urls=(nats.server.monitor_url,)
    )


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ("info", ["publish to '$JS.API.STREAM.INFO.{}'"]),
        ("consumers", ["publish to '$JS.API.CONSUMER.CREATE.{}.permission-probe'"]),
        ("pulls", ["publish to '$JS.API.CONSUMER.MSG.NEXT.{}.permission-probe'"]),
        ("gets", ["publish to '$JS.API.STREAM.MSG.GET.{}'", "publish to '$JS.API.DIRECT.GET.{}'"]),
        ("jobs", [".job.permission-probe.PermissionProbe'"]),
        ("requests", [".request.permission-probe.PermissionProbe'"]),
        ("inbox", ["subscribe to '_INBOX.service."]),
    ],
)
async def test_a_start_names_what_is_missing(nats: Nats, user: str, told: list[str]) -> None:
    began = time.monotonic()
    with pytest.raises(CountermandError) as raised:
        await opened(nats, user)
    assert isinstance(raised.value, Misconfigured | Unavailable)
    assert time.monotonic() - began < SOON_SECONDS
    assert f"NATS user {user} is not permitted to" in raised.value.message
    for one in told:
        assert one.format(nats.spec.stream) in raised.value.message


async def test_nothing_is_stored_or_made_by_asking(nats: Nats, limited: LimitedServer) -> None:
    log = await nats.open()
    await log.close()
    async with limited.connection() as connection:
        info = await info_of(connection, nats.spec)
        assert info.state.last_seq == 0
        names = await connection.call(
            f"$JS.API.CONSUMER.NAMES.{nats.spec.stream}", None, dict[str, Any], 5
        )
        assert not names.get("consumers")


async def test_without_advisories_the_polling_alone_finds_what_changed(
    nats: Nats, limited: LimitedServer
) -> None:
    log = await opened(nats, "advisories")
    try:
        async with limited.connection() as connection:
            info = await info_of(connection, nats.spec)
            changed = info.config | {"max_age": 10**15}
            await connection.call(
                f"$JS.API.STREAM.UPDATE.{nats.spec.stream}", changed, dict[str, Any], 5
            )
        await log.guard.look()
        assert [found.kind for found in log.guard.findings] == ["configuration"]
        assert "max_age" in log.guard.findings[0].words
        assert 'subscription to "$js.event.advisory.stream' in log.health.last_error
    finally:
        await log.close()


@pytest.mark.parametrize("user", ["consumers", "pulls"])
async def test_who_reads_all_is_told_soon(nats: Nats, limited: LimitedServer, user: str) -> None:
    async with limited.connection() as admin:
        subject = f"countermand.{nats.spec.cluster}.job.1.JobQueued"
        await admin.request(subject, b"x", 5)
    connection = await Connection.open(as_user(nats, user))
    began = time.monotonic()
    try:
        info = await info_of(connection, nats.spec)
        with pytest.raises(Unavailable, match=f"NATS user {user} is not permitted to publish"):
            async for _ in whole_stream(connection, nats.spec, info):
                pass
    finally:
        await connection.close()
    assert time.monotonic() - began < SOON_SECONDS


async def test_a_backup_is_told_soon(nats: Nats, limited: LimitedServer) -> None:
    connection = await Connection.open(as_user(nats, "snapshots"))
    began = time.monotonic()
    try:
        with pytest.raises(Unavailable, match=r"not permitted to publish to '\$JS.API.STREAM.SNAP"):
            async with snapshot_of(connection, nats.spec.stream, ""):
                pass
    finally:
        await connection.close()
    assert time.monotonic() - began < SOON_SECONDS


async def taken_from(connection: Connection, nats: Nats) -> None:
    """A whole snapshot, thrown away."""
    async with snapshot_of(connection, nats.spec.stream, "") as snapshot:
        async for _ in snapshot.chunks:
            pass


async def test_a_backup_that_may_not_acknowledge_is_told_soon(
    nats: Nats, limited: LimitedServer
) -> None:
    async with limited.connection() as admin:
        for _ in range(100):  # more than a window of chunks, of what cannot be made smaller
            subject = f"countermand.{nats.spec.cluster}.job.1.JobQueued"
            await admin.request(subject, os.urandom(60_000), 5)
    connection = await Connection.open(as_user(nats, "chunks"))
    began = time.monotonic()
    try:
        with pytest.raises(Unavailable, match=r"not permitted to publish to '\$JS.SNAPSHOT"):
            await taken_from(connection, nats)
    finally:
        await connection.close()
    assert time.monotonic() - began < SOON_SECONDS


async def test_a_request_that_is_refused_later_says_so(nats: Nats, limited: LimitedServer) -> None:
    """Without a proof before: the request itself."""
    connection = await Connection.open(as_user(nats, "jobs"))
    try:
        subject = f"countermand.{nats.spec.cluster}.job.1.JobQueued"
        began = time.monotonic()
        with pytest.raises(NotAllowed, match="user jobs is not permitted to publish"):
            await connection.request(subject, b"x", 30)
        assert time.monotonic() - began < SOON_SECONDS
    finally:
        await connection.close()
