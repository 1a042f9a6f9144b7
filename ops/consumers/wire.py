"""One connection to the NATS server as a reader, and the few questions a consumer asks.

It does not reconnect by itself: whoever uses it starts again, from the endpoint file on, because
the next server may listen elsewhere.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from ops.consumers.errors import Lost, Refused, more_telling
from ops.consumers.place import ANY_CLUSTER, Place, read_object

CONNECT_SECONDS: Final = 5
LET_IN_SECONDS: Final = 15.0
ANSWER_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
PING_SECONDS: Final = 10
STATUS: Final = "Status"
NO_RESPONDERS: Final = "503"


@dataclass(frozen=True)
class Mark:
    """How far a consumer has come, and in which stream.

    ``created`` is when the stream was made, as the server writes it: one of the same name that was
    made anew is another stream. ``sha256`` is that of the bytes at ``position``; "" at 0.
    """

    stream: str
    created: str
    position: int
    sha256: str


@dataclass(frozen=True)
class State:
    """What the server says of the stream now."""

    stream: str
    created: str
    last: int


class Connection:
    """A connection to read through. ``lost`` is set when it is gone."""

    def __init__(self, client: Client, place: Place) -> None:
        self.client = client
        self.place = place
        self.lost = asyncio.Event()
        self.complaint = ""

    async def ask(self, subject: str, body: dict[str, object]) -> dict[str, Any]:
        """JetStream's answer to a question of its API. Raises ``Lost``."""
        answer = json.loads((await self._request(f"$JS.API.{subject}", body)).data)
        if "error" in answer:
            raise Lost(f"{subject}: {answer['error'].get('description')}")
        assert isinstance(answer, dict)
        return answer

    async def state(self) -> State:
        """Which stream it is, and how long. Raises ``Lost``, ``Refused`` for another cluster's."""
        answer = await self.ask(f"STREAM.INFO.{self.place.stream}", {})
        self._check_cluster(answer["config"].get("subjects", []))
        return State(answer["config"]["name"], answer["created"], answer["state"]["last_seq"])

    def _check_cluster(self, subjects: list[str]) -> None:
        cluster = self.place.cluster
        if cluster != ANY_CLUSTER and subjects != [f"countermand.{cluster}.>"]:
            raise Refused(
                f"the stream {self.place.stream} is not that of cluster {cluster}: it holds "
                f"{', '.join(subjects)}"
            )

    async def digest(self, position: int) -> str:
        """The SHA-256 of the bytes at ``position``; "" when nothing is there. Raises ``Lost``."""
        if position == 0:
            return ""
        subject = f"$JS.API.DIRECT.GET.{self.place.stream}"
        answer = await self._request(subject, {"seq": position})
        return "" if status_of(answer) else sha256(answer.data).hexdigest()

    async def mark(self, position: int) -> Mark:
        """A mark at ``position`` of this stream. Raises ``Lost``."""
        state = await self.state()
        return Mark(state.stream, state.created, position, await self.digest(position))

    async def check(self, mark: Mark, where: str) -> State:
        """The stream's state, when ``mark`` was made in it. Raises ``Refused``, ``Lost``.

        ``where`` is the directory that holds the mark, for the sentence.
        """
        state = await self.state()
        remedy = f"If that is meant, begin a new directory instead of {where}"
        if (state.stream, state.created) != (mark.stream, mark.created):
            raise Refused(
                f"this is another stream: {where} belongs to {mark.stream}, created "
                f"{mark.created}; the server has {state.stream}, created {state.created}. {remedy}"
            )
        if state.last < mark.position:
            raise Refused(
                f"the stream ends at {state.last}, but events up to {mark.position} were read from "
                f"it before: it lost events, or an older copy was put in its place. {remedy}"
            )
        if await self.digest(mark.position) != mark.sha256:
            raise Refused(
                f"event {mark.position} of the stream is not the one that was read before: another "
                f"history was put in its place. {remedy}"
            )
        return state

    async def _request(self, subject: str, body: dict[str, object]) -> Msg:
        try:
            payload = json.dumps(body).encode()
            return await self.client.request(subject, payload, timeout=ANSWER_SECONDS)
        except (nats.errors.Error, OSError) as error:
            raise Lost(f"{subject}: {self.complaint or words(error)}") from error


def status_of(message: Msg) -> str:
    """The status of a message that is not an event, such as 404; "" for an event."""
    return (message.headers or {}).get(STATUS, "")


def words(error: BaseException) -> str:
    """What an error says; its name when it says nothing."""
    return str(error) or type(error).__name__


@asynccontextmanager
async def connected(place: Place) -> AsyncIterator[Connection]:
    """A connection as the reader; closed at the end. Raises ``Lost`` when nobody lets us in."""
    login, client = _login(place), Client()
    connection = Connection(client, place)

    async def gone() -> None:
        connection.lost.set()

    async def complain(error: Exception) -> None:
        connection.complaint = more_telling(connection.complaint, words(error))

    try:
        async with asyncio.timeout(LET_IN_SECONDS):
            await client.connect(
                list(place.servers),
                allow_reconnect=False,
                max_reconnect_attempts=1,
                connect_timeout=CONNECT_SECONDS,
                ping_interval=PING_SECONDS,
                max_outstanding_pings=2,
                name="countermand consumer",
                disconnected_cb=gone,
                closed_cb=gone,
                error_cb=complain,
                **login,  # type: ignore[arg-type]
            )
    except (nats.errors.Error, OSError, TimeoutError) as error:
        await _close(client)
        reason = connection.complaint or words(error)
        raise Lost(f"no NATS server let us in at {', '.join(place.servers)}: {reason}") from error
    except BaseException:
        await _close(client)
        raise
    try:
        yield connection
    finally:
        await _close(client)


def _login(place: Place) -> dict[str, str]:
    if place.credentials.suffix == ".creds":
        return {"user_credentials": str(place.credentials)}
    found = read_object(place.credentials, "the credentials file")
    if not found.get("user") or "password" not in found:
        raise Lost(f"the credentials file {place.credentials} must hold user and password")
    return {"user": found["user"], "password": found["password"]}


async def _close(client: Client) -> None:
    """Give the connection up; one that does not answer is left behind."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.close()
    except (nats.errors.Error, OSError, TimeoutError):
        return
