"""Starts queued work: validates what was submitted, and gives free slots to waiting tasks.

Jobs go by priority, then by the stream position of their JobQueued; tasks of a job by number, each
when what it depends on is Finished.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from application.board import Board
from application.engine import Engine, RunKey
from application.patience import RETRY_SECONDS, TROUBLE_SECONDS
from application.ports import Reporter
from application.runs import Runs
from domain import commands as c
from domain.errors import Corrupt, CountermandError
from domain.events import RunHandle
from domain.job import Job, Task
from domain.parameters import JOB_RUNTIME
from domain.readiness import startable
from domain.states import JobState

SEEN_SECONDS_MAX: Final = 30.0
FULL_SECONDS: Final = 1.0
"""When to look again whether the store has room."""


class Dispatcher:
    """One decision at a time about which task gets the next slot; starts run side by side.

    ``full``: why the store has no room for new work, or "": what is left is for what must end.
    """

    def __init__(
        self,
        board: Board,
        engine: Engine,
        runs: Runs,
        reporter: Reporter,
        full: Callable[[], str],
    ) -> None:
        self._board = board
        self._engine = engine
        self._runs = runs
        self._reporter = reporter
        self._full = full
        self._paused = False
        self._starting: set[RunKey] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def validate(self, job: Job) -> None:
        """Submitted -> Validating."""
        await self._runs.tell(job.id, c.StartValidation())

    async def end_validation(self, job: Job) -> None:
        """Validating -> Queued: limits were checked when the job was created."""
        await self._runs.tell(job.id, c.EndValidation())

    async def start_idle(self, job: Job) -> None:
        """Queued -> Running, without a task: the job waits for some."""
        if not self._paused and job.id not in self._board.holds:
            await self._start_job(job)

    async def pause(self, seconds_max: float) -> None:
        """Start nothing more: the service is about to end its tasks.

        Waits, within bounds, for starts under way: what they started is on the board then.
        """
        self._paused = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds_max)

    async def dispatch(self, _: Job | None = None) -> None:
        """Fill every free slot, whichever job asked for it."""
        free = 0 if self._paused else self._slots_free()
        for job_id in self._board.line:
            if free <= 0:
                return
            if self._full():
                asyncio.get_running_loop().call_later(FULL_SECONDS, self._board.look_at, job_id)
                return
            job = self._board.jobs[job_id]
            for task in self._candidates(job)[:free]:
                self._begin(job, task)
                free -= 1

    async def close(self) -> None:
        """End starts under way; a keeper without a word to go runs nothing."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _candidates(self, job: Job) -> list[Task]:
        return [task for task in startable(job) if next_run(job, task) not in self._starting]

    def _slots_free(self) -> int:
        return self._engine.slots - len(self._board.occupied.runs | self._starting)

    def _begin(self, job: Job, task: Task) -> None:
        key = next_run(job, task)
        self._starting.add(key)
        starting = asyncio.create_task(self._start(job, task, key))
        self._tasks.add(starting)
        starting.add_done_callback(self._tasks.discard)

    async def _start_job(self, job: Job) -> None:
        seconds = await self._runs.parameter(JOB_RUNTIME)
        start = c.StartJob((self._engine.node,), seconds)
        held = job.hold_until  # a hold that is set meanwhile is kept
        await self._runs.tell(job.id, start, fits=lambda now: now.hold_until == held)

    async def _start(self, job: Job, task: Task, key: RunKey) -> None:
        """Start one task; whatever happens, the job is looked at again."""

        def waiting(error: CountermandError) -> None:
            self._reporter("start_waits", job=job.id, task=key.task, reason=error.message)

        def make(handle: RunHandle) -> c.StartTask:
            return c.StartTask(task.spec.id, key.attempt, self._engine.node, handle)

        try:
            if job.state is JobState.QUEUED:
                await self._start_job(job)
            done = await self._runs.start(job, task, 0, make, waiting)
            await self._board.wait_until(done.position, SEEN_SECONDS_MAX)
        except Corrupt as error:
            waiting(error)
            await asyncio.sleep(TROUBLE_SECONDS)
        except CountermandError as error:
            waiting(error)
            await asyncio.sleep(RETRY_SECONDS)
        except Exception as error:  # a defect is tried again too, but not at once
            self._reporter("start_waits", job=job.id, task=key.task, reason=repr(error))
            await asyncio.sleep(TROUBLE_SECONDS)
        finally:
            self._starting.discard(key)
            self._board.look_at(job.id)


def next_run(job: Job, task: Task) -> RunKey:
    """The run that the task's next attempt is."""
    return RunKey(job.id, task.spec.id, 0, task.attempt + 1)
