"""One POST of one event to a webhook, and what its answer means.

The body is the event as it is stored: CloudEvents 1.0 in structured mode. The headers are those of
Standard Webhooks (standardwebhooks.com): ``webhook-id`` is the event's id, by which a receiver
knows an event it has had; ``webhook-timestamp`` is when it was sent; ``webhook-signature`` is the
HMAC-SHA256 of id, timestamp and body, when there is a secret.

A URL may hold secrets (a token in the path, a login), so nothing here tells more of it than scheme,
host and port.
"""

import asyncio
import base64
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, quote, unquote

CONTENT_TYPE: Final = "application/cloudevents+json"
WHOLE_ATTEMPT_FACTOR: Final = 2
"""The time-out holds for each step of an attempt; a whole attempt may take this many of them."""

RETRIED: Final = frozenset({408, 425, 429})
"""Refusals of the moment, not of the event. So are all from 500 on."""

RETRY_AFTER_MAX: Final = 86_400.0


@dataclass(frozen=True)
class Answer:
    """What a receiver said. ``wait_seconds``: for how long it asks to be left alone; 0: unsaid."""

    status: int
    wait_seconds: float = 0.0

    @property
    def taken(self) -> bool:
        """The receiver has the event."""
        return 200 <= self.status <= 299

    @property
    def final(self) -> bool:
        """The receiver refuses this event, and would do so again."""
        return not self.taken and self.status < 500 and self.status not in RETRIED


class NoAnswer(Exception):
    """No answer came. ``reached``: somebody took the connection, so it may be due to the event."""

    def __init__(self, reason: str, reached: bool) -> None:
        super().__init__(reason)
        self.reached = reached


@dataclass(frozen=True)
class Webhook:
    """Where to post, and with what. ``secret``: key of the signature, b"" for none."""

    url: SplitResult = field(repr=False)
    timeout_seconds: float
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    secret: bytes = field(default=b"", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @property
    def shown(self) -> str:
        """Scheme, host and port: what may be told of the URL."""
        host = self.url.netloc.rpartition("@")[2]
        return f"{self.url.scheme}://{host}"

    async def post(self, event_id: str, body: bytes) -> Answer:
        """Post one event. Raises ``NoAnswer``; then it may have arrived all the same."""
        connection = self._connection()
        try:
            async with asyncio.timeout(self.timeout_seconds * WHOLE_ATTEMPT_FACTOR):
                return await in_thread(lambda: self._exchange(connection, event_id, body))
        except TimeoutError as error:
            raise NoAnswer("no answer in time", connection.sock is not None) from error
        finally:
            abandon(connection)

    def _connection(self) -> http.client.HTTPConnection:
        host, port, seconds = str(self.url.hostname), self.url.port, self.timeout_seconds
        if self.url.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=seconds, context=self.tls)
        return http.client.HTTPConnection(host, port, timeout=seconds)

    def _exchange(
        self, connection: http.client.HTTPConnection, event_id: str, body: bytes
    ) -> Answer:
        target = (self.url.path or "/") + (f"?{self.url.query}" if self.url.query else "")
        reached = False
        try:
            connection.connect()
            reached = True
            connection.request("POST", target, body, self._all_headers(event_id, body))
            answer = connection.getresponse()
            return Answer(answer.status, seconds_in(answer.getheader("Retry-After")))
        except http.client.HTTPException as error:
            raise NoAnswer(f"the answer was not HTTP ({type(error).__name__})", reached) from error
        except (OSError, ValueError) as error:
            raise NoAnswer(what_failed(error), reached) from error

    def _all_headers(self, event_id: str, body: bytes) -> dict[str, str]:
        name, now = quote(event_id[:200], safe=":"), str(int(time.time()))
        headers = {
            "Content-Type": CONTENT_TYPE,
            "User-Agent": "countermand-notifier",
            "Connection": "close",
            "webhook-id": name,
            "webhook-timestamp": now,
        }
        if self.secret:
            headers["webhook-signature"] = signature(self.secret, name, now, body)
        return headers | login_of(self.url) | dict(self.headers)


def what_failed(error: OSError | ValueError) -> str:
    """What went wrong, without a word of ours or of the receiver's."""
    if isinstance(error, ssl.SSLError):
        return f"TLS failed: {error.reason or type(error).__name__}"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__


def signature(secret: bytes, event_id: str, timestamp: str, body: bytes) -> str:
    """The value of ``webhook-signature``: version, and the HMAC in Base64."""
    signed = f"{event_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def seconds_in(text: str | None) -> float:
    """The seconds of a Retry-After header; 0 when there is none, or it is a date."""
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 10):
        return 0.0
    return min(float(text), RETRY_AFTER_MAX)


def login_of(url: SplitResult) -> dict[str, str]:
    """The login in a URL as a header."""
    if url.username is None:
        return {}
    login = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(login).decode()}"}


# --- a blocking call that can be left -------------------------------------------------------------


async def in_thread(work: Callable[[], Answer]) -> Answer:
    """Run ``work`` in a thread that keeps neither a cancellation nor the end of the program."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Answer] = loop.create_future()

    def settle(result: Answer | NoAnswer) -> None:
        if future.done():
            return
        if isinstance(result, NoAnswer):
            future.set_exception(result)
        else:
            future.set_result(result)

    def act() -> None:
        try:
            result: Answer | NoAnswer = work()
        except NoAnswer as problem:
            result = problem
        with suppress(RuntimeError):  # the loop is closed: the program has ended meanwhile
            loop.call_soon_threadsafe(settle, result)

    threading.Thread(target=act, daemon=True, name="webhook").start()
    return await future


def abandon(connection: http.client.HTTPConnection) -> None:
    """Wake whoever still reads from the connection, and close it."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        connection.close()
