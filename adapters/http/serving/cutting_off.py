"""Clients that take nothing: no answer waits for one for ever."""

import asyncio
from typing import Any, Final

from litestar.types import Message, Receive, Scope, Send

TAKES_NOTHING_SECONDS_MAX: Final = 60.0


class CutsOff:
    """Wraps an ASGI application for HTTP: a client that takes nothing for so long is cut off.

    The application is told as if the client had left.
    """

    def __init__(self, app: Any, seconds_max: float = TAKES_NOTHING_SECONDS_MAX) -> None:
        self._app = app
        self._seconds_max = seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and let each piece of the answer take only so long."""

        async def in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(self._seconds_max):
                    await send(message)
            except TimeoutError:
                cut_off(scope)

        await self._app(scope, receive, in_time)


def cut_off(scope: Scope) -> None:
    """End the connection without waiting for a client that does not read."""
    abort = scope["state"].get("abort")
    if callable(abort):
        abort()
