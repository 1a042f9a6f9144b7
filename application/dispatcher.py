"""Starts queued work: validates what was submitted, and gives free slots to waiting tasks.

Jobs go by priority, then by the stream position of their JobQueued; tasks of a job by number, each
when what it depends on is Finished.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Final

from application.activation_filter import Pass
from application.board import Board
from application.engine import Engine, RunKey, next_key
from application.ledger import Change
from application.patience import RETRY_SECONDS, TROUBLE_SECONDS
from application.placement import FreeSlots
from application.ports import Clock, Reporter
from application.runs import Runs
from application.site_filters import SiteFilters
from domain import commands as c
from domain.errors import Corrupt, CountermandError
from domain.events import RunHandle
from domain.job import Job, Task
from domain.parameters import JOB_RUNTIME
from domain.readiness import nodes_of_its_own, not_before, runs_wanted, startable, usable_nodes
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
        clock: Clock,
        filters: SiteFilters,
    ) -> None:
        self._board = board
        self._engine = engine
        self._runs = runs
        self._reporter = reporter
        self._full = full
        self._clock = clock
        self._filters = filters
        self._paused = False
        self._starting: dict[RunKey, str] = {}
        self._starting_jobs: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._later: dict[int, asyncio.TimerHandle] = {}

    async def validate(self, job: Job) -> None:
        """Submitted -> Validating."""
        await self._runs.tell(job.id, c.StartValidation())

    async def end_validation(self, job: Job) -> None:
        """Validating -> Queued, or what the submission filter says."""
        await self._filters.submission.end_validation(job)

    async def start_idle(self, job: Job) -> None:
        """Queued -> Running, without a task: the job waits for some."""
        if self._paused or job.id in self._board.holds:
            return
        if (await self._filters.activation.begin_pass()).way(job, 1).open:
            await self._start_job(job, self._free().choose(1))

    async def pause(self, seconds_max: float) -> None:
        """Start nothing more: the service is about to end its tasks.

        Waits, within bounds, for starts under way: what they started is on the board then.
        """
        self._paused = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds_max)

    async def dispatch(self, _: Job | None = None) -> None:
        """Fill every free slot, whichever job asked for it."""
        if not self._board.line:
            return
        gate = await self._filters.activation.begin_pass()
        free = FreeSlots((), ()) if self._paused else self._free()
        for job_id in self._board.line:
            if not free:
                return
            if self._full():
                self._look_later(job_id, FULL_SECONDS)
                return
            job = self._board.jobs[job_id]
            if job.state is JobState.QUEUED:
                self._begin_job(job, free, gate)
            else:
                self._begin_runs(job, free)

    async def close(self) -> None:
        """End starts under way; a keeper without a word to go runs nothing."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._filters.close()

    def _free(self) -> FreeSlots:
        taken = self._board.occupied.runs | self._starting
        return FreeSlots(self._engine.nodes, taken.values())

    def _look_later(self, job_id: int, seconds: float) -> None:
        """Have the job looked at again; once, however often it is asked for meanwhile."""
        loop = asyncio.get_running_loop()
        known = self._later.get(job_id)
        if known is None or not loop.time() < known.when() <= loop.time() + seconds:
            self._later[job_id] = loop.call_later(seconds, self._look, job_id)

    def _look(self, job_id: int) -> None:
        self._later.pop(job_id, None)
        self._board.look_at(job_id)

    # --- jobs -------------------------------------------------------------------------------------

    def _begin_job(self, job: Job, free: FreeSlots, gate: Pass) -> None:
        """Give the job its nodes; what it is going to need there is no other's now."""
        wanted = max(1, runs_wanted(job))
        if job.id not in self._starting_jobs:
            way = gate.way(job, min(wanted, free.total))
            if not way.open:
                free.keep(way.kept)
                return
            self._starting_jobs.add(job.id)
            self._side_by_side(self._begun(job, free.choose(wanted)))
        free.keep(wanted)

    async def _begun(self, job: Job, nodes: tuple[str, ...]) -> None:
        async def begin() -> int:
            return (await self._start_job(job, nodes)).position

        try:
            await self._through_trouble(job, None, begin)
        finally:
            self._starting_jobs.discard(job.id)
            self._board.look_at(job.id)

    async def _start_job(self, job: Job, nodes: tuple[str, ...]) -> Change[Job | None]:
        seconds = await self._runs.parameter(JOB_RUNTIME)
        asked = self._filters.activation.outcome_of(job)
        held = job.hold_until  # a hold that is set meanwhile is kept
        start = c.StartJob(nodes, seconds, *asked)
        return await self._runs.tell(job.id, start, fits=lambda now: now.hold_until == held)

    # --- runs -------------------------------------------------------------------------------------

    def _begin_runs(self, job: Job, free: FreeSlots) -> None:
        """Start what may start, until nothing waits or no node of the job has a free slot."""
        usable = usable_nodes(job)
        for run in startable(job):
            key = next_key(job.id, run)
            own = nodes_of_its_own(job, run)
            node = free.best(own or usable)
            if node is None and not own:
                return
            if node is not None and key not in self._starting and not self._early(job, run):
                free.take(node)
                self._starting[key] = node
                self._side_by_side(self._start(job, run, key, node))

    def _early(self, job: Job, run: Task) -> bool:
        """Whether it is to wait a little longer; then it is looked at again."""
        moment = not_before(run)
        seconds = (moment - self._clock.now()).total_seconds() if moment else 0.0
        if seconds > 0:
            self._look_later(job.id, seconds)
        return seconds > 0

    async def _start(self, job: Job, run: Task, key: RunKey, node: str) -> None:
        """Start one; whatever happens, the job is looked at again."""

        def make(handle: RunHandle) -> c.StartTask:
            return c.StartTask(key.task, key.attempt, node, handle, key.instance)

        async def begin() -> int:
            waiting = partial(self._waiting, job, key)
            return (await self._runs.start(job, run, node, 0, make, waiting)).position

        try:
            await self._through_trouble(job, key, begin)
        finally:
            self._starting.pop(key, None)
            self._board.look_at(job.id)

    # --- both -------------------------------------------------------------------------------------

    def _side_by_side(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _waiting(self, job: Job, key: RunKey | None, error: CountermandError) -> None:
        task = key.task if key else 0
        self._reporter("start_waits", job=job.id, task=task, reason=error.message)

    async def _through_trouble(
        self, job: Job, key: RunKey | None, begin: Callable[[], Awaitable[int]]
    ) -> None:
        """Begin, and wait until the board has seen it; after trouble, not again at once."""
        try:
            await self._board.wait_until(await begin(), SEEN_SECONDS_MAX)
        except Corrupt as error:
            self._waiting(job, key, error)
            await asyncio.sleep(TROUBLE_SECONDS)
        except CountermandError as error:
            self._waiting(job, key, error)
            await asyncio.sleep(RETRY_SECONDS)
        except Exception as error:  # a defect is tried again too, but not at once
            self._reporter("start_waits", job=job.id, reason=repr(error))
            await asyncio.sleep(TROUBLE_SECONDS)
