"""An administrator works on the stream while it is used: it is noticed, and nothing is appended."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.api import ApiError, StreamInfo
from adapters.jetstream.config import LOG_ID, StreamSpec, wanted
from adapters.jetstream.guard import Head, StreamGuard, differing
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import provision
from adapters.jetstream.publish import Patience
from application.ports import Token
from application.watchdog import Watchdog
from domain.errors import Misconfigured, OutcomeUnknown, ReadOnly
from tests.support.events import queued, write
from tests.support.nats import AdminServer, Nats, admin_server, fresh_stream, own_server
from tests.support.waiting import eventually

__all__ = ["admin_server"]

NOTICED_SECONDS = 5.0


@pytest.fixture
async def nats(admin_server: AdminServer) -> Nats:
    return await fresh_stream(admin_server)


@pytest.fixture
async def log(nats: Nats) -> AsyncIterator[JetStreamLog]:
    """A log with three events."""
    log = await nats.open()
    await log.append([write(Token(), queued(), queued(), queued())])
    yield log
    await log.close()


async def admin(nats: Nats, verb: str, body: object = None) -> None:
    """What only an account administrator can do."""
    assert isinstance(nats.server, AdminServer)
    async with nats.server.connection() as connection:
        await connection.call(f"$JS.API.STREAM.{verb}.{nats.spec.stream}", body, StreamInfo, 5)


async def metadata(nats: Nats) -> dict[str, str]:
    assert isinstance(nats.server, AdminServer)
    subject = f"$JS.API.STREAM.INFO.{nats.spec.stream}"
    async with nats.server.connection() as connection:
        info = await connection.call(subject, None, StreamInfo, 5)
    return {LOG_ID: info.config["metadata"][LOG_ID]}


async def changed(nats: Nats, **changes: object) -> None:
    """Another configuration."""
    await admin(nats, "UPDATE", wanted(nats.spec) | {"metadata": await metadata(nats)} | changes)


async def remade(nats: Nats) -> None:
    await admin(nats, "DELETE")
    await provision(nats.address(NatsRole.PROVISIONER), nats.spec)


async def found_by(log: JetStreamLog, *kinds: str) -> list[tuple[str, dict[str, object]]]:
    """What a watchdog says when it has found ``kinds``, within the promised time."""
    said: list[tuple[str, dict[str, object]]] = []
    dog = Watchdog(log.guard, lambda event, **facts: said.append((event, facts)))
    running = asyncio.create_task(dog.run())
    try:
        has = lambda: set(kinds) <= {f["kind"] for _, f in said}  # noqa: E731
        await eventually(has, f"{kinds} was noticed", NOTICED_SECONDS)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    with pytest.raises(ReadOnly, match="until the service is started again"):
        dog.check()
    return said


async def test_a_stream_as_it_was_is_no_finding(log: JetStreamLog) -> None:
    dog = Watchdog(log.guard, lambda event, **facts: None)
    for _ in range(3):
        await log.guard.look()
    dog.check()
    assert (dog.reasons, dog.refusal()) == ([], "")
    assert log.guard.head.sha256


async def test_another_configuration_is_noticed_and_effects_go_on(
    nats: Nats, log: JetStreamLog
) -> None:
    await changed(nats, max_bytes=2**31)
    said = await found_by(log, "configuration")
    assert [event for event, _ in said] == ["read_only"], "it is told once"
    await log.append([write(Token(), queued(), job=2)])


async def test_a_change_that_was_undone_is_noticed(nats: Nats, log: JetStreamLog) -> None:
    await changed(nats, max_bytes=2**31)
    await changed(nats)
    await found_by(log, "configuration")


async def test_events_taken_out_by_a_limit_are_noticed(nats: Nats, log: JetStreamLog) -> None:
    await changed(nats, max_msgs_per_subject=1)
    await found_by(log, "configuration", "holes")


@pytest.mark.parametrize("how", ["deleted", "replaced"])
async def test_a_stream_deleted_or_made_again_is_noticed_and_takes_nothing(
    nats: Nats, log: JetStreamLog, how: str
) -> None:
    await (admin(nats, "DELETE") if how == "deleted" else remade(nats))
    await found_by(log, how)
    with pytest.raises(ReadOnly, match="nothing was stored"):
        await log.append([write(Token(), queued(), job=2)])


async def test_without_any_advisory_a_look_finds_the_same(nats: Nats, log: JetStreamLog) -> None:
    deaf = await looker(nats, log)
    await admin(nats, "DELETE")
    await deaf.look()
    assert (deaf.findings, bool(deaf.doubt)) == ((), True), "a second look confirms"
    with pytest.raises(ReadOnly):
        deaf.check()
    await deaf.look()
    assert [found.kind for found in deaf.findings] == ["gone"]
    await provision(nats.address(NatsRole.PROVISIONER), nats.spec)
    await deaf.look()
    assert {found.kind for found in deaf.findings} >= {"gone", "replaced"}


async def looker(nats: Nats, log: JetStreamLog) -> StreamGuard:
    """A guard that hears of nothing, and knows what the log's knows."""
    deaf = StreamGuard(log._connection, nats.spec)
    subject = f"$JS.API.STREAM.INFO.{nats.spec.stream}"
    assert isinstance(nats.server, AdminServer)
    async with nats.server.connection() as connection:
        deaf.begin(await connection.call(subject, None, StreamInfo, 5))
    deaf.stored(log.guard.head.position, log.guard.head.sha256)
    return deaf


async def test_a_new_stream_that_gives_a_place_twice_is_not_believed(
    nats: Nats, log: JetStreamLog
) -> None:
    """Before anybody could hear of it: the acknowledgement itself tells."""
    before = log.guard.head
    with pytest.raises(ReadOnly, match="the position 1, and was at 3"):
        log.guard.check_place(1, before)
    with pytest.raises(ReadOnly):
        await log.append([write(Token(), queued(), job=2)])


@pytest.mark.parametrize(
    ("head", "kind"),
    [(Head(4, "00"), "shorter"), (Head(3, "00"), "head")],
)
async def test_a_shorter_stream_and_another_head_are_found_by_the_second_look(
    nats: Nats, log: JetStreamLog, head: Head, kind: str
) -> None:
    deaf = await looker(nats, log)
    deaf.head = head
    await deaf.look()
    await deaf.look()
    assert [found.kind for found in deaf.findings] == [kind]


async def test_a_doubt_that_the_next_look_does_not_confirm_is_none(
    nats: Nats, log: JetStreamLog
) -> None:
    deaf = await looker(nats, log)
    deaf.head = Head(4, "00")
    await deaf.look()
    await log.append([write(Token(), queued(), job=2)])
    deaf.head = Head(4, log.guard.head.sha256)
    await deaf.look()
    assert (deaf.findings, deaf.doubt) == ((), "")


def test_every_way_to_differ_is_told() -> None:
    spec = StreamSpec("c", "S", 2**30)
    config = wanted(spec) | {"metadata": {LOG_ID: "x"}}
    good = StreamInfo(config=config, created="t")
    assert [*differing(spec, "x/t", good, Head())] == []
    bad = StreamInfo(config=config | {"max_age": 5}, created="u")
    found = [*differing(spec, "x/t", bad, Head(1))]
    assert [one.kind for one in found] == ["replaced", "configuration", "shorter"]
    assert [one.lost for one in found] == [True, False, True]


async def test_a_server_that_comes_back_with_an_older_store_takes_nothing(tmp_path: Path) -> None:
    """What a truncated block does: the sequence falls, and the server says nothing of it."""
    async with own_server(tmp_path) as server:
        nats = await fresh_stream(server)
        log = await nats.open(patience=Patience(deadline_seconds=10.0, answer_seconds=1.0))
        (token,) = await log.append([write(Token(), queued())])
        older = tmp_path / "older"
        shutil.copytree(tmp_path / "jetstream", older)
        await log.append([write(token, queued(), queued())])
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        shutil.rmtree(tmp_path / "jetstream")
        older.rename(tmp_path / "jetstream")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises((ReadOnly, OutcomeUnknown)):
            await log.append([write(Token(), queued(), job=2)])
        await found_by(log, "shorter")
        assert (await log.identity()).last == 1, "nothing was appended"
        await log.close()


async def test_an_older_snapshot_put_in_place_is_noticed(nats: Nats, log: JetStreamLog) -> None:
    """A restore needs the stream to be gone before: the deletion alone would tell."""
    assert isinstance(nats.server, AdminServer)
    await admin(nats, "DELETE")
    subject = f"$JS.API.STREAM.RESTORE.{nats.spec.stream}"
    body = {"config": wanted(nats.spec), "state": {}}
    async with nats.server.connection() as connection:
        await connection.call(subject, body, StreamInfo, 5)
        await found_by(log, "deleted", "restored")


async def test_a_purge_and_a_deletion_of_events_stay_denied(nats: Nats, log: JetStreamLog) -> None:
    for verb, body in (("PURGE", {}), ("MSG.DELETE", {"seq": 1})):
        with pytest.raises(ApiError):
            await admin(nats, verb, body)
    await log.guard.look()
    assert log.guard.findings == ()


async def test_a_purge_where_it_is_not_denied_is_found(nats: Nats, log: JetStreamLog) -> None:
    """By way of a stream of the same name that lets itself be purged."""
    await admin(nats, "DELETE")
    open_ = wanted(nats.spec) | {"deny_purge": False, "metadata": {LOG_ID: "x"}}
    await admin(nats, "CREATE", open_)
    assert isinstance(nats.server, AdminServer)
    async with nats.server.connection() as connection:
        for n in range(3):
            subject = f"countermand.{nats.spec.cluster}.job.{n}.JobQueued"
            await connection.request(subject, b"{}", 5)
    with pytest.raises(Misconfigured):
        await nats.open()
    deaf = await looker(nats, log)
    await admin(nats, "PURGE", {})
    await deaf.look()
    await deaf.look()
    assert {found.kind for found in deaf.findings} == {"configuration", "holes"}
