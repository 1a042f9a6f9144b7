"""A stream that is not the one it must be is refused, with each difference by name."""

import asyncio
import uuid
from typing import Any

import pytest

from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.api import ApiError, StreamInfo
from adapters.jetstream.config import LOG_ID, StreamSpec, differences, wanted
from adapters.jetstream.log import JetStreamLog, refuse_holes
from adapters.jetstream.provision import provision
from adapters.jetstream.publish import Patience
from adapters.jetstream.reading import Reader
from application.ports import Token
from domain.errors import BadRequest, Corrupt, Misconfigured, ReadOnly
from tests.support.events import queued, write
from tests.support.nats import AdminServer, Nats, admin_server, fresh_stream

__all__ = ["admin_server"]

SPEC = StreamSpec("hpc1", max_bytes=2**30)
GOOD = wanted(SPEC) | {"metadata": {LOG_ID: "x", "_nats.ver": "2.15.1"}, "sealed": False}


def test_the_wanted_stream_has_no_differences() -> None:
    assert differences(SPEC, GOOD) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("subjects", ["countermand.>"]),
        ("retention", "workqueue"),
        ("storage", "memory"),
        ("discard", "old"),
        ("max_age", 1),
        ("max_msgs", 1000),
        ("max_bytes", 2**31),
        ("max_msgs_per_subject", 5),
        ("max_msg_size", -1),
        ("deny_delete", False),
        ("deny_purge", False),
        ("allow_rollup_hdrs", True),
        ("allow_msg_ttl", True),
        ("allow_direct", False),
        ("allow_atomic", False),
        ("duplicate_window", 1),
        ("num_replicas", 3),
        ("persist_mode", "async"),
        ("republish", {"src": ">", "dest": "x"}),
        ("mirror", {"name": "x"}),
        ("sealed", True),
        ("first_seq", 100),
        ("metadata", {}),
        ("metadata", {LOG_ID: "x", "stranger": "y"}),
    ],
)
def test_each_difference_is_named(key: str, value: Any) -> None:
    (found,) = differences(SPEC, GOOD | {key: value})
    assert found.startswith(key)


@pytest.fixture
async def nats(admin_server: AdminServer) -> Nats:
    return await fresh_stream(admin_server)


async def admin(nats: Nats, verb: str, body: object) -> None:
    """What only an account administrator can do."""
    assert isinstance(nats.server, AdminServer)
    async with nats.server.connection() as connection:
        await connection.call(f"$JS.API.STREAM.{verb}.{nats.spec.stream}", body, StreamInfo, 5)


async def test_provisioning_twice_changes_nothing(nats: Nats) -> None:
    log = await nats.open()
    before = await log.identity()
    assert not await provision(nats.address(NatsRole.PROVISIONER), nats.spec)
    assert await log.identity() == before
    await log.close()


async def test_another_configuration_is_refused_by_provisioning_and_at_start(
    nats: Nats,
) -> None:
    spec = nats.spec
    await admin(nats, "UPDATE", wanted(spec) | {"max_age": 10**12, "deny_purge": True})
    for act in (
        provision(nats.address(NatsRole.PROVISIONER), spec),
        nats.open(),
    ):
        with pytest.raises(Misconfigured) as caught:
            await act
        assert "max_age" in caught.value.message
        assert LOG_ID in caught.value.message


async def test_a_missing_stream_is_refused(admin_server: AdminServer) -> None:
    with pytest.raises(Misconfigured, match="there is no stream ABSENT"):
        await Nats(admin_server, StreamSpec("absent", "ABSENT")).open()


async def test_the_same_subjects_cannot_be_provisioned_twice(nats: Nats) -> None:
    other = StreamSpec(nats.spec.cluster, "OTHER")
    with pytest.raises(Misconfigured, match="another stream already keeps the events"):
        await provision(nats.address(NatsRole.PROVISIONER), other)


@pytest.mark.parametrize("spec", [StreamSpec("c", "S", 1), StreamSpec("c", "S", 2**30, 2)])
async def test_limits_out_of_range_are_refused(nats: Nats, spec: StreamSpec) -> None:
    with pytest.raises(Misconfigured):
        await provision(nats.address(NatsRole.PROVISIONER), spec)


async def test_names_that_are_no_tokens_are_refused(nats: Nats) -> None:
    with pytest.raises(BadRequest):
        await provision(nats.address(NatsRole.PROVISIONER), StreamSpec("a.b"))


async def test_a_stream_replaced_behind_our_back_is_corrupt(nats: Nats) -> None:
    log = await nats.open()
    await log.append([write(Token(), queued())])
    await admin(nats, "DELETE", None)
    await provision(nats.address(NatsRole.PROVISIONER), nats.spec)
    with pytest.raises(Corrupt, match="was replaced"):
        await log.identity()
    with pytest.raises(Corrupt, match="was replaced"):
        async for _ in log.read(0):
            pass
    await log.close()


async def test_a_stream_that_lost_what_the_token_names_is_corrupt(nats: Nats) -> None:
    log = await nats.open(patience=Patience(deadline_seconds=0.5, answer_seconds=0.3))
    (token,) = await log.append([write(Token(), queued(), queued())])
    await admin(nats, "DELETE", None)
    await provision(nats.address(NatsRole.PROVISIONER), nats.spec)
    with pytest.raises((Corrupt, ReadOnly), match=r"lost events|deleted the stream"):
        await log.append([write(token, queued())])
    await log.close()


async def heard(log: JetStreamLog) -> tuple[str, ...]:
    """The advisories, as soon as there is one."""
    async with asyncio.timeout(5):
        while not log.health.advisories:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return log.health.advisories


async def test_a_change_of_the_stream_is_heard_of(nats: Nats) -> None:
    log = await nats.open()
    await admin(nats, "UPDATE", wanted(nats.spec) | {"max_bytes": 2**31})
    (advisory,) = await heard(log)
    assert advisory.startswith("UPDATED ")
    await log.close()


async def test_deleting_and_purging_are_denied_even_to_an_administrator(nats: Nats) -> None:
    log = await nats.open()
    await log.append([write(Token(), queued())])
    for verb, body in (("MSG.DELETE", {"seq": 1}), ("PURGE", {})):
        with pytest.raises(ApiError):
            await admin(nats, verb, body)
    undo = wanted(nats.spec) | {"deny_delete": False, "deny_purge": False}
    with pytest.raises(ApiError):
        await admin(nats, "UPDATE", undo)
    await log.close()


@pytest.mark.parametrize(
    ("verb", "body", "at_start", "reading"),
    [
        ("MSG.DELETE", {"seq": 2}, "1 messages were deleted", "no event 2, but 3"),
        ("PURGE", {"seq": 3}, "begins at sequence 3", "no event 1, but 3"),
    ],
)
async def test_lost_messages_are_found_at_start_and_by_a_reader(
    admin_server: AdminServer, verb: str, body: object, at_start: str, reading: str
) -> None:
    name = f"OPEN{uuid.uuid4().hex[:8]}"
    async with admin_server.connection() as connection:
        config = {"name": name, "subjects": [f"{name}.*"], "allow_direct": True}
        await connection.call(f"$JS.API.STREAM.CREATE.{name}", config, StreamInfo, 5)
        for _ in range(4):
            await connection.request(f"{name}.x", b"{}", 5)
        await connection.call(f"$JS.API.STREAM.{verb}.{name}", body, object, 5)
        info = await connection.call(f"$JS.API.STREAM.INFO.{name}", None, StreamInfo, 5)
        with pytest.raises(Corrupt, match=at_start):
            refuse_holes(name, info)
        with pytest.raises(Corrupt, match=reading):
            async for _batch in Reader(connection, name, lambda _: None).read(0, [], False):
                pass
