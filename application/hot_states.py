"""States that need not be folded again, the least used forgotten first.

A job that is not over is in the service's memory anyway (the board knows them all), so many of
these are kept: whoever cancels thousands at once finds each of them hot. Of all else, few.
"""

from collections import OrderedDict
from typing import Final

from application.loading import Held
from domain.events import Aggregate
from domain.job import Job
from domain.states import JOB_ENDED

OPEN_JOBS_MAX: Final = 50_000
OTHERS_MAX: Final = 4096


class HotStates:
    """The latest states of aggregates that were written or asked for."""

    def __init__(self, open_jobs_max: int = OPEN_JOBS_MAX, others_max: int = OTHERS_MAX) -> None:
        self._open: OrderedDict[Aggregate, Held[object]] = OrderedDict()
        self._others: OrderedDict[Aggregate, Held[object]] = OrderedDict()
        self._open_jobs_max = open_jobs_max
        self._others_max = others_max

    def get(self, aggregate: Aggregate) -> Held[object] | None:
        """What is known, and how far."""
        for kept in (self._open, self._others):
            found = kept.get(aggregate)
            if found is not None:
                kept.move_to_end(aggregate)
                return found
        return None

    def put(self, aggregate: Aggregate, held: Held[object]) -> None:
        """Remember this instead of what was known."""
        self.drop(aggregate)
        if isinstance(held.state, Job) and held.state.state not in JOB_ENDED:
            kept, most = self._open, self._open_jobs_max
        else:
            kept, most = self._others, self._others_max
        kept[aggregate] = held
        while len(kept) > most:
            kept.popitem(last=False)

    def drop(self, aggregate: Aggregate) -> None:
        """Forget it."""
        self._open.pop(aggregate, None)
        self._others.pop(aggregate, None)
