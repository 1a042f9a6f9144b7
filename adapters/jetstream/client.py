"""The NATS client, with headers read quicker, keys of ours, and no socket left behind.

Each of our messages has six headers, most of what a message costs to take in: nats-py looks at
every character of every name. Where a later release has no such method any more, ours is not
called, and nothing else changes.
"""

from asyncio import StreamWriter
from pathlib import Path

from nats.aio.client import Client, Srv

from adapters.jetstream.accounts import Login
from adapters.jetstream.credentials import read_credentials

LINE_END = b"\r\n"


class QuickClient(Client):
    """As ``Client``."""

    _socket: StreamWriter | None = None

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
