"""One lock an aggregate: the service does not race itself."""

import asyncio
from contextlib import AbstractAsyncContextManager

from domain.events import Aggregate


class Locks:
    """Locks that are there only while somebody holds or awaits them."""

    def __init__(self) -> None:
        self._locks: dict[Aggregate, tuple[asyncio.Lock, int]] = {}

    def of(self, aggregate: Aggregate) -> AbstractAsyncContextManager[None]:
        """Held within the ``async with``."""
        return _Held(self._locks, aggregate)


class _Held(AbstractAsyncContextManager[None]):
    def __init__(
        self, locks: dict[Aggregate, tuple[asyncio.Lock, int]], aggregate: Aggregate
    ) -> None:
        self._locks = locks
        self._aggregate = aggregate

    async def __aenter__(self) -> None:
        lock, users = self._locks.get(self._aggregate, (asyncio.Lock(), 0))
        self._locks[self._aggregate] = (lock, users + 1)
        try:
            await lock.acquire()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._locks[self._aggregate][0].release()
        self._leave()

    def _leave(self) -> None:
        lock, users = self._locks[self._aggregate]
        if users == 1:
            del self._locks[self._aggregate]
        else:
            self._locks[self._aggregate] = (lock, users - 1)
