"""The word that the service is about to end: open streams and long waits end at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Closing:
    """Said once, heard by everybody who waits."""

    def __init__(self) -> None:
        self._said = asyncio.Event()

    def begin(self) -> None:
        """Say it. Idempotent."""
        self._said.set()

    async def wait(self) -> None:
        """Return when it has been said."""
        await self._said.wait()

    async def unless(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What ``work`` gives, or None when the service ends before; ``work`` is then cancelled."""
        working, said = asyncio.create_task(work), asyncio.create_task(self.wait())
        try:
            await asyncio.wait({working, said}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            await ended(working, said)


async def ended(*tasks: "asyncio.Task[Any]") -> None:
    """Cancel what still runs, and return when all of it has ended; their errors are dropped."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
