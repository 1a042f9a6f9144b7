"""Carries every accepted cancel and finish out to its end, from the stream, restartable anywhere.

Requested, ordered, stopped or force-stopped, node release run or skipped, canceled. Each method
does one step for one job and may be repeated: what has been done is not done again, because the
job's state no longer calls for it and the engine keeps a note of its own.
"""

import asyncio
from collections.abc import Callable

from application.engine import Engine, RunKey, RunPhase, RunStatus, StopOrder, key_of
from application.ledger import Ledger
from application.ports import Reporter
from application.runs import Runs, cause_of
from domain import commands as c
from domain.errors import CountermandError, Unknown
from domain.events import RunHandle
from domain.job import Job, Order, Task
from domain.next_steps import stop_ordered
from domain.node_release import release_due
from domain.parameters import NODE_RELEASE_TASK_TIMEOUT, TASK_CANCEL_GRACE_PERIOD


class Stopper:
    """The steps of stopping. ``signal``: number of the stop signal, from the settings."""

    def __init__(
        self, ledger: Ledger, engine: Engine, runs: Runs, signal: int, reporter: Reporter
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._runs = runs
        self._signal = signal
        self._reporter = reporter
        self._performed: set[tuple[RunKey, Order]] = set()

    async def order_stop(self, job: Job) -> None:
        """Write the orders that are due, and hand them on without waiting for the stream."""
        done = await self._runs.tell(job.id, c.OrderStop(self._signal), cause_of(job))
        if done.after is not None:
            await self.perform_stop(done.after)

    async def perform_stop(self, job: Job) -> None:
        """Hand written orders to the engine, which performs each at most once.

        Every run is tried: one that the engine cannot reach now holds up no other.
        """
        tried = await asyncio.gather(
            *(self._perform(job, run, run.order) for run in stop_ordered(job) if run.order),
            return_exceptions=True,
        )
        for error in tried:
            if error is not None:
                raise error

    async def _perform(self, job: Job, task: Task, order: Order) -> None:
        key = key_of(job.id, task)
        if (key, order) in self._performed:
            return
        try:
            await self._engine.stop(
                key, StopOrder(order.request_id, order.step, order.signal, order.grace_ms)
            )
        except Unknown as error:  # its notes are gone: nobody will ever tell of its end
            await self._runs.record(RunStatus(key, RunPhase.LOST, reason=error.message))
        self._performed.add((key, order))

    async def close_task_cancels(self, job: Job) -> None:
        """Write the end of requests on tasks that never ran."""
        await self._runs.tell(job.id, c.RecordTaskCanceled(), cause_of(job))

    async def start_release(self, job: Job) -> None:
        """Run the node release task on each node, at most NodeReleaseTaskTimeout seconds."""
        limit_ms = await self._ledger.parameter(NODE_RELEASE_TASK_TIMEOUT) * 1000
        tried = await asyncio.gather(
            *(self._release(job, run, limit_ms) for run in release_due(job)),
            return_exceptions=True,
        )
        for error in tried:
            if isinstance(error, BaseException):
                raise error

    async def _release(self, job: Job, run: Task, limit_ms: int) -> None:
        attempt = run.attempt + 1

        def make(handle: RunHandle) -> c.StartRelease:
            return c.StartRelease(attempt, run.node, handle, run.instance)

        await self._runs.start(job, run, run.node, limit_ms, make, self._waiting(job))

    def _waiting(self, job: Job) -> Callable[[CountermandError], None]:
        return lambda error: self._reporter("start_waits", job=job.id, reason=error.message)

    async def skip_release(self, job: Job) -> None:
        """Write that node release is not run."""
        await self._runs.tell(job.id, c.SkipRelease(), cause_of(job))

    async def fail(self, job: Job) -> None:
        """Write that a failed task stops the rest."""
        grace_seconds = await self._ledger.parameter(TASK_CANCEL_GRACE_PERIOD)
        await self._runs.tell(job.id, c.FailJob(grace_seconds))

    async def end(self, job: Job) -> None:
        """Write the job's end, or that only node release is left."""
        await self._runs.tell(job.id, c.EndJob(job.changed_at), cause_of(job))
        self._performed = {p for p in self._performed if p[0].job != job.id}
