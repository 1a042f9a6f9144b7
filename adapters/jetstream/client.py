"""The NATS client, with headers read and written quicker, keys of ours, and no socket left behind.

Each of our messages has six headers, most of what a message costs to take in and to send: nats-py
looks at every character of every name. Who follows the stream needs none of them. Where a later
release has no such method any more, ours is not called, and nothing else changes.
"""

import re
from asyncio import StreamWriter
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from msgspec import Struct
from nats.aio.client import Client, Srv
from nats.aio.subscription import Subscription

from adapters.jetstream.accounts import Login
from adapters.jetstream.credentials import read_credentials

LINE_END = b"\r\n"
VERSION: Final = "NATS/1.0"
PLAIN: Final = re.compile(r"[A-Za-z0-9_.*>-]+")
"""Of names and values in which nothing has to be looked for."""


class Arrived(Struct, frozen=True):
    """A message that is data, without its headers."""

    subject: str
    reply: str
    data: bytes


Take: TypeAlias = Callable[[Arrived], None]


class QuickClient(Client):
    """As ``Client``."""

    _socket: StreamWriter | None = None

    def __init__(self) -> None:
        super().__init__()
        self._takers: dict[int, tuple[Take, bool]] = {}

    def hand_over(self, subscription: Subscription, take: Take, *, bare: bool = False) -> None:
        """Give data to ``take`` as soon as it is read; what has a status comes as it always does.

        ``bare``: so does what has headers. Until ``forget``.
        """
        self._takers[subscription._id] = (take, bare)

    def forget(self, subscription: Subscription) -> None:
        """No longer. Idempotent."""
        self._takers.pop(subscription._id, None)

    def login_options(self, credentials: Login | Path | None) -> dict[str, object]:
        """What ``connect`` needs to know of who we are. Raises ``Misconfigured`` for a bad file.

        The client's own way to keys needs a package that must be compiled; ours does not.
        """
        if credentials is None:
            return {}
        login = credentials if isinstance(credentials, Login) else read_credentials(credentials)
        if isinstance(login, Login):
            return {"user": login.user, "password": login.password}
        self._public_nkey = login.key.public
        jwt = login.jwt.encode()
        by_jwt = {"user_jwt_cb": lambda: bytearray(jwt)} if jwt else {}
        return {"signature_cb": login.signed, **by_jwt}

    async def close(self) -> None:
        """As ``Client``, and the socket too where that is closing already and is interrupted."""
        await super().close()
        if self._socket is not None:
            self._socket.close()

    async def _connect_to_server(self, s: Srv) -> None:
        """As ``Client``; of two attempts at once, or of one that failed, no socket stays open."""
        await super()._connect_to_server(s)
        before, self._socket = self._socket, getattr(self._transport, "_bare_io_writer", None)
        if before is not None:
            before.close()

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes
    ) -> None:
        """As ``Client``, but for what somebody takes at once."""
        take, bare = self._takers.get(sid, (None, False))
        if take is None or (headers and (bare or has_status(headers))):
            await super()._process_msg(sid, subject, reply, data, headers)
            return
        self.stats["in_msgs"] += 1
        self.stats["in_bytes"] += len(data)
        take(Arrived(subject.decode(), reply.decode(), data))

    async def _send_publish(
        self,
        subject: str,
        reply: str,
        payload: bytes,
        payload_size: int,
        headers: dict[str, str] | None,
    ) -> None:
        """As ``Client``; headers as we have them go out without a look at each character."""
        block = plain_block(headers) if headers and subject else None
        if block is None:
            await super()._send_publish(subject, reply, payload, payload_size, headers)
            return
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        begin = f"HPUB {subject} {reply} {len(block)} {len(block) + payload_size}\r\n".encode()
        await self._send_command(b"".join((begin, block, payload, LINE_END)))
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        """What ``Client`` makes of them."""
        found: dict[str, str] = {}
        for line in raw.split(LINE_END):
            name, colon, value = line.partition(b":")
            name = name.strip()
            if not colon or not name.isascii():
                continue
            key = name.decode("ascii")
            if not key or key.split() == [key]:
                found[key] = value.strip().decode("utf-8", "replace")
        return found


def has_status(headers: bytes) -> bool:
    """Whether a message is a word of the server itself."""
    return headers[len(VERSION) : len(VERSION) + 1] == b" "


def plain_block(headers: dict[str, str]) -> bytes | None:
    """The headers as they are sent; None for some that must be looked at closely."""
    if "" in headers or PLAIN.fullmatch("".join((*headers, *headers.values()))) is None:
        return None
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"{VERSION}\r\n{lines}\r\n".encode()
