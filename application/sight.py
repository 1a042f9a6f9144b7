"""Which events somebody may see: those of the jobs they may see; all, who may see everything.

Whose a job is stands in its first event and never changes, so it is looked up once for everybody.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from msgspec import Struct

from application.ledger import Ledger
from application.ports import Stored, Undecodable
from application.visibility import Owned, Visibility
from domain.events import JOB, Aggregate, JobAdded
from domain.identity import Caller

OWNERS_MAX: Final = 100_000


class Eyes(Struct, frozen=True):
    """One who looks. ``may_see_all``: whatever they ask for, that has been found already.

    ``allowed``: what the policy has said to them so far, by its digest and whose job it is; None:
    of everything.
    """

    caller: Caller
    may_see_all: bool
    allowed: dict[tuple[str, Owned | None], bool]


def eyes_of(caller: Caller, may_see_all: bool = False) -> Eyes:
    """Somebody's eyes, for as long as they look."""
    return Eyes(caller, may_see_all, {})


class Sight:
    """Knows whose jobs are."""

    def __init__(self, ledger: Ledger, visibility: Visibility) -> None:
        self._ledger = ledger
        self._visibility = visibility
        self._owners: OrderedDict[Aggregate, Owned] = OrderedDict()
        self._looking_up = asyncio.Lock()

    async def seen(self, eyes: Eyes, events: tuple[Stored, ...]) -> tuple[Stored, ...]:
        """Those of the events that these eyes may see."""
        if eyes.may_see_all or not events or self._allowed(eyes, None):
            return events
        return tuple([x for x in events if await self._sees(eyes, x.aggregate)])

    async def _sees(self, eyes: Eyes, aggregate: Aggregate) -> bool:
        job = await self.owner(aggregate) if aggregate.kind == JOB else None
        return job is not None and self._allowed(eyes, job)

    def _allowed(self, eyes: Eyes, job: Owned | None) -> bool:
        """Whether they may see the job; everything, for None. By the rules of this moment."""
        question = self._visibility.digest, job
        if question not in eyes.allowed:
            eyes.allowed[question] = (
                self._visibility.sees_everything(eyes.caller)
                if job is None
                else self._visibility.sees(eyes.caller, job)
            )
        return eyes.allowed[question]

    async def owner(self, aggregate: Aggregate) -> Owned | None:
        """Whose job it is; None when that cannot be read."""
        found = self._owners.get(aggregate)
        if found is None:
            async with self._looking_up:  # many may want the same
                found = self._owners.get(aggregate) or await self._look_up(aggregate)
        if found is not None:
            self._owners[aggregate] = found
            self._owners.move_to_end(aggregate)
        while len(self._owners) > OWNERS_MAX:
            self._owners.popitem(last=False)
        return found

    async def _look_up(self, aggregate: Aggregate) -> Owned | None:
        first = await self._ledger.histories.first(aggregate)
        return owned(first) if first else None


def owned(stored: Stored) -> Owned | None:
    """What the first event of a job says; None when it does not."""
    fact = None if isinstance(stored.fact, Undecodable) else stored.fact.data
    return Owned(fact.owner, fact.job_type) if isinstance(fact, JobAdded) else None
