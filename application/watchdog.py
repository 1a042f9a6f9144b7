"""While the service runs: is the log still the one that it was when it was accepted at the start?

What is found stays found. Only the next start, with its comparison of all witnesses
(``startup_check``), says that a log can be trusted again.
"""

import asyncio
from typing import Final, Protocol

from msgspec import Struct

from application.ports import Reporter
from domain.errors import ReadOnly

LOOK_SECONDS: Final = 0.5
"""Together with the confirmation by a second look: well below the 5 s that are promised."""

ADVICE: Final = (
    "no new command is taken until the service is started again: stop it, and see what "
    "'countermand doctor' and 'countermand fsck' say"
)


class Finding(Struct, frozen=True):
    """One way in which the log is not what it was. ``kind``: a word for metrics and log.

    ``lost``: what is there now cannot be trusted to hold what was acknowledged, so nothing at all
    is appended. Else events are taken that cancels under way need to come to their end.
    """

    kind: str
    words: str
    lost: bool


class Watched(Protocol):
    """A log that can be changed behind our back."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that was found so far, the first first; none is ever taken back."""
        ...

    @property
    def doubt(self) -> str:
        """What the latest look found and the next one has to confirm; "" for nothing."""
        ...

    @property
    def news(self) -> asyncio.Event:
        """Set when there is something to be looked at before the next time; cleared by ``look``."""
        ...

    async def look(self) -> None:
        """Compare with what was known. A log that does not answer is not looked at. Never raises
        for what it finds."""
        ...


class Watchdog:
    """Looks again and again, says what is found once, and keeps new commands out from then on."""

    def __init__(self, watched: Watched, reporter: Reporter) -> None:
        self._watched = watched
        self._reporter = reporter
        self._told: set[Finding] = set()

    async def run(self) -> None:
        """Look, until cancelled: twice a second, and at once when the server tells of a change."""
        while True:
            await self._watched.look()
            self._tell()
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._watched.news.wait()
            except TimeoutError:
                continue

    @property
    def reasons(self) -> list[str]:
        """Why no command is taken, as sentences; none while the log is what it was."""
        return [f"read-only: {found.words}; {ADVICE}" for found in self._watched.findings]

    def refusal(self) -> str:
        """Why nothing new is begun; "" when it may be."""
        if self._watched.findings:
            return self.reasons[0]
        doubt = self._watched.doubt
        return f"{doubt}; it is being looked at again" if doubt else ""

    def check(self) -> None:
        """Pass, or raise ``ReadOnly`` with what was found first."""
        refusal = self.refusal()
        if refusal:
            raise ReadOnly(refusal)

    def _tell(self) -> None:
        for found in self._watched.findings:
            if found not in self._told:
                self._told.add(found)
                self._reporter("read_only", kind=found.kind, reason=found.words, lost=found.lost)
