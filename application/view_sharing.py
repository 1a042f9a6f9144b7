"""Views that several services share: what another one has built is put in place here too."""

import asyncio
from typing import Final

from application.ports import Reporter
from application.projector import Projector
from application.view_store import ViewFiles
from application.view_writer import ViewWriter
from domain.errors import CountermandError

LOOK_SECONDS: Final = 0.5
"""How often it is looked which views are in use."""

BEHIND_LOOKS_MAX: Final = 10
"""How often new views may be behind the old ones before they are taken as they are: whoever built
them may be gone before it had brought them as far."""


class ViewSharing:
    """Follows the switches of other services; ``run`` is one of the service's parts."""

    def __init__(self, projector: Projector, files: ViewFiles, reporter: Reporter) -> None:
        self._projector = projector
        self._files = files
        self._reporter = reporter
        self._behind = 0

    async def run(self) -> None:
        """Until cancelled. While the views cannot be reached there is nothing to see: the projector
        says so."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._look()
            except CountermandError:
                continue

    async def _look(self) -> None:
        name, here = await asyncio.to_thread(self._files.in_use), self._projector.name
        if name is None or here is None or name == here:
            return
        new = ViewWriter(await asyncio.to_thread(self._files.open, name))
        try:
            old = await self._put(new)
        except BaseException:
            new.store.close()
            raise
        if old is None:
            await asyncio.to_thread(new.store.close)
            return
        self._reporter("views_switched", views=name, position=new.position)
        await asyncio.to_thread(old.store.close)
        await asyncio.to_thread(self._files.discard, old.store.name)

    async def _put(self, new: ViewWriter) -> ViewWriter | None:
        """Put them in place, and give the ones before; None when that is not to be done now."""
        async with self._projector.held() as old:
            in_use = await asyncio.to_thread(self._files.in_use)
            if old is None or old.store.name == in_use or new.store.name != in_use:
                return None
            if new.position < old.position and self._behind < BEHIND_LOOKS_MAX:
                self._behind += 1
                return None
            self._behind = 0
            await self._projector.put(new)
            return old
