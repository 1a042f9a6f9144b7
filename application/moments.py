"""A moment for each job, in order: when it ended, when a run-time limit of it runs out.

The clock may have stepped back between two of them: the stream's order is not that of their times.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

NUMBER_MAX: Final = 2**31


class Moments(Mapping[int, datetime]):
    """The moment of each job; the earliest come first."""

    def __init__(self) -> None:
        self._times: dict[int, datetime] = {}
        self._order: list[tuple[datetime, int]] = []

    def put(self, job_id: int, at: datetime | None) -> None:
        """The job has this moment, or none."""
        if at is None:
            self.drop(job_id)
        elif self._times.get(job_id) != at:
            self.drop(job_id)
            self._times[job_id] = at
            insort(self._order, (at, job_id))

    def drop(self, job_id: int) -> None:
        """The job has none (any more)."""
        at = self._times.pop(job_id, None)
        if at is not None:
            del self._order[bisect_left(self._order, (at, job_id))]

    def until(self, latest: datetime) -> list[int]:
        """Jobs whose moment is ``latest`` or before."""
        return [number for _, number in self._order[: self._place_after(latest)]]

    def first_after(self, moment: datetime) -> datetime | None:
        """The first moment after this one; None when there is none."""
        place = self._place_after(moment)
        return self._order[place][0] if place < len(self._order) else None

    def earliest(self) -> datetime | None:
        """The first moment of all; None when there is none."""
        return self._order[0][0] if self._order else None

    def _place_after(self, moment: datetime) -> int:
        return bisect_right(self._order, (moment, NUMBER_MAX))

    def __getitem__(self, job_id: int) -> datetime:
        return self._times[job_id]

    def __iter__(self) -> Iterator[int]:
        return (number for _, number in self._order)

    def __len__(self) -> int:
        return len(self._times)
