"""Long work in small pieces: others have their turn between them."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import Final, TypeVar

AT_ONCE: Final = 16
"""Decisions on jobs: about a millisecond."""

T = TypeVar("T")


async def in_turns(items: Iterable[T], at_once: int = AT_ONCE) -> AsyncGenerator[T, None]:
    """The items; everybody else has had a turn after every ``at_once`` of them."""
    for n, item in enumerate(items, 1):
        yield item
        if n % at_once == 0:
            await asyncio.sleep(0)
