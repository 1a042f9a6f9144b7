"""The life of a consumer: signals, connections that come back, and how it ends.

Exit status: 0 done, or ended by SIGTERM; 1 a person has to look; 2 wrong use; 75 the stream could
not be read in time; 130 ended by Ctrl-C.
"""

import argparse
import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Final

from ops.consumers.errors import Lost, Misuse, Refused, Unavailable, more_telling
from ops.consumers.following import Event, Feed
from ops.consumers.log import log
from ops.consumers.place import Told, find
from ops.consumers.wire import Connection, connected

PAUSE_SECONDS_MIN: Final = 0.2
PAUSE_SECONDS_MAX: Final = 5.0
PATIENCE_SECONDS: Final = 60.0
SECONDS_MAX: Final = 86_400.0
FAILURE: Final = 1
USAGE: Final = 2
UNAVAILABLE: Final = 75
INTERRUPTED: Final = 130


@dataclass
class Outage:
    """Since when nothing was heard of the stream, and how long the next pause is."""

    since: float
    pause_seconds: float = PAUSE_SECONDS_MIN
    reason: str = ""

    def over(self) -> None:
        """The stream has been heard of."""
        self.since = time.monotonic()
        self.pause_seconds = PAUSE_SECONDS_MIN
        self.reason = ""

    @property
    def seconds(self) -> float:
        """How long it lasts by now."""
        return time.monotonic() - self.since

    async def pause(self) -> None:
        """Wait a little; longer each time."""
        await asyncio.sleep(self.pause_seconds)
        self.pause_seconds = min(self.pause_seconds * 2, PAUSE_SECONDS_MAX)


@dataclass
class Session:
    """One connection's life, as the consumer sees it."""

    connection: Connection
    outage: Outage
    until_caught_up: bool

    async def each(self, feed: Feed, act: Callable[[list[Event]], Awaitable[None]]) -> None:
        """Hand every batch to ``act``, in order: to the end of the backlog, or without end."""
        told = False
        while not (feed.caught_up and self.until_caught_up):
            if feed.caught_up and not told:
                told = True
                log("caught_up")
            events = await feed.next()
            self.outage.over()
            if events:
                await act(events)
                self.outage.over()


@dataclass(frozen=True)
class Ending:
    """When a consumer ends by itself: at the end of the backlog, or never.

    With ``until_caught_up`` it also ends when nothing was heard for ``patience_seconds``.
    """

    until_caught_up: bool
    patience_seconds: float


async def in_sessions(
    told: Told, act: Callable[[Session], Awaitable[None]], ending: Ending
) -> None:
    """Connect and ``act``; after each loss again, until ``act`` returns. Raises ``Unavailable``."""
    outage = Outage(time.monotonic())
    while True:
        try:
            async with connected(find(told)) as connection:
                return await act(Session(connection, outage, ending.until_caught_up))
        except Lost as loss:
            log("stream_lost", "warning", reason=str(loss), pause_seconds=outage.pause_seconds)
            outage.reason = more_telling(outage.reason, str(loss))
            if ending.until_caught_up and outage.seconds > ending.patience_seconds:
                raise Unavailable(f"the stream cannot be read: {outage.reason}") from loss
        await outage.pause()


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options by which every consumer is told when to end."""
    group = parser.add_argument_group("when it ends")
    group.add_argument(
        "--until-caught-up",
        action="store_true",
        help="when all that is there now has been dealt with, instead of following",
    )
    group.add_argument(
        "--patience",
        metavar="SECONDS",
        type=seconds,
        default=PATIENCE_SECONDS,
        help="with --until-caught-up: when nothing was heard of the stream for so long "
        f"({PATIENCE_SECONDS:.0f})",
    )


def ending(arguments: argparse.Namespace) -> Ending:
    """What these options say."""
    return Ending(arguments.until_caught_up, arguments.patience)


def seconds(text: str) -> float:
    """A number of seconds, above 0 and at most a day, for ``argparse``."""
    number = float(text)
    if not 0 < number <= SECONDS_MAX:
        raise ValueError(text)
    return number


def run(work: Callable[[], Coroutine[None, None, None]]) -> int:
    """Run ``work`` until it is done or a signal ends it; the exit status."""
    try:
        return asyncio.run(_until_told(work))
    except Misuse as problem:
        return _said(problem, USAGE)
    except Refused as problem:
        return _said(problem, FAILURE)
    except Unavailable as problem:
        return _said(problem, UNAVAILABLE)
    except OSError as problem:
        return _said(f"a file could not be read or written: {problem}", FAILURE)


def _said(problem: Exception | str, status: int) -> int:
    log("ended", "error", reason=str(problem), status=status)
    return status


async def _until_told(work: Callable[[], Coroutine[None, None, None]]) -> int:
    task = asyncio.create_task(work())
    heard: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        heard.append(number)
        task.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    try:
        await task
    except asyncio.CancelledError:
        if not heard:
            raise
    log("ended", reason=heard[0].name if heard else "caught_up")
    return INTERRUPTED if signal.SIGINT in heard else 0
