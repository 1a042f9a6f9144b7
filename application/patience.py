"""Waiting an outage out: what was accepted is never given up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from domain.errors import Conflict, CountermandError, Unavailable

RETRY_SECONDS: Final = 0.25
TROUBLE_SECONDS: Final = 5.0
T = TypeVar("T")


async def until_done(
    act: Callable[[], Awaitable[T]], waiting: Callable[[CountermandError], None]
) -> T:
    """``act``, again and again while the outside is down or others win; ``waiting`` hears why.

    Every other error is raised.
    """
    while True:
        try:
            return await act()
        except (Unavailable, Conflict) as error:
            waiting(error)
            await asyncio.sleep(RETRY_SECONDS)
