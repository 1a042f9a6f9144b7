"""A job told from its stored events, in parts: as they are, step by step, or as it was.

A history may be of any length, so no answer holds all of it. Who goes on with a replay is met by
the state where they left off; when that is forgotten, the job is folded up to there again.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from msgspec import Struct

from application.histories import is_full, readable, token_after
from application.ledger import Ledger
from application.loading import ALL, Held, Until
from application.ports import Stored
from application.replay import ReplayStep, step_of
from domain.errors import Unknown
from domain.events import Aggregate, job_aggregate
from domain.job import Job
from projections.explanation import Explaining, Sentence

EVENTS_MAX: Final = 10_000
"""Events, or steps, of one answer: as many as are given when nobody says how many."""

LEFT_OFF_MAX: Final = 16


class JobEvents(Struct, frozen=True):
    """Some of a job's events in order. ``next``: the position to go on after; None at the end."""

    events: tuple[Stored, ...]
    next: int | None


class Replayed(Struct, frozen=True):
    """A job told event by event. ``job``: as it was after the last of these steps.

    ``matches_live``: that the last step equals the state held live; None when it was not told to
    the end. ``next``: the version to go on after; None at the end.
    """

    steps: tuple[ReplayStep, ...]
    job: Job
    position: int
    matches_live: bool | None
    next: int | None


class Retelling:
    """Reads jobs from their events. Whoever asks has been found to be allowed to see them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._left_off: OrderedDict[tuple[Aggregate, int], Held[Job | None]] = OrderedDict()

    async def events(self, aggregate: Aggregate, after: int, limit: int) -> JobEvents:
        """Events above a position, at most so many: fewer when they are long.

        One more than wanted is read, which says whether there are more; only of a page that is
        short because its events are long that must be asked.
        """
        histories = self._ledger.histories
        found = await histories.page(aggregate, after, limit + 1)
        page, rest = found[:limit], found[limit:]
        last = page[-1].position if page else after
        if not rest and is_full(found, limit + 1):
            rest = await histories.page(aggregate, last, 1)
        return JobEvents(page, last if rest else None)

    async def replay(self, number: int, until: Until, after: int, limit: int) -> Replayed:
        """At most so many steps, after a version. ``Unknown`` when that is beyond ``until``."""
        live = await self._ledger.job(number) if until == ALL else None
        aggregate = job_aggregate(number)
        first = await self._at(number, after)
        if not until.reaches(first.token):
            raise Unknown(
                f"version {after} of job {number} is later than what is asked for",
                code="unknown_version",
            )
        end = min(after + limit, until.version or after + limit)
        telling = Telling(first, live)
        pages = self._ledger.loading.pages(aggregate, first.token, Until(end, until.below))
        async with aclosing(pages):
            async for page in pages:
                await asyncio.to_thread(telling.take, page)
        held = telling.held
        goes_on = held.token.version == end and await self._more(aggregate, held, until)
        if goes_on:
            self._leave(aggregate, held)
        job, version = held.state, held.token.version
        assert job is not None, "there is an event to tell it from"
        same = None if goes_on else telling.same
        steps, position = tuple(telling.steps), held.token.position
        return Replayed(steps, job, position, same, version if goes_on else None)

    async def explain(self, number: int, until: Until) -> tuple[tuple[Sentence, ...], int]:
        """Why the job ended, or has not, and the position of the last event that was told."""
        held = await self._then(number, until)
        assert held.state is not None, "there is an event to explain it from"
        explaining = Explaining(held.state)
        known = Until(held.token.version)
        pages = self._ledger.loading.pages(job_aggregate(number), until=known)
        async with aclosing(pages):
            async for page in pages:
                await asyncio.to_thread(explain_page, explaining, page)
        return explaining.sentences(), held.token.position

    async def _then(self, number: int, until: Until) -> Held[Job | None]:
        """The job now, or as it was."""
        if until == ALL:
            return await self._ledger.held(number)
        return await self._ledger.job_then(number, until)

    async def _at(self, number: int, version: int) -> Held[Job | None]:
        """The job after so many events: where somebody left off, or folded up to there."""
        if version == 0:
            return Held(None)
        found = self._left_off.get((job_aggregate(number), version))
        return found or await self._ledger.job_then(number, Until(version))

    def _leave(self, aggregate: Aggregate, held: Held[Job | None]) -> None:
        self._left_off[aggregate, held.token.version] = held
        while len(self._left_off) > LEFT_OFF_MAX:
            self._left_off.popitem(last=False)

    async def _more(self, aggregate: Aggregate, held: Held[Job | None], until: Until) -> bool:
        """Whether there is an event after this that belongs to what is asked for."""
        found = await self._ledger.histories.page(aggregate, held.token.position, 1)
        return bool(until.part_of(found, held.token.version))


class Telling:
    """Steps of one replay, and the job at the end of them.

    ``same``: whether it was, at the version of ``live``, what ``live`` is; None before that.
    """

    def __init__(self, held: Held[Job | None], live: Job | None) -> None:
        self.held = held
        self.steps: list[ReplayStep] = []
        self.same: bool | None = None
        self._live = live
        self._compare()

    def take(self, page: Sequence[Stored]) -> None:
        """Tell these events too."""
        for stored in page:
            recorded, before = readable(stored), self.held.state
            job, step = step_of(before, stored.position, recorded)
            self.steps.append(step)
            self.held = Held(job, token_after((stored,)), recorded.time)
            self._compare()

    def _compare(self) -> None:
        job = self.held.state
        if self._live is not None and job is not None and job.version == self._live.version:
            self.same = job == self._live


def explain_page(explaining: Explaining, page: Sequence[Stored]) -> None:
    """Tell it further events."""
    for stored in page:
        explaining.take(stored.position, readable(stored))
