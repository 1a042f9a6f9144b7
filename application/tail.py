"""The newest events, once in memory for everybody who follows; older ones from the journal.

The journal's keeper adds each event after it has copied it: what is shown stands in the stream and
in the second copy. A reader asks for what follows its position and holds nothing, so nobody waits
for a slow one: when the newest events have gone on without it, it reads from the journal.
"""

import asyncio
from collections import OrderedDict, deque
from typing import Final

from msgspec import Struct

from application.ports import EVERYTHING, Journal, Selection, Stored
from domain.errors import Corrupt, Unavailable

WOKEN_AT_ONCE: Final = 16
"""Readers woken together; whatever else is due has its turn before the next ones are."""


class TailLimits(Struct, frozen=True):
    """How much is held and how much is done at a time. Bytes are those of the events as stored.

    ``events_max``, ``bytes_max``: the newest events in memory. ``passage_events_max``,
    ``passage_bytes_max``: one answer to a reader, which may be above by one event.
    ``looked_at_max``: events looked at for one answer of a selection. ``pages_max``: pages of the
    journal kept for others who want them too, each as large as an answer. ``trouble_seconds_max``:
    how long the keeper may fail before readers are told.
    """

    events_max: int = 10_000
    bytes_max: int = 16 * 1024**2
    passage_events_max: int = 256
    passage_bytes_max: int = 256 * 1024
    looked_at_max: int = 4096
    pages_max: int = 16
    trouble_seconds_max: float = 5.0


class Passage(Struct, frozen=True):
    """Events in order, and the position up to which there are no others that were asked for."""

    events: tuple[Stored, ...]
    position: int


class Newest:
    """The newest events, without a gap, up to the position ``last``."""

    def __init__(self, limits: TailLimits) -> None:
        self._limits = limits
        self._events: dict[int, Stored] = {}
        self._bytes = 0
        self.last = 0

    def begin(self, position: int) -> None:
        """The next event is the one after ``position``; nothing before it is held."""
        self._events.clear()
        self._bytes, self.last = 0, position

    def add(self, events: tuple[Stored, ...]) -> None:
        """Hold events that continue after ``last``, and let the oldest go."""
        for stored in events:
            assert stored.position == self.last + 1, "the journal has checked the order"
            self._events[stored.position] = stored
            self._bytes += len(stored.raw)
            self.last = stored.position
        while len(self._events) > self._limits.events_max or self._bytes > self._limits.bytes_max:
            oldest = self._events.pop(next(iter(self._events)))
            self._bytes -= len(oldest.raw)

    def continues(self, after: int) -> bool:
        """Whether every event after this position, up to ``last``, is held."""
        return after >= self.last - len(self._events)

    def passage(self, after: int, until: int, only: Selection) -> Passage:
        """What follows ``after``, which must be continued here, up to ``until`` at most."""
        limits = self._limits
        end = min(until, self.last, after + limits.looked_at_max)
        found: list[Stored] = []
        position, size = after, 0
        while position < end and not full(limits, len(found), size):
            position += 1
            stored = self._events[position]
            if only.matches(stored):
                found.append(stored)
                size += len(stored.raw)
        return Passage(tuple(found), position)


class Pages:
    """Older events, from the journal, one page at a time; what several want is read once."""

    def __init__(self, journal: Journal, limits: TailLimits) -> None:
        self._journal = journal
        self._limits = limits
        self._turn = asyncio.Lock()
        self._kept: OrderedDict[tuple[int, int, Selection], Passage] = OrderedDict()

    async def passage(self, after: int, until: int, only: Selection) -> Passage:
        """What follows ``after``, up to ``until`` at most, which the journal must hold.

        Pages end at round positions, so that readers who began in different places meet.
        """
        key = (after, self._end(after, until, only), only)
        async with self._turn:
            if key not in self._kept:
                self._kept[key] = await asyncio.to_thread(self._read, *key)
            self._kept.move_to_end(key)
            while len(self._kept) > self._limits.pages_max:
                self._kept.popitem(last=False)
            return self._kept[key]

    def _end(self, after: int, until: int, only: Selection) -> int:
        """Where the page ends at the latest; one aggregate is found without looking at others."""
        if only.aggregate is not None:
            return until
        limits = self._limits
        step = limits.passage_events_max if only == EVERYTHING else limits.looked_at_max
        return min((after // step + 1) * step, until)

    def _read(self, after: int, end: int, only: Selection) -> Passage:
        limits = self._limits
        events = self._journal.read(
            after,
            limits.passage_events_max,
            until=end,
            bytes_max=limits.passage_bytes_max,
            only=only,
        )
        if full(limits, len(events), sum(len(x.raw) for x in events)):
            end = events[-1].position
        if only == EVERYTHING and len(events) != end - after:
            raise Corrupt(f"the journal lacks some of the events after {after} up to {end}")
        return Passage(events, end)


class Tail:
    """What readers ask, and what the keeper tells. Both live in one event loop."""

    def __init__(self, journal: Journal, limits: TailLimits = TailLimits()) -> None:  # noqa: B008
        self._limits = limits
        self._newest = Newest(limits)
        self._pages = Pages(journal, limits)
        self._turn = asyncio.Lock()
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._due: deque[asyncio.Future[None]] = deque()
        self._over: Corrupt | Unavailable | None = None
        self._trouble: tuple[float, BaseException] | None = None

    @property
    def position(self) -> int:
        """The last event there is for readers."""
        return self._newest.last

    # --- what readers ask -------------------------------------------------------------------------

    async def passage(
        self,
        after: int,
        *,
        until: int | None = None,
        only: Selection = EVERYTHING,
        quiet_seconds: float,
    ) -> Passage:
        """The next events after ``after`` and up to ``until`` at most, as soon as there are any.

        An answer without events says only how far nothing was found; when nothing at all comes for
        ``quiet_seconds`` it says ``after``. Every event is in exactly one answer to a reader who
        asks on from the position of the last. Raises as ``check``, when all has been given that
        there is, and ``Corrupt`` for a journal that has a gap.
        """
        if after >= self.position:
            self.check()
            await self._wait(quiet_seconds)
            if after >= self.position:
                return Passage((), after)
        else:
            async with self._turn:  # those who are behind, one after the other
                await asyncio.sleep(0)
        last = self.position if until is None else min(until, self.position)
        if self._newest.continues(after):
            return self._newest.passage(after, last, only)
        return await self._pages.passage(after, last, only)

    def check(self) -> None:
        """Pass, or say why nothing new will come.

        ``Corrupt`` when damage has ended the keeper; ``Unavailable`` when the service ends, or when
        the keeper has failed again and again for ``trouble_seconds_max``.
        """
        if self._over is not None:
            raise type(self._over)(self._over.message)
        if self._trouble is None:
            return
        since, error = self._trouble
        if asyncio.get_running_loop().time() - since >= self._limits.trouble_seconds_max:
            raise Unavailable(f"no event after {self.position} can be shown yet: {error}")

    # --- what the keeper tells --------------------------------------------------------------------

    def begin(self, position: int) -> None:
        """The journal holds all events up to ``position``, and the next one comes here."""
        self._newest.begin(position)
        self._over = self._trouble = None

    def add(self, events: tuple[Stored, ...]) -> None:
        """The next events, which are in the log and in the journal."""
        self._newest.add(events)
        self._wake()

    def going_on(self) -> None:
        """The keeper reads the log and writes the journal."""
        self._trouble = None

    def stopped(self, error: BaseException) -> None:
        """The keeper has stopped; after anything but damage and the end it is started again."""
        if isinstance(error, Corrupt):
            self._over = Corrupt(f"no event after {self.position} can be shown: {error}")
        elif isinstance(error, asyncio.CancelledError):
            self._over = Unavailable("the service is ending")
        elif self._trouble is None:
            self._trouble = (asyncio.get_running_loop().time(), error)
        self._wake()

    # --- how --------------------------------------------------------------------------------------

    async def _wait(self, seconds: float) -> None:
        """Until something has happened, or the time is over."""
        loop = asyncio.get_running_loop()
        moved: asyncio.Future[None] = loop.create_future()
        self._waiting[moved] = None
        timer = loop.call_later(seconds, wake, moved)
        try:
            await moved
        finally:
            timer.cancel()
            self._waiting.pop(moved, None)

    def _wake(self) -> None:
        """All who wait, a few at a time: two hundred at once would hold up a command."""
        idle = not self._due
        self._due.extend(self._waiting)
        self._waiting.clear()
        if idle and self._due:
            self._wake_some()

    def _wake_some(self) -> None:
        for _ in range(min(WOKEN_AT_ONCE, len(self._due))):
            wake(self._due.popleft())
        if self._due:
            asyncio.get_running_loop().call_soon(self._wake_some)


def full(limits: TailLimits, events: int, size: int) -> bool:
    """Whether an answer of so many events and bytes holds enough."""
    return events >= limits.passage_events_max or size >= limits.passage_bytes_max


def wake(moved: "asyncio.Future[None]") -> None:
    """Let the reader go on, unless it does already or has left."""
    if not moved.done():
        moved.set_result(None)
