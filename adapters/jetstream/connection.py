"""One connection to the NATS server, with one inbox for all answers.

Answers that a lost connection will never bring fail at once with ``NoAnswer``, so that whoever
waits can look at the stream as soon as the connection is back.
"""

import asyncio
import time
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import msgspec
import nats
from msgspec import Struct
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from adapters.jetstream.accounts import Login, inbox_prefix
from adapters.jetstream.api import NoAnswer, NotAllowed, check
from adapters.jetstream.client import Arrived, QuickClient, Take
from adapters.jetstream.denied import Denial, denial_of
from domain.errors import Misconfigured, Unavailable

CONNECT_SECONDS: Final = 2
RECONNECT_SECONDS: Final = 0.1
REOPEN_SECONDS: Final = 1.0
PING_SECONDS: Final = 10
PENDING_BYTES_MAX: Final = 16 * 1024**2
ERRORS_KEPT: Final = 10
USED_KEPT: Final = 20
STATUS: Final = "Status"
NO_RESPONDERS: Final = "503"

T = TypeVar("T")
Answers: TypeAlias = "asyncio.Queue[Msg | NotAllowed | None]"
Deliver: TypeAlias = Callable[[Msg], Awaitable[None]]
Standing: TypeAlias = tuple[str, Deliver]


class ServerAddress(Struct, frozen=True):
    """Where the server is and who we are.

    ``urls`` hold no credentials: those are lost when a client moves to another server of a cluster.
    ``credentials``: a login, or the path of a JSON file with user and password, of a NATS
    ``.creds`` file, or of one with the seed of a user's key alone; None for a server that asks
    nobody. ``role``: chooses the private inbox.
    """

    urls: tuple[str, ...]
    credentials: Login | Path | None
    role: str = "service"


class Connection:
    """A connection that comes back by itself.

    ``errors``: the last ones, for health; ``denials``: those that say what this user may not do.
    """

    def __init__(self, address: ServerAddress) -> None:
        self.errors: list[str] = []
        self.reconnects = 0
        self._address = address
        self._client = QuickClient()
        self._reopening: asyncio.Task[None] | None = None
        self._closing = False
        self._prefix = f"{inbox_prefix(address.role)}.{uuid.uuid4().hex}"
        self._answers = f"{self._prefix}.*"
        self._tokens = 0
        self._waiting: dict[str, tuple[str, Answers]] = {}
        self.denials: tuple[str, ...] = ()
        self._deaf = ""
        self._used = deque[str](maxlen=USED_KEPT)
        self._up = asyncio.Event()
        self._lost: list[Callable[[], None]] = []
        self._refused: list[tuple[str, Callable[[str], None]]] = []
        self._standing: list[Standing] = []

    @classmethod
    async def open(cls, address: ServerAddress, seconds: float = 10.0) -> "Connection":
        """Connect within ``seconds``. Raises ``Unavailable`` when nobody lets us in."""
        connection = cls(address)
        try:
            async with asyncio.timeout(seconds):
                await connection._connect()
        except (TimeoutError, OSError, nats.errors.Error) as error:
            said = dict.fromkeys(connection.errors[-2:])
            reason = "; ".join(said) or str(error) or type(error).__name__
            await connection.close()
            urls = ", ".join(address.urls)
            raise Unavailable(f"no NATS server let us in at {urls}: {reason}") from error
        return connection

    async def _connect(self) -> None:
        address = self._address
        await self._client.connect(
            list(address.urls),
            error_cb=self._on_error,
            disconnected_cb=self._on_lost,
            reconnected_cb=self._on_back,
            closed_cb=self._on_closed,
            name=f"countermand {address.role}",
            connect_timeout=CONNECT_SECONDS,
            reconnect_time_wait=RECONNECT_SECONDS,  # type: ignore[arg-type]
            max_reconnect_attempts=-1,
            ping_interval=PING_SECONDS,
            pending_size=PENDING_BYTES_MAX,
            inbox_prefix=inbox_prefix(address.role),
            **self._client.login_options(address.credentials),  # type: ignore[arg-type]
        )
        self._deaf = ""
        inbox = await self.subscribe(self._answers, self._deliver)
        self._client.hand_over(inbox, self._take, bare=True)
        for subject, deliver in self._standing:
            await self.subscribe(subject, deliver)
        await self._client.flush()
        self._up.set()

    @property
    def _user(self) -> str:
        """Who we are, for people."""
        credentials = self._address.credentials
        if isinstance(credentials, Login):
            return credentials.user
        return f"of {credentials}" if credentials is not None else "without a login"

    @property
    def connected(self) -> bool:
        """Whether the server can be reached now."""
        return self._client.is_connected

    @property
    def message_bytes_max(self) -> int:
        """What the server takes as one message, its headers included."""
        return self._client.max_payload

    async def wait_connected(self, seconds: float) -> bool:
        """Whether the connection is there within ``seconds``."""
        if self._up.is_set():
            return True
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._up.wait()
        except TimeoutError:
            return self.connected
        return True

    async def request(
        self, subject: str, payload: bytes, seconds: float, headers: dict[str, str] | None = None
    ) -> Msg:
        """The answer to one request. Raises ``NoAnswer``, at once ``NotAllowed``."""
        token, answers = self._expect(subject)
        try:
            async with asyncio.timeout(seconds):
                await self._publish(subject, payload, self._inbox(token), headers)
                return _present(await answers.get())
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise NoAnswer(f"{subject}: {_words(error)}") from error
        finally:
            self._waiting.pop(token, None)

    async def stream(
        self, subject: str, payload: bytes, seconds: float
    ) -> AsyncGenerator[Msg, None]:
        """All answers to one request, each within ``seconds`` of the one before.

        The caller ends the iteration. Raises ``NoAnswer``.
        """
        token, answers = self._expect(subject)
        try:
            await self._publish(subject, payload, self._inbox(token), None)
            while True:
                async with asyncio.timeout(seconds):
                    message = await answers.get()
                yield _present(message)
        except (TimeoutError, nats.errors.Error, OSError) as error:
            raise NoAnswer(f"{subject}: {_words(error)}") from error
        finally:
            self._waiting.pop(token, None)

    async def call(self, subject: str, body: object, answer: type[T], seconds: float) -> T:
        """A request to JetStream's API. Raises ``ApiError`` for its refusals, ``NoAnswer``."""
        payload = b"" if body is None else msgspec.json.encode(body)
        message = await self.request(subject, payload, seconds)
        return msgspec.json.decode(check(message.data), type=answer)

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        """Send without an answer. Raises ``NoAnswer`` when it cannot be sent."""
        self._used.append(subject)
        try:
            await self._publish(subject, payload, "", headers)
        except (nats.errors.Error, OSError) as error:
            raise NoAnswer(f"{subject}: {error}") from error

    async def publish_reply(self, subject: str, payload: bytes, reply: str) -> None:
        """Send with an address for the answers. Raises ``NoAnswer`` when it cannot be sent."""
        self._used.append(subject)
        try:
            await self._publish(subject, payload, reply, None)
        except (nats.errors.Error, OSError) as error:
            raise NoAnswer(f"{subject}: {error}") from error

    async def listen(self, subject: str, deliver: Deliver) -> None:
        """Subscribe for the connection's life. Raises ``NoAnswer`` when it cannot be asked for."""
        self._standing.append((subject, deliver))
        try:
            await self.subscribe(subject, deliver)
        except (nats.errors.Error, OSError) as error:
            raise NoAnswer(f"{subject}: {error}") from error

    async def subscribe(
        self, subject: str, deliver: Deliver, take: Take | None = None
    ) -> Subscription:
        """Hand every message on ``subject`` to ``deliver``. Unlimited: bound what you ask for.

        ``take``: gets those that are data instead, in their order, as soon as they are read.
        """
        client = self._client
        subscription = await client.subscribe(
            subject, cb=deliver, pending_msgs_limit=0, pending_bytes_limit=0
        )
        if take is not None:
            client.hand_over(subscription, take)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Nothing of it is taken any more. Idempotent."""
        self._client.forget(subscription)

    def new_inbox(self) -> str:
        """An address of our own outside the common inbox."""
        self._tokens += 1
        return f"{self._prefix}.own.{self._tokens}"

    def on_lost(self, act: Callable[[], None]) -> Callable[[], None]:
        """Call ``act`` each time the connection is lost; the returned function ends that."""
        self._lost.append(act)
        return lambda: self._lost.remove(act) if act in self._lost else None

    def on_refused(self, subject: str, act: Callable[[str], None]) -> Callable[[], None]:
        """Call ``act`` with words when we may not publish to what begins with ``subject``; the
        returned function ends that."""
        entry = (subject, act)
        self._refused.append(entry)
        return lambda: self._refused.remove(entry) if entry in self._refused else None

    async def close(self) -> None:
        """Close. Idempotent; whoever waits gets ``NoAnswer``."""
        self._closing = True
        self._fail_waiting()
        if self._reopening is not None:
            self._reopening.cancel()
            await asyncio.gather(self._reopening, return_exceptions=True)
        await self._client.close()

    def _expect(self, subject: str) -> tuple[str, Answers]:
        self._tokens += 1
        token = str(self._tokens)
        answers: Answers = asyncio.Queue()
        self._waiting[token] = subject, answers
        if self._deaf:
            answers.put_nowait(NotAllowed(self._deaf))
        return token, answers

    def _inbox(self, token: str) -> str:
        return f"{self._prefix}.{token}"

    async def _publish(
        self, subject: str, payload: bytes, reply: str, headers: dict[str, str] | None
    ) -> None:
        if not self._client.is_connected:
            raise nats.errors.StaleConnectionError
        await self._client.publish(subject, payload, reply=reply, headers=headers)

    def _take(self, message: Arrived) -> None:
        """An answer without headers, such as an acknowledgement."""
        waiting = self._waiting.get(message.subject.rpartition(".")[2])
        if waiting is not None:
            found = Msg(self._client, message.subject, message.reply, message.data)
            waiting[1].put_nowait(found)

    async def _deliver(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject.rpartition(".")[2])
        if waiting is not None:
            waiting[1].put_nowait(message)

    def _fail_waiting(self) -> None:
        for _, answers in self._waiting.values():
            answers.put_nowait(None)

    async def _on_error(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        self.errors = [*self.errors, text][-ERRORS_KEPT:]
        denial = denial_of(text)
        if denial is not None:
            self._on_denial(denial)

    def _on_denial(self, denial: Denial) -> None:
        """Who waits for what never comes is told; else whoever uses the connection looks again."""
        waiting = dict(self._waiting.values())
        inbox = self._answers
        denial = denial.named((inbox, *waiting, *self._used, *(s for s, _ in self._standing)))
        words = denial.words(self._user)
        self.denials = (*(known for known in self.denials if known != words), words)[-ERRORS_KEPT:]
        if denial == Denial("subscribe", inbox):
            self._deaf = words
        told = [a for s, a in self._waiting.values() if self._deaf or denial.is_of(s)]
        for answers in told:
            answers.put_nowait(NotAllowed(words))
        for subject, act in tuple(self._refused):
            if denial.subject.lower().startswith(subject.lower()):
                act(words)

    async def _on_lost(self) -> None:
        self._up.clear()
        self._fail_waiting()
        for act in tuple(self._lost):
            act()

    async def _on_back(self) -> None:
        self.reconnects += 1
        self._up.set()

    async def _on_closed(self) -> None:
        """The client gives up for ever on some errors of the server; we do not."""
        if not self._closing and (self._reopening is None or self._reopening.done()):
            self._reopening = asyncio.create_task(self._reopen(), name="NATS reopen")

    async def _reopen(self) -> None:
        while not self._closing:
            await asyncio.sleep(REOPEN_SECONDS)
            self._client = QuickClient()
            try:
                await self._connect()
                self.reconnects += 1
                return
            except (OSError, nats.errors.Error, Misconfigured) as error:
                await self._on_error(error)


def _words(error: Exception) -> str:
    return str(error) or "no answer in time"


def _present(message: Msg | NotAllowed | None) -> Msg:
    if isinstance(message, NotAllowed):
        raise message
    if message is None:
        raise NoAnswer("the connection was lost")
    if status_of(message) == NO_RESPONDERS and not message.data:
        raise NoAnswer("nobody answers there")
    return message


def status_of(message: Msg) -> str:
    """The status of a message that is not data, such as 408; "" for data."""
    return (message.headers or {}).get(STATUS, "")


async def retry_api(
    act: Callable[[], Awaitable[T]], deadline: float, pause_seconds: float = 0.05
) -> T:
    """``act`` again until it is answered or ``deadline`` (monotonic seconds) passed.

    Raises what the last attempt raised. Refusals with a number are answers, not retried.
    """
    while True:
        try:
            return await act()
        except NotAllowed:
            raise
        except NoAnswer:
            if time.monotonic() + pause_seconds >= deadline:
                raise
        await asyncio.sleep(pause_seconds)
