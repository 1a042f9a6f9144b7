"""A standing pull: events arrive as they come, never more than there is room for."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec
import nats
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from adapters.jetstream.api import ConsumerInfo, NoAnswer, NotAllowed
from adapters.jetstream.client import Arrived
from adapters.jetstream.config import SECOND
from adapters.jetstream.connection import Connection, status_of

EVENTS_FIRST: Final = 1000
EVENTS_MAX: Final = 10_000
BYTES_AIM: Final = 16 * 1024**2
"""A pull asks for as many events as make about this, at the average size seen so far."""

EXPIRES_SECONDS: Final = 30
HEARTBEAT_SECONDS: Final = 1.0
SILENCE_SECONDS_MAX: Final = 3.0
ANSWER_SECONDS: Final = 2.0

HEARTBEAT: Final = "100"
PULL_OVER: Final = frozenset({"404", "408"})
PENDING: Final = "Nats-Pending-Messages"


class Lost(Exception):
    """This consumer may have missed something, or is gone: take another."""


class Pull:
    """A short-lived pull consumer and the queue that its messages arrive in.

    ``queue`` holds at most ``EVENTS_MAX`` messages: more is asked for at half of what fits.
    """

    def __init__(self, connection: Connection, stream: str, name: str) -> None:
        self.name = name
        self.queue: deque[Arrived] = deque()
        self._connection = connection
        self._stream = stream
        self._inbox = connection.new_inbox()
        self._subscription: Subscription | None = None
        self._forget: Callable[[], None] = lambda: None
        self._forget_refused: Callable[[], None] = lambda: None
        self._refused = ""
        self._arrived = asyncio.Event()
        self._asked = 0
        self._broken = ""
        self._events_seen = 0
        self._bytes_seen = 0

    async def start(self, consumer: dict[str, object]) -> ConsumerInfo:
        """Create the consumer. Raises ``NoAnswer``, ``ApiError``."""
        self._forget = self._connection.on_lost(lambda: self._break("the connection was lost"))
        try:
            self._subscription = await self._connection.subscribe(
                self._inbox, self._deliver, self._take
            )
        except nats.errors.Error as error:
            raise NoAnswer(str(error)) from error
        asks = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self.name}"
        self._forget_refused = self._connection.on_refused(asks, self._refuse)
        subject = f"$JS.API.CONSUMER.CREATE.{self._stream}.{self.name}"
        body = {"stream_name": self._stream, "config": consumer, "action": "create"}
        return await self._connection.call(subject, body, ConsumerInfo, ANSWER_SECONDS)

    async def info(self) -> ConsumerInfo:
        """What the server knows of the consumer. Raises ``NoAnswer``, ``ApiError``."""
        subject = f"$JS.API.CONSUMER.INFO.{self._stream}.{self.name}"
        return await self._connection.call(subject, None, ConsumerInfo, ANSWER_SECONDS)

    async def renew(self) -> None:
        """Ask for more when there is room for it. Raises ``NoAnswer``."""
        room = self._wanted() - self._asked - len(self.queue)
        if room < self._wanted() / 2:
            return
        body = {
            "batch": room,
            "expires": EXPIRES_SECONDS * SECOND,
            "idle_heartbeat": int(HEARTBEAT_SECONDS * SECOND),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self.name}"
        await self._connection.publish_reply(subject, msgspec.json.encode(body), self._inbox)
        self._asked += room

    async def wait(self) -> None:
        """Until something is in the queue or the server has spoken. Raises ``Lost``, and
        ``NotAllowed`` when nothing will ever come."""
        if not self.queue and not self._broken:
            try:
                async with asyncio.timeout(SILENCE_SECONDS_MAX):
                    await self._arrived.wait()
            except TimeoutError as error:
                raise Lost("the server has gone silent") from error
        self._arrived.clear()
        if self._refused:
            raise NotAllowed(self._refused)
        if self._broken and not self.queue:
            raise Lost(self._broken)

    async def close(self) -> None:
        """Give the consumer up; a server that does not hear this forgets it by itself."""
        self._forget()
        self._forget_refused()
        if self._subscription is not None:
            self._connection.forget(self._subscription)
        if self._subscription is None or not self._connection.connected:
            return
        try:
            await self._subscription.unsubscribe()
            subject = f"$JS.API.CONSUMER.DELETE.{self._stream}.{self.name}"
            await self._connection.publish(subject, b"", {})
        except (NoAnswer, nats.errors.Error, OSError):
            return

    def _wanted(self) -> int:
        if self._events_seen == 0:
            return EVENTS_FIRST
        fits = BYTES_AIM * self._events_seen // max(self._bytes_seen, 1)
        return max(min(fits, EVENTS_MAX), 1)

    async def _deliver(self, message: Msg) -> None:
        status = status_of(message)
        if not status:
            self._take(Arrived(message.subject, message.reply, message.data))
        elif status in PULL_OVER:
            self._asked -= int((message.headers or {}).get(PENDING, "0"))
        elif status != HEARTBEAT:
            self._break(f"the server ended the pull with status {status}")
        self._arrived.set()

    def _take(self, message: Arrived) -> None:
        self._asked -= 1
        self._events_seen += 1
        self._bytes_seen += len(message.data)
        self.queue.append(message)
        self._arrived.set()

    def _refuse(self, words: str) -> None:
        self._refused = words
        self._break(words)

    def _break(self, reason: str) -> None:
        self._broken = reason
        self._arrived.set()
