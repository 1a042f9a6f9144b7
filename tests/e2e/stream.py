"""The stream as anybody reads it, with an ordinary client; and what must be true of every one."""

import json
from asyncio import gather
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final
from uuid import uuid4

import nats
from msgspec import Struct
from nats.aio.client import Client

from tests.support.web import Json

SERVICE_NAME: Final = "countermand"
"""Who is said to have done what the service does by itself."""
BATCH: Final = 500
READ_AT_ONCE: Final = 100


class Event(Struct, frozen=True):
    """One message of the stream, as a reader gets it."""

    position: int
    subject: str
    raw: bytes

    @property
    def body(self) -> Json:
        found = json.loads(self.raw)
        assert isinstance(found, dict)
        return found

    @property
    def type(self) -> str:
        """The event's short name, which its subject and its body agree upon."""
        name = self.subject.rpartition(".")[2]
        assert str(self.body["type"]).split(".")[1] == name, self
        return name

    @property
    def data(self) -> Json:
        found = self.body["data"]
        assert isinstance(found, dict)
        return found

    @property
    def aggregate(self) -> str:
        """Kind and id, from the subject."""
        _, _, kind, name, _ = self.subject.split(".")
        return f"{kind}/{name}"


# --- reading, and what only the service may -------------------------------------------------------


def login_in(file: Path) -> dict[str, str]:
    """The user and password in a credentials file."""
    found: dict[str, str] = json.loads(file.read_bytes())
    return found


@asynccontextmanager
async def connected(url: str, file: Path) -> AsyncIterator[Client]:
    """A plain client with the login in a credentials file."""
    login = login_in(file)
    client = await nats.connect(
        url,
        user=login["user"],
        password=login["password"],
        inbox_prefix=f"_INBOX.{login['user']}".encode(),
        allow_reconnect=False,
    )
    try:
        yield client
    finally:
        await client.close()


def reading(endpoint: Json) -> AbstractAsyncContextManager[Client]:
    """A client with the credentials that the endpoint names."""
    return connected(endpoint["nats_url"], Path(endpoint["nats_credentials_file"]))


async def read_stream(endpoint: Json, after: int = 0) -> list[Event]:
    """Every message there is above a position."""
    async with reading(endpoint) as client:
        stream, jetstream = endpoint["stream"], client.jetstream()
        info = await jetstream.stream_info(stream)
        # A replica may lag behind by what was stored just now; the leader does not.
        last, direct = info.state.last_seq, info.config.num_replicas == 1
        found: list[Event] = []
        for begin in range(after + 1, last + 1, READ_AT_ONCE):
            positions = range(begin, min(begin + READ_AT_ONCE, last + 1))
            asked = (jetstream.get_msg(stream, n, direct=direct) for n in positions)
            for position, message in zip(positions, await gather(*asked), strict=True):
                assert message.subject is not None
                found.append(Event(position, message.subject, message.data or b""))
        return found


async def stream_bytes(endpoint: Json) -> int:
    """What the stream holds, by nats-server's own word."""
    async with reading(endpoint) as client:
        return (await client.jetstream().stream_info(endpoint["stream"])).state.bytes


async def publish(url: str, file: Path, messages: Sequence[tuple[str, bytes]]) -> list[int]:
    """Store messages with the login in a credentials file; their positions.

    In atomic batches: a server that syncs each message by itself takes long for thousands.
    """
    async with connected(url, file) as client:
        found: list[int] = []
        for begin in range(0, len(messages), BATCH):
            found += await store_batch(client, messages[begin : begin + BATCH])
        return found


async def store_batch(client: Client, messages: Sequence[tuple[str, bytes]]) -> range:
    """Store all of these at once; their positions."""
    batch = {"Nats-Batch-Id": uuid4().hex}
    *others, (subject, raw) = messages
    for n, (other, data) in enumerate(others, 1):
        await client.publish(other, data, headers=batch | {"Nats-Batch-Sequence": str(n)})
    last = {"Nats-Batch-Sequence": str(len(messages)), "Nats-Batch-Commit": "1"}
    answer = json.loads((await client.request(subject, raw, 10, headers=batch | last)).data)
    assert answer.get("count") == len(messages), answer
    return range(answer["seq"] - len(messages) + 1, answer["seq"] + 1)


# --- what must be true of every stream ------------------------------------------------------------


def check_history(events: Sequence[Event]) -> None:
    """Positions and versions without a gap, hashes chained, no event id twice, no request twice."""
    places = [e.position for e in events]
    assert places == list(range(1, len(events) + 1))
    ids = [e.body["id"] for e in events]
    assert len(set(ids)) == len(ids), "an event id stands twice in the stream"
    by_aggregate: dict[str, list[Event]] = {}
    for event in events:
        by_aggregate.setdefault(event.aggregate, []).append(event)
    for name, history in by_aggregate.items():
        check_aggregate(name, history)


def check_aggregate(name: str, history: Sequence[Event]) -> None:
    """Versions 1, 2, 3 without a gap, each event with the SHA-256 of the last one's bytes."""
    assert {e.body["subject"] for e in history} == {name}
    versions = [e.body["aggregateversion"] for e in history]
    assert versions == list(range(1, len(history) + 1)), f"{name}: {versions}"
    hashes = [e.body.get("previoushash") for e in history]
    assert hashes == [None, *(sha256(e.raw).hexdigest() for e in history[:-1])], name
    asked = [(e.type, e.body["authid"], e.data["request_id"]) for e in history if asks(e)]
    assert len(set(asked)) == len(asked), f"{name}: a request stands twice: {asked}"


def asks(event: Event) -> bool:
    """Whether the event answers a request of a person."""
    return event.body["authid"] != SERVICE_NAME and "request_id" in event.data


def ends(events: Sequence[Event]) -> list[Event]:
    """The ends of cancels."""
    return [e for e in events if e.type == "JobCanceled"]
