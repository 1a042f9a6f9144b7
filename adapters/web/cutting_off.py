"""Clients that take nothing, or do not say what they came for: nothing waits for one for ever."""

import asyncio
from typing import Any, Final

from litestar.types import Message, Receive, ReceiveMessage, Scope, Send

SILENCE_SECONDS_MAX: Final = 60.0
"""How long a client may take nothing of an answer, or send nothing of its request."""


class CutsOff:
    """Wraps an ASGI application for HTTP: a client that takes or sends nothing for so long, when it
    is its turn, is cut off. The application is told as if the client had left.
    """

    def __init__(self, app: Any, seconds_max: float = SILENCE_SECONDS_MAX) -> None:
        self._app = app
        self._seconds_max = seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and let each piece of the request and of the answer take only so long."""
        whole = False

        async def heard() -> ReceiveMessage:
            nonlocal whole
            if whole:  # what comes now is its leaving, whenever that is
                return await receive()
            try:
                async with asyncio.timeout(self._seconds_max):
                    message = await receive()
            except TimeoutError:
                cut_off(scope)
                return {"type": "http.disconnect"}
            whole = not message.get("more_body", False)
            return message

        async def in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(self._seconds_max):
                    await send(message)
            except TimeoutError:
                cut_off(scope)

        await self._app(scope, heard, in_time)


def cut_off(scope: Scope) -> None:
    """End the connection without waiting for a client that does not read."""
    abort = scope["state"].get("abort")
    if callable(abort):
        abort()
