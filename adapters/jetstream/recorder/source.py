"""Reading a stream as it is now, also where replicas lag behind.

A direct get costs least, but any replica may answer it, and one that lags behind leaves out what
was stored last. What it returns is the stream up to some point; where the stream has replicas, the
leader is asked whether anything comes after that. So a reader sees whatever was acknowledged to
anybody before it asked, as it would in a database.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from adapters.jetstream.api import NOT_THERE_NOW, ApiError, NoAnswer, NotAllowed, StreamInfo
from adapters.jetstream.connection import Connection
from adapters.jetstream.direct import PAGE_EVENTS, Raw, last_on, page_on
from adapters.jetstream.leader import leaders_last, leaders_next
from adapters.jetstream.log import identity_of
from adapters.jetstream.publish import Patience
from adapters.jetstream.reading import Reader
from domain.errors import Corrupt, Unavailable

PAUSE_SECONDS: Final = 0.02
EVENTS_MAX: Final = 10_000_000
"""Of one aggregate: more is no aggregate."""

T = TypeVar("T")


class Source:
    """One stream, for as long as it is the one that was found at first."""

    def __init__(
        self, connection: Connection, stream: str, info: StreamInfo, patience: Patience
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._patience = patience
        self._identity = identity_of(info)
        self._replicated = _replicas(info) > 1

    async def end(self) -> int:
        """The stream's last sequence; 0 when nothing was ever stored."""
        return (await self._patiently(self._info)).state.last_seq

    async def last(self, subjects: str) -> Raw | None:
        """The last message on ``subjects``; None when there is none."""
        ask = leaders_last if self._replicated else last_on
        return await self._patiently(
            lambda: ask(self._connection, self._stream, subjects, self._seconds)
        )

    async def some(self, subjects: str, sequence: int, count: int = EVENTS_MAX) -> list[Raw]:
        """The first ``count`` messages on ``subjects`` from ``sequence`` on; all if it has less."""
        found: list[Raw] = []
        done = count <= 0
        while not done:
            wanted = min(count - len(found), PAGE_EVENTS)
            page, done = await self._patiently(partial(self._page, subjects, sequence, wanted))
            found += page
            done |= len(found) >= count
            sequence = page[-1].sequence + 1 if page else sequence
        return found

    def reader(self) -> Reader:
        """Follows the stream. It raises ``Corrupt`` when the stream was replaced."""
        return Reader(self._connection, self._stream, self.check_same)

    def check_same(self, info: StreamInfo) -> None:
        """Raise ``Corrupt`` for another stream under the same name."""
        found = identity_of(info)
        if found != self._identity:
            raise Corrupt(
                f"the stream {self._stream} was replaced: it is {found}, and was {self._identity}"
            )
        self._replicated = _replicas(info) > 1

    async def _page(self, subjects: str, sequence: int, count: int) -> tuple[list[Raw], bool]:
        """The next messages, at most ``count``, and whether they are the last."""
        stream, seconds = self._stream, self._seconds
        page = await page_on(self._connection, stream, subjects, sequence, count, seconds)
        found = page.messages
        if page.more or not self._replicated:
            return found, not page.more
        if len(found) >= count:
            return found, False
        after = found[-1].sequence + 1 if found else sequence
        one = await leaders_next(self._connection, stream, subjects, after, seconds)
        return ([*found, one], False) if one is not None else (found, True)

    async def _info(self) -> StreamInfo:
        subject = f"$JS.API.STREAM.INFO.{self._stream}"
        info = await self._connection.call(subject, None, StreamInfo, self._seconds)
        self.check_same(info)
        return info

    @property
    def _seconds(self) -> float:
        return self._patience.answer_seconds

    async def _patiently(self, act: Callable[[], Awaitable[T]]) -> T:
        """``act`` again until it is answered. Raises ``Unavailable`` at the deadline."""
        deadline = time.monotonic() + self._patience.deadline_seconds
        while True:
            try:
                return await act()
            except (NoAnswer, ApiError) as error:
                final = isinstance(error, NotAllowed)
                final |= isinstance(error, ApiError) and error.err_code not in NOT_THERE_NOW
                if final or time.monotonic() + PAUSE_SECONDS >= deadline:
                    raise Unavailable(
                        f"the stream {self._stream} cannot be read: {error}"
                    ) from error
            await asyncio.sleep(PAUSE_SECONDS)
            await self._connection.wait_connected(deadline - time.monotonic())


def _replicas(info: StreamInfo) -> int:
    return int(info.config.get("num_replicas") or 1)
