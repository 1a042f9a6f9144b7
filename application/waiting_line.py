"""Who is next for a slot, and how many slots are taken, kept up to date event by event.

With a quarter of a million jobs nothing here may look at all of them because one of them moved.
"""

import asyncio
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator

from application.engine import RunKey, key_of
from domain.job import Job
from domain.states import JOB_PRIORITY_NUMBER, TASK_ON_NODE, TaskType


class WaitingLine:
    """Jobs that wait for slots: by priority, then by the stream position of their JobQueued."""

    def __init__(self) -> None:
        self._order: list[tuple[int, int, int]] = []
        self._places: dict[int, tuple[int, int, int]] = {}

    def put(self, job: Job, queued_at: int) -> None:
        """The job waits, in its place."""
        place = (-JOB_PRIORITY_NUMBER[job.priority], queued_at, job.id)
        if self._places.get(job.id) != place:
            self.drop(job.id)
            self._places[job.id] = place
            insort(self._order, place)

    def drop(self, job_id: int) -> None:
        """The job does not wait (any more)."""
        place = self._places.pop(job_id, None)
        if place is not None:
            del self._order[bisect_left(self._order, place)]

    def __iter__(self) -> Iterator[int]:
        """Numbers of jobs, the next one first."""
        return (job_id for _, _, job_id in self._order)

    def __len__(self) -> int:
        return len(self._order)


class Occupied:
    """Runs that are written as started and not as ended, each with its node.

    ``runs`` hold a slot there. ``releases`` are node release tasks, which need none.
    """

    def __init__(self) -> None:
        self._by_job: dict[int, tuple[RunKey, ...]] = {}
        self.runs: dict[RunKey, str] = {}
        self.releases: dict[RunKey, str] = {}

    def put(self, job: Job) -> None:
        """What the job has on nodes now."""
        self.drop(job.id)
        there = {key_of(job.id, run): run for run in job.runs if run.state in TASK_ON_NODE}
        for key, run in there.items():
            release = run.spec.type is TaskType.NODE_RELEASE
            (self.releases if release else self.runs)[key] = run.node
        if there:
            self._by_job[job.id] = tuple(there)

    def drop(self, job_id: int) -> None:
        """The job has nothing there."""
        for key in self._by_job.pop(job_id, ()):
            self.runs.pop(key, None)
            self.releases.pop(key, None)


class Changes:
    """Numbers of jobs to look at: first in, first out, each once however often it was put in."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[int, None] = OrderedDict()
        self._some = asyncio.Event()

    def put(self, job_id: int) -> None:
        """Have a job looked at."""
        self._numbers[job_id] = None
        self._some.set()

    async def get(self) -> int:
        """The next number, as soon as there is one."""
        while not self._numbers:
            self._some.clear()
            await self._some.wait()
        job_id, _ = self._numbers.popitem(last=False)
        return job_id
