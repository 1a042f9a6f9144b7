"""One log event a request: who, what, how it ended, how long. Never a header or a body."""

import time
from collections import Counter
from typing import Any, Final

import structlog
from litestar.types import HTTPScope, Message, Receive, Send

from adapters.http.text import one_line
from domain.identity import Caller

log = structlog.get_logger()

PATH_CHARACTERS_MAX: Final = 200
METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestCounts:
    """Answers by method and status, since the process began."""

    def __init__(self) -> None:
        self.by_status: Counter[tuple[str, int]] = Counter()


class RequestLog:
    """Wraps an ASGI application for HTTP. Commands are told at info, questions at debug."""

    def __init__(self, app: Any, counts: RequestCounts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Pass on, and tell afterwards."""
        status, began = 0, time.monotonic()

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            self._counts.by_status[method_of(scope), status] += 1
            told = log.debug if scope["method"] in READING else log.info
            told("request", **facts(scope, status), ms=round((time.monotonic() - began) * 1000, 1))


def method_of(scope: HTTPScope) -> str:
    """The method, when it is one of HTTP's own: nobody makes series of their own."""
    method = str(scope["method"])
    return method if method in METHODS else "other"


def facts(scope: HTTPScope, status: int) -> dict[str, str | int]:
    """What is told of a request."""
    caller = scope["state"].get("caller")
    return {
        "method": scope["method"],
        "path": one_line(scope["path"], PATH_CHARACTERS_MAX),
        "status": status,
        "actor": caller.actor.name if isinstance(caller, Caller) else "",
    }
