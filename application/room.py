"""Room in the store: new commands are refused before it is full, so that cancels under way can end.

Two stores count: the stream (its ``max_bytes``) and the disk that it and the journal lie on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from application.ports import Reporter
from domain.errors import StoreFull, Unavailable

USED_PART_MAX: Final = 0.95
LOOK_SECONDS: Final = 0.5


class Disk(Struct, frozen=True):
    """Bytes free for the service, and how many must be for a new command.

    ``reserve_bytes``: held beside what is free, for cancels under way; 0 once it was given up.
    ``why_no_reserve``: why it cannot be held although there is room; no new command is taken then.
    """

    free_bytes: int
    needed_bytes: int
    reserve_bytes: int = 0
    why_no_reserve: str = ""

    def refusal(self) -> str:
        """Why no new command is taken; "" when there is room."""
        there = f"the disk of the data directory has {self.free_bytes} bytes free"
        if self.why_no_reserve:
            return f"{there}, but a reserve for cancels under way cannot be kept on it: " + (
                self.why_no_reserve
            )
        if self.free_bytes >= self.needed_bytes:
            return ""
        if self.reserve_bytes:
            return f"{there}, and new commands need {self.needed_bytes}: free some space"
        return (
            f"{there}, which are left to cancels under way, for their reserve was given up; new "
            f"commands are taken again from {self.needed_bytes} on: free some space"
        )


class Used(Struct, frozen=True):
    """What was known of the stream, when ``appended_bytes`` had been appended by us in all.

    ``capacity_bytes``: None before the first look.
    """

    bytes: int = 0
    capacity_bytes: int | None = None
    appended_bytes: int = 0


def nothing_appended() -> int:
    """For a log that does not count its bytes."""
    return 0


class Room:
    """``stream_use``: bytes used and capacity. ``disk``: looks, frees the reserve if it must.

    ``appended``: bytes that we appended in all; what came since the last look counts at once, so
    that a burst does not run through the reserve between two looks.
    """

    def __init__(
        self,
        stream_use: Callable[[], Awaitable[tuple[int, int]]],
        disk: Callable[[], Disk],
        reporter: Reporter,
        appended: Callable[[], int] = nothing_appended,
    ) -> None:
        self._stream_use = stream_use
        self._disk = disk
        self._reporter = reporter
        self._appended = appended
        self._used = Used()

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Refresh what is known of the stream."""
        before, appended = self.refusal(), self._appended()
        try:
            used, capacity = await self._stream_use()
        except Unavailable:
            return
        self._used = Used(used, capacity, appended)
        if bool(self.refusal()) != bool(before):
            self._reporter("room_changed", full=self.refusal() or "no")

    def refusal(self) -> str:
        """Why no new command is taken; "" when there is room."""
        return self.disk().refusal() or self._stream_refusal()

    def disk(self) -> Disk:
        """The disk as it is now."""
        return self._disk()

    def _stream_refusal(self) -> str:
        capacity = self._used.capacity_bytes
        used = self._used.bytes + self._appended() - self._used.appended_bytes
        if capacity is None or used < capacity * USED_PART_MAX:
            return ""
        return (
            f"the stream holds {used} of {capacity} bytes; above 95 % no new command is taken: "
            "to give the stream more room, raise stream_bytes_max and run 'countermand provision' "
            "while the service is stopped"
        )

    def check(self) -> None:
        """Pass, or raise ``StoreFull`` with what to do."""
        refusal = self.refusal()
        if refusal:
            raise StoreFull(refusal)
