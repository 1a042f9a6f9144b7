"""Jobs that have ended, in the order of their ends, kept so event by event.

The clock may have stepped back between two of them: the stream's order is not that of their times.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

NUMBER_MAX: Final = 2**31


class Endings(Mapping[int, datetime]):
    """When each job ended; those that ended first come first."""

    def __init__(self) -> None:
        self._times: dict[int, datetime] = {}
        self._order: list[tuple[datetime, int]] = []

    def put(self, job_id: int, at: datetime) -> None:
        """The job has ended, at this time."""
        if self._times.get(job_id) != at:
            self.drop(job_id)
            self._times[job_id] = at
            insort(self._order, (at, job_id))

    def drop(self, job_id: int) -> None:
        """The job is not over (any more), or gone."""
        at = self._times.pop(job_id, None)
        if at is not None:
            del self._order[bisect_left(self._order, (at, job_id))]

    def until(self, latest: datetime) -> list[int]:
        """Jobs that ended at ``latest`` or before."""
        return [number for _, number in self._order[: self._place_after(latest)]]

    def first_after(self, moment: datetime) -> datetime | None:
        """When the first one ended after this moment; None when none did."""
        place = self._place_after(moment)
        return self._order[place][0] if place < len(self._order) else None

    def _place_after(self, moment: datetime) -> int:
        return bisect_right(self._order, (moment, NUMBER_MAX))

    def __getitem__(self, job_id: int) -> datetime:
        return self._times[job_id]

    def __iter__(self) -> Iterator[int]:
        return (number for _, number in self._order)

    def __len__(self) -> int:
        return len(self._times)
