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

NOT_FOUND: Final = "404"
END_OF_BATCH: Final = "204"


class Raw(Struct, frozen=True):
    """A stored message: its sequence, subject and bytes."""

    sequence: int
    subject: str
    data: bytes


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
        page = await _page(connection, stream, subjects, sequence, seconds)
        if page:
            yield page
            sequence = page[-1].sequence + 1
        if len(page) < PAGE_EVENTS:
            return
    raise ApiError(500, 0, f"more than {PAGES_MAX} pages on {subjects}")


async def _page(
    connection: Connection, stream: str, subjects: str, sequence: int, seconds: float
) -> list[Raw]:
    query = {"seq": max(sequence, 1), "next_by_subj": subjects, "batch": PAGE_EVENTS}
    page: list[Raw] = []
    async with aclosing(connection.stream(_subject(stream), _body(query), seconds)) as answers:
        async for message in answers:
            found = None if status_of(message) == END_OF_BATCH else _message(message)
            if found is None:
                return page
            page.append(found)
    raise NoAnswer("the answers ended early")


def _message(message: Msg) -> Raw | None:
    status = status_of(message)
    if status == NOT_FOUND:
        return None
    if status:
        raise ApiError(int(status), 0, (message.headers or {}).get("Description", ""))
    headers = message.headers or {}
    return Raw(int(headers["Nats-Sequence"]), headers["Nats-Subject"], message.data)


def _subject(stream: str) -> str:
    return f"$JS.API.DIRECT.GET.{stream}"


def _body(query: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(query)
