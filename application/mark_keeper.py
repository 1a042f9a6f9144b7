"""Keeps the mark: how far the log has come, on a path of its own, at most 100 ms behind.

The mark is a witness beside the journal, and does not wait for it: it hears of each append as soon
as that is acknowledged. A log that is shorter, replaced or otherwise at the mark is refused at the
next start (``startup_check``).
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final, Protocol

from application.ports import Clock, Mark
from domain.errors import Unavailable

PACE: Final = timedelta(milliseconds=50)
"""From one writing to the next. With the writing itself no event is older than twice that when it
is marked, on a disk that syncs in less than 50 ms."""

LATE: Final = timedelta(seconds=1)
"""Behind by this much, no new command is taken: the disk of the mark does not keep up."""


class MarkFile(Protocol):
    """Where the mark is. Synchronous; one writer."""

    def read(self) -> Mark | None:
        """The mark, or None where there never was one. ``Misconfigured`` when it is damaged."""
        ...

    def write(self, mark: Mark) -> None:
        """Durable when this returns; what was there before is there until then.

        Raises ``Unavailable`` or ``StoreFull``.
        """
        ...


class MarkKeeper:
    """Writes what it hears of. ``run`` is a task for the service's life."""

    def __init__(self, file: MarkFile, clock: Clock, log_id: str) -> None:
        self._file = file
        self._clock = clock
        self._log_id = log_id
        self._head = Mark(log_id, 0, "")
        self._written = 0
        self._began: datetime | None = None
        self._waits_since: datetime | None = None
        self._in_hand_since: datetime | None = None
        self._news = asyncio.Event()
        self._failure: BaseException | None = None

    @property
    def position(self) -> int:
        """What was acknowledged up to here is marked."""
        return self._written

    @property
    def failure(self) -> BaseException | None:
        """Why ``run`` ended the last time; None while it runs."""
        return self._failure

    def note(self, position: int, sha256: str) -> None:
        """An event was acknowledged: to be marked."""
        if position <= self._head.position:
            return
        self._head = Mark(self._log_id, position, sha256)
        if self._waits_since is None:
            self._waits_since = self._clock.now()
        self._news.set()

    def pause(self) -> timedelta:
        """How long to wait before the next writing; never longer than ``PACE``.

        Also when the clock was set back.
        """
        if self._began is None:
            return timedelta()
        passed = self._clock.now() - self._began
        return min(max(PACE - passed, timedelta()), PACE)

    def check(self) -> None:
        """Pass, or raise ``Unavailable``: the mark is not kept."""
        if self._failure is not None:
            raise Unavailable(f"the mark has stopped: {self._failure}; see the service's health")
        oldest = self._in_hand_since or self._waits_since
        if oldest is not None and self._clock.now() - oldest > LATE:
            raise Unavailable(
                f"the mark is at {self._written}, more than {LATE.seconds} s behind: its disk does "
                "not keep up"
            )

    async def run(self) -> None:
        """Write, without end; at the end what was heard last. Raises what the file raises."""
        self._failure = None
        try:
            while True:
                await self._news.wait()
                await asyncio.sleep(self.pause().total_seconds())
                await self._write()
        except asyncio.CancelledError:
            if self._head.position > self._written:
                self._file.write(self._head)
            raise
        except BaseException as error:
            self._failure = error
            self._waits_since = self._in_hand_since or self._waits_since
            self._news.set()
            raise

    async def _write(self) -> None:
        """Everything that was heard so far, in one writing."""
        self._news.clear()
        head, self._began = self._head, self._clock.now()
        self._in_hand_since, self._waits_since = self._waits_since, None
        await asyncio.to_thread(self._file.write, head)
        self._in_hand_since = None
        self._written = head.position
