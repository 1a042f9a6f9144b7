"""Keeps the parts of the service running: what fails for a while is started again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from application.ports import Reporter
from application.remedies import REFUSED_START
from domain.errors import Corrupt, CountermandError, Unavailable

AGAIN_SECONDS: Final = 0.5


class Supervision:
    """``stopped``: parts that found damage and ended for good, and what they said."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.stopped: dict[str, str] = {}
        self.some_stopped = asyncio.Event()

    async def keep(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Run a part until cancelled. Damage ends it: it is for a person to look at."""
        while True:
            try:
                await run()
            except Corrupt as error:
                self._stop(name, error)
                return
            except CountermandError as error:
                self._reporter("part_starts_again", part=name, reason=error.message)
            except Exception as error:  # a defect in one part must not end the others
                self._reporter("part_starts_again", part=name, reason=repr(error))
            await asyncio.sleep(AGAIN_SECONDS)

    def check(self) -> None:
        """Pass, or raise ``Unavailable``: with a part stopped no new command is taken."""
        for name, why in self.stopped.items():
            raise Unavailable(f"the {name} has stopped: {why}; an administrator must look at it")

    def refuse_damage(self) -> None:
        """At start: raise ``Corrupt`` with what a part has found, instead of saying ready."""
        for name, why in self.stopped.items():
            raise Corrupt(
                f"the {name} found damage while reading the stream: {why}; {REFUSED_START}"
            )

    async def until_started(self, caught_up: asyncio.Event) -> None:
        """Return when the backlog has been read, or when some part has stopped."""
        waits = [asyncio.create_task(x.wait()) for x in (caught_up, self.some_stopped)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    def _stop(self, name: str, error: Corrupt) -> None:
        self.stopped[name] = error.message
        self.some_stopped.set()
        self._reporter("part_stopped", part=name, reason=error.message)
