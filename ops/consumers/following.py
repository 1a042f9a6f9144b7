"""Events in the stream's order, through a short-lived JetStream pull consumer.

The consumer keeps no state that matters: no acknowledgements, gone after some minutes, and a reader
may not delete one anyway. The position is kept by the program, next to what it does with the
events, so that both are true at once. Whenever something may have been missed (a lost connection, a
silent server, a hole in the consumer's own numbering) ``Lost`` is raised, and the next consumer
starts after the last position that was dealt with.
"""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import nats.errors
from nats.aio.msg import Msg

from ops.consumers.errors import Lost
from ops.consumers.wire import Connection, status_of, words

BATCH_MAX: Final = 256
EXPIRES_SECONDS: Final = 30
HEARTBEAT_SECONDS: Final = 2
SILENCE_SECONDS_MAX: Final = 7
INACTIVE_SECONDS: Final = 120
SECOND: Final = 1_000_000_000
"""In JetStream's JSON a duration is a number of nanoseconds."""

HEARTBEAT: Final = "100"
PULL_OVER: Final = frozenset({"404", "408"})
ACK_TOKENS: Final = 9
"""$JS.ACK.stream.consumer.delivered.position.delivery.time.pending; newer servers put two
tokens before the stream, and one behind."""


@dataclass(frozen=True)
class Event:
    """One event: its position in the stream, its subject, and the bytes as they are stored."""

    position: int
    subject: str
    raw: bytes


class Feed:
    """One consumer and what it has delivered. Use ``feed`` to make one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.name = f"c{uuid.uuid4().hex}"
        self._inbox = connection.client.new_inbox()
        self._arrived: asyncio.Queue[Msg] = asyncio.Queue()
        self._asked = 0
        self._delivered = 0
        self._backlog = 0

    async def start(self, after: int, subjects: Sequence[str]) -> None:
        """Create the consumer: events above ``after`` on ``subjects`` (none: all)."""
        await self._connection.client.subscribe(self._inbox, cb=self._arrived.put)
        config = {
            "name": self.name,
            "deliver_policy": "by_start_sequence",
            "opt_start_seq": after + 1,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": INACTIVE_SECONDS * SECOND,
            "filter_subjects": list(subjects),
        }
        stream = self._connection.place.stream
        body: dict[str, object] = {"stream_name": stream, "config": config, "action": "create"}
        answer = await self._connection.ask(f"CONSUMER.CREATE.{stream}.{self.name}", body)
        self._backlog = answer["num_pending"]

    @property
    def caught_up(self) -> bool:
        """Whether all that was in the stream when this began has been handed out."""
        return self._delivered >= self._backlog

    async def next(self) -> list[Event]:
        """What has arrived, in order, as soon as there is something; [] for a sign of life.

        Raises ``Lost``; then none of the events of this call have been handed out.
        """
        await self._renew()
        events = self._taken(await self._arrival())
        while len(events) < BATCH_MAX and not self._arrived.empty():
            events += self._taken(self._arrived.get_nowait())
        return events

    async def _renew(self) -> None:
        if self._asked:
            return
        stream = self._connection.place.stream
        body = {
            "batch": BATCH_MAX,
            "expires": EXPIRES_SECONDS * SECOND,
            "idle_heartbeat": HEARTBEAT_SECONDS * SECOND,
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{self.name}"
        try:
            payload = json.dumps(body).encode()
            await self._connection.client.publish(subject, payload, reply=self._inbox)
        except (nats.errors.Error, OSError) as error:
            raise Lost(words(error)) from error
        self._asked = BATCH_MAX

    async def _arrival(self) -> Msg:
        """The next message. Raises ``Lost`` when the connection goes, or nothing comes."""
        if not self._arrived.empty():
            return self._arrived.get_nowait()
        arrival = asyncio.ensure_future(self._arrived.get())
        gone = asyncio.ensure_future(self._connection.lost.wait())
        try:
            await asyncio.wait(
                (arrival, gone), timeout=SILENCE_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED
            )
            if arrival.done():
                return arrival.result()
            raise Lost("the connection was lost" if gone.done() else "the server has gone silent")
        finally:
            arrival.cancel()
            gone.cancel()

    def _taken(self, message: Msg) -> list[Event]:
        """The event in a message, if it is one."""
        status = status_of(message)
        if not status:
            return [self._event(message)]
        if status in PULL_OVER:
            self._asked = 0
        elif status != HEARTBEAT:
            raise Lost(f"the server ended the pull with status {status}")
        return []

    def _event(self, message: Msg) -> Event:
        position, delivery = place_of(message.reply)
        if delivery != self._delivered + 1:
            raise Lost(f"delivery {delivery} came after {self._delivered}")
        self._asked -= 1
        self._delivered = delivery
        return Event(position, message.subject, message.data)


def place_of(reply: str) -> tuple[int, int]:
    """Position in the stream and number of the delivery. Raises ``Lost`` when ``reply`` is odd."""
    tokens = reply.split(".")
    shift = 0 if len(tokens) == ACK_TOKENS else 2
    try:
        return int(tokens[5 + shift]), int(tokens[6 + shift])
    except (IndexError, ValueError) as error:
        raise Lost(f"the reply subject {reply!r} names no place in the stream") from error


@asynccontextmanager
async def feed(
    connection: Connection, after: int, subjects: Sequence[str] = ()
) -> AsyncIterator[Feed]:
    """The events above ``after`` on ``subjects`` (none: all). Raises ``Lost``."""
    made = Feed(connection)
    await made.start(after, subjects)
    yield made
