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
from adapters.jetstream.publish import Patience
from adapters.jetstream.reading import Reader
from adapters.jetstream.recorder.same import Same
from domain.errors import Unavailable

PAUSE_SECONDS: Final = 0.02
EVENTS_MAX: Final = 10_000_000
"""Of one aggregate: more is no aggregate."""

T = TypeVar("T")


class Source:
    """One stream, for as long as it is the one that was found at first.

    What reads raises ``Corrupt`` when it is another one, gone or shorter: ``same`` knows.
    """

    def __init__(
        self, connection: Connection, stream: str, info: StreamInfo, patience: Patience
    ) -> None:
        self._connection = connection
        self._stream = stream
        self._patience = patience
        self.same = Same(connection, stream, info, patience.answer_seconds)

    async def end(self) -> int:
        """The stream's last sequence; 0 when nothing was ever stored."""
        self.same.check()
        last = (await self._patiently(self.same.look)).state.last_seq
        self.same.note(last)
        return last

    async def last(self, subjects: str) -> Raw | None:
        """The last message on ``subjects``; None when there is none."""
        await self._prove()
        ask = leaders_last if self._replicated else last_on
        found = await self._patiently(
            lambda: ask(self._connection, self._stream, subjects, self._seconds)
        )
        if found is not None:
            self.same.note(found.sequence)
        return found

    async def some(self, subjects: str, sequence: int, count: int = EVENTS_MAX) -> list[Raw]:
        """The first ``count`` messages on ``subjects`` from ``sequence`` on; all if it has less."""
        await self._prove()
        found: list[Raw] = []
        done = count <= 0
        while not done:
            wanted = min(count - len(found), PAGE_EVENTS)
            page, done = await self._patiently(partial(self._page, subjects, sequence, wanted))
            found += page
            done |= len(found) >= count
            sequence = page[-1].sequence + 1 if page else sequence
        self.same.note(sequence - 1 if found else 0)
        return found

    def reader(self) -> Reader:
        """Follows the stream. It raises ``Corrupt`` when the stream was replaced."""
        return Reader(self._connection, self._stream, self.same.check_same)

    @property
    def _replicated(self) -> bool:
        return self.same.replicas > 1

    async def _prove(self) -> None:
        """Pass when the stream was the same a moment ago. Raises ``Corrupt``, ``Unavailable``."""
        self.same.check()
        if not self.same.is_known():
            await self._patiently(self.same.look)

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
            await self.same.look_if_told()
            await asyncio.sleep(PAUSE_SECONDS)
            await self._connection.wait_connected(deadline - time.monotonic())
