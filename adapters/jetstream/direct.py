"""Reading events straight from the stream, without a consumer (ADR-31)."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

import msgspec
from msgspec import Struct
from nats.aio.msg import Msg

from adapters.jetstream.api import ApiError, NoAnswer
from adapters.jetstream.connection import Connection, status_of

PAGE_EVENTS: Final = 500
PAGES_MAX: Final = 20_000
"""Ten million events of one aggregate: more is no aggregate."""

MESSAGE_ID: Final = "Nats-Msg-Id"
NOT_FOUND: Final = "404"
END_OF_BATCH: Final = "204"
PENDING: Final = "Nats-Num-Pending"


class Raw(Struct, frozen=True):
    """A stored message: its sequence, subject, bytes and, from here, its Nats-Msg-Id."""

    sequence: int
    subject: str
    data: bytes
    id: str = ""


class Page(Struct, frozen=True):
    """Messages in order. ``more``: whether the server has others after them.

    It ends a page early at some size, its ``max_pending``: 64 MiB by default.
    """

    messages: list[Raw]
    more: bool


async def next_on(
    connection: Connection, stream: str, subjects: str, sequence: int, seconds: float
) -> Raw | None:
    """The first message on ``subjects`` at ``sequence`` or after it; None when there is none.

    From a replica the answer may be stale. Raises ``NoAnswer``, ``ApiError``.
    """
    query = {"seq": max(sequence, 1), "next_by_subj": subjects}
    message = await connection.request(_subject(stream), _body(query), seconds)
    return _message(message)


async def last_on(connection: Connection, stream: str, subjects: str, seconds: float) -> Raw | None:
    """The last message on ``subjects``; None when there is none. Raises as ``next_on``."""
    query = {"last_by_subj": subjects}
    return _message(await connection.request(_subject(stream), _body(query), seconds))


async def all_on(
    connection: Connection, stream: str, subjects: str, sequence: int, seconds: float
) -> AsyncGenerator[list[Raw], None]:
    """Every message on ``subjects`` from ``sequence`` on, in pages. Raises as ``next_on``."""
    for _ in range(PAGES_MAX):
        page = await page_on(connection, stream, subjects, sequence, PAGE_EVENTS, seconds)
        if page.messages:
            yield page.messages
            sequence = page.messages[-1].sequence + 1
        if not page.more:
            return
    raise ApiError(500, 0, f"more than {PAGES_MAX} pages on {subjects}")


async def page_on(
    connection: Connection, stream: str, subjects: str, sequence: int, count: int, seconds: float
) -> Page:
    """At most ``count`` messages on ``subjects`` from ``sequence`` on. Raises as ``next_on``."""
    query = {"seq": max(sequence, 1), "next_by_subj": subjects, "batch": count}
    found: list[Raw] = []
    async with aclosing(connection.stream(_subject(stream), _body(query), seconds)) as answers:
        async for message in answers:
            if status_of(message) == END_OF_BATCH:
                return Page(found, (message.headers or {}).get(PENDING, "0") != "0")
            one = _message(message)
            if one is None:
                return Page(found, more=False)
            found.append(one)
    raise NoAnswer("the answers ended early")


def _message(message: Msg) -> Raw | None:
    status = status_of(message)
    if status == NOT_FOUND:
        return None
    if status:
        raise ApiError(int(status), 0, (message.headers or {}).get("Description", ""))
    headers = message.headers or {}
    sequence, subject = int(headers["Nats-Sequence"]), headers["Nats-Subject"]
    return Raw(sequence, subject, message.data, headers.get(MESSAGE_ID, ""))


def _subject(stream: str) -> str:
    return f"$JS.API.DIRECT.GET.{stream}"


def _body(query: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(query)
