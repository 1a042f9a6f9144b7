"""What the four users may and may not do, asked of a real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import nats as nats_py
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from adapters.jetstream.accounts import NatsRole, inbox_prefix
from adapters.jetstream.api import StreamInfo
from adapters.jetstream.config import StreamSpec, wanted
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import provision
from application.ports import Token
from tests.support.events import queued, write
from tests.support.nats import Nats, own_server

SUBJECT = "countermand.hpc1.job.1.JobQueued"
STREAM = "COUNTERMAND"
DENIED_SECONDS = 5.0


@pytest.fixture
async def nats(tmp_path: Path) -> AsyncIterator[Nats]:
    """A server whose users are limited to one cluster, as in production, with two events."""
    async with own_server(tmp_path, "hpc1", STREAM) as server:
        made = Nats(server, StreamSpec("hpc1", STREAM, 2**30))
        await provision(made.address(NatsRole.PROVISIONER), made.spec)
        log = await made.open()
        await log.append([write(Token(), queued(), queued())])
        await log.close()
        yield made


class User:
    """A role's plain NATS client, and what the server told it off for."""

    def __init__(self, role: NatsRole) -> None:
        self.client = Client()
        self.role = role
        self.violations: list[str] = []
        self._told_off = asyncio.Condition()

    async def told_off(self, error: Exception) -> None:
        async with self._told_off:
            self.violations.append(str(error).lower())
            self._told_off.notify_all()

    async def denied(self, subject: str, payload: bytes = b"") -> None:
        """Return when the server has refused a publish on ``subject``."""
        await self.client.publish(subject, payload)
        await self._violation(f'publish to "{subject}"')

    async def deaf(self, subject: str) -> None:
        """Return when the server has refused a subscription to ``subject``."""

        async def ignore(_: Msg) -> None:
            return

        await self.client.subscribe(subject, cb=ignore)
        await self._violation(f'subscription to "{subject}"')

    async def _violation(self, words: str) -> None:
        async with asyncio.timeout(DENIED_SECONDS), self._told_off:
            await self._told_off.wait_for(lambda: any(words.lower() in v for v in self.violations))


@asynccontextmanager
async def user(nats: Nats, role: NatsRole) -> AsyncIterator[User]:
    made, login = User(role), nats.server.logins[role]
    await made.client.connect(
        nats.server.url,
        user=login.user,
        password=login.password,
        inbox_prefix=inbox_prefix(role),
        error_cb=made.told_off,
        allow_reconnect=False,
    )
    try:
        yield made
    finally:
        await made.client.close()


async def stored(nats: Nats) -> int:
    log: JetStreamLog = await nats.open()
    identity = await log.identity()
    await log.close()
    return identity.last


async def test_a_reader_consumes_with_any_client_and_reads_directly(nats: Nats) -> None:
    async with user(nats, NatsRole.READER) as reader:
        stream = reader.client.jetstream()
        consumer = await stream.pull_subscribe("countermand.*.job.*.JobQueued", stream=STREAM)
        messages = await consumer.fetch(2, timeout=5)
        assert [message.subject for message in messages] == [SUBJECT] * 2
        await messages[0].ack_sync()
        durable = await stream.pull_subscribe(SUBJECT, durable="mine", stream=STREAM)
        assert len(await durable.fetch(2, timeout=5)) == 2
        raw = await stream.get_msg(STREAM, 2, direct=True)
        assert raw.subject == SUBJECT
        assert (await stream.get_msg(STREAM, 1)).subject == SUBJECT
        assert (await stream.stream_info(STREAM)).state.messages == 2
        assert await stream.find_stream_name_by_subject(SUBJECT) == STREAM
        assert reader.violations == []


async def test_a_reader_needs_no_option_but_its_login(nats: Nats) -> None:
    login = nats.server.logins[NatsRole.READER]
    client = await nats_py.connect(nats.server.url, user=login.user, password=login.password)
    consumer = await client.jetstream().pull_subscribe(SUBJECT, stream=STREAM)
    assert len(await consumer.fetch(2, timeout=5)) == 2
    await client.close()


async def test_a_reader_may_do_all_that_the_nats_command_does(nats: Nats) -> None:
    """``nats sub`` of natscli: the stream by subject, its info, a pull consumer with the filter in
    the subject of the request, wildcards and all, and pulls into an inbox."""
    subject = "countermand.*.job.*.JobQueued"
    async with user(nats, NatsRole.READER) as reader:
        client, heard = reader.client, asyncio.Queue[Msg]()
        await client.subscribe("_INBOX.of-natscli", cb=heard.put)
        names = await client.request("$JS.API.STREAM.NAMES", b'{"subject":"%s"}' % subject.encode())
        assert msgspec.json.decode(names.data)["streams"] == [STREAM]
        config = {"ack_policy": "none", "deliver_policy": "all", "filter_subject": subject}
        body = msgspec.json.encode({"stream_name": STREAM, "config": config, "action": "create"})
        create = f"$JS.API.CONSUMER.CREATE.{STREAM}.abc.{subject}"
        assert b'"error"' not in (await client.request(create, body)).data
        pull = msgspec.json.encode({"batch": 500, "expires": 30 * 10**9, "idle_heartbeat": 10**9})
        next_one = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.abc"
        await client.publish(next_one, pull, reply="_INBOX.of-natscli")
        async with asyncio.timeout(5):
            assert [(await heard.get()).subject for _ in range(2)] == [SUBJECT] * 2
        assert reader.violations == []


async def test_what_a_push_consumer_sends_does_not_reach_a_reader(nats: Nats) -> None:
    """It is sent within the stream's account; which is why natscli before 0.3.0 hears nothing."""
    async with user(nats, NatsRole.READER) as reader:
        client = reader.client
        await client.subscribe("_INBOX.push")
        config = {"ack_policy": "none", "deliver_policy": "all", "deliver_subject": "_INBOX.push"}
        body = msgspec.json.encode({"stream_name": STREAM, "config": config})
        made = await client.request(f"$JS.API.CONSUMER.CREATE.{STREAM}.push", body)
        assert b'"error"' not in made.data
        told = await client.request(f"$JS.API.CONSUMER.INFO.{STREAM}.push")
        info = msgspec.json.decode(told.data)
        assert not info.get("push_bound")
        assert info["delivered"]["stream_seq"] == 0


async def test_a_reader_hears_no_answers_to_others(nats: Nats) -> None:
    heard: list[str] = []

    async def note(message: Msg) -> None:
        heard.append(message.subject)

    async with user(nats, NatsRole.READER) as reader:
        await reader.client.subscribe("_INBOX.>", cb=note)
        await reader.client.flush()
        assert await stored(nats) == 2
        await reader.client.request(f"$JS.API.STREAM.INFO.{STREAM}")
        own = inbox_prefix(NatsRole.READER)
        assert [subject for subject in heard if not subject.startswith(own)] == []
        assert reader.violations == []


async def test_a_reader_does_not_write(nats: Nats) -> None:
    async with user(nats, NatsRole.READER) as reader:
        await reader.denied(SUBJECT, b"forged")
        for verb in ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT", "RESTORE"):
            await reader.denied(f"$JS.API.STREAM.{verb}.{STREAM}", b"{}")
        await reader.denied(f"$JS.API.CONSUMER.DELETE.{STREAM}.x")
    assert await stored(nats) == 2


async def test_a_reader_cannot_have_the_server_write_for_it(nats: Nats) -> None:
    """In the stream's own account each of these stores a message: the answer goes to the reply."""
    forged = "countermand.hpc1.job.2.JobQueued"
    create = f"$JS.API.CONSUMER.CREATE.{STREAM}"
    async with user(nats, NatsRole.READER) as reader:
        config = {"name": "p", "ack_policy": "none", "deliver_policy": "all"}
        body = msgspec.json.encode({"stream_name": STREAM, "config": config})
        answer = await reader.client.request(f"{create}.p", body)
        assert b'"error"' not in answer.data
        publish = reader.client.publish
        await publish(f"$JS.API.DIRECT.GET.{STREAM}", b'{"seq":1}', reply=forged)
        await publish(f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.p", b"2", reply=forged)
        await publish(f"{create}.q", body.replace(b'"p"', b'"q"'), reply=forged)
        await publish(f"$JS.API.STREAM.INFO.{STREAM}", b"", reply=forged)
        push = {"name": "r", "ack_policy": "none", "deliver_subject": forged}
        body = msgspec.json.encode({"stream_name": STREAM, "config": push})
        assert b"10081" in (await reader.client.request(f"{create}.r", body)).data
        await reader.client.request(f"$JS.API.STREAM.INFO.{STREAM}")
        await reader.client.flush()
    assert await stored(nats) == 2


@pytest.mark.parametrize("role", list(NatsRole))
async def test_nobody_listens_to_events_or_to_the_services_answers(
    nats: Nats, role: NatsRole
) -> None:
    service = "_INBOX.service"
    closed = [] if role is NatsRole.SERVICE else [f"{service}.>", f"{service}.x"]
    async with user(nats, role) as me:
        for subject in ("countermand.>", SUBJECT, ">", *closed):
            await me.deaf(subject)


async def test_the_service_appends_and_reads_but_never_changes_the_stream(nats: Nats) -> None:
    async with user(nats, NatsRole.SERVICE) as service:
        for verb in ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT", "RESTORE"):
            await service.denied(f"$JS.API.STREAM.{verb}.{STREAM}", b"{}")
        await service.denied("countermand.other.job.1.JobQueued")
        await service.denied("$JS.API.STREAM.CREATE.OTHER", b"{}")


async def test_the_provisioner_makes_the_stream_and_no_more(nats: Nats) -> None:
    async with user(nats, NatsRole.PROVISIONER) as provisioner:
        answer = await provisioner.client.request(f"$JS.API.STREAM.INFO.{STREAM}")
        assert b'"error"' not in answer.data
        for verb in ("UPDATE", "DELETE", "PURGE", "MSG.DELETE"):
            await provisioner.denied(f"$JS.API.STREAM.{verb}.{STREAM}", b"{}")
        await provisioner.denied(SUBJECT, b"forged")
        await provisioner.denied("$JS.API.STREAM.CREATE.OTHER", b"{}")


async def test_the_operator_updates_and_everybody_who_watches_sees_it(nats: Nats) -> None:
    seen: asyncio.Queue[str] = asyncio.Queue()

    async def note(message: Msg) -> None:
        await seen.put(message.subject)

    async with user(nats, NatsRole.SERVICE) as watcher, user(nats, NatsRole.OPERATOR) as operator:
        await watcher.client.subscribe("$JS.EVENT.ADVISORY.STREAM.>", cb=note)
        await watcher.client.flush()
        info = await operator.client.request(f"$JS.API.STREAM.INFO.{STREAM}")
        config = msgspec.json.decode(info.data, type=StreamInfo).config
        config["max_bytes"] = wanted(nats.spec)["max_bytes"] * 2
        body = msgspec.json.encode(config)
        answer = await operator.client.request(f"$JS.API.STREAM.UPDATE.{STREAM}", body)
        assert b'"error"' not in answer.data
        async with asyncio.timeout(5):
            assert await seen.get() == f"$JS.EVENT.ADVISORY.STREAM.UPDATED.{STREAM}"
        await operator.denied(f"$JS.API.STREAM.DELETE.{STREAM}")
        await operator.denied(SUBJECT, b"forged")
