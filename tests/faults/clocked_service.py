"""The real service, but for one thing: its clock goes an hour back when it gets SIGUSR2.

    python -m tests.faults.clocked_service --config FILE [--back SECONDS]

``--back``: the clock is behind by so much from the beginning.
"""

import argparse
import asyncio
import signal
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final

import uvloop

from adapters.bootstrap.compose import Makers
from adapters.bootstrap.configuration import load
from adapters.bootstrap.running import service
from adapters.bootstrap.system import LogReporter, SystemClock
from application.settings import Settings

HOUR: Final = timedelta(hours=1)


class SteppedClock(SystemClock):
    """The machine's clock, behind by ``behind``."""

    behind: ClassVar[timedelta] = timedelta()

    def now(self) -> datetime:
        return super().now() - self.behind

    @classmethod
    def step_back(cls) -> None:
        """An hour."""
        cls.behind += HOUR


async def serve(settings: Settings) -> None:
    """Until a signal from outside ends it."""
    over, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    loop.add_signal_handler(signal.SIGUSR2, SteppedClock.step_back)
    makers = Makers(clock=SteppedClock)
    async with service(settings, LogReporter(settings.log_level), makers):
        await over.wait()


def main() -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", required=True, type=Path)
    parser.add_argument("--back", type=float, default=0.0)
    given = parser.parse_args()
    SteppedClock.behind = timedelta(seconds=given.back)
    uvloop.run(serve(load({}, given.config)))


if __name__ == "__main__":
    main()
