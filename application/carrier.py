"""The loop that carries out: for each job that something happened to, do what is due, in order.

One task a job, so a slow job holds up no other; nothing is remembered that the stream does not say.
An outage is waited out and the job looked at again: nothing accepted is ever given up.
"""

import asyncio
from collections.abc import Awaitable, Callable

from application.board import Board
from application.dispatcher import Dispatcher
from application.engine import Engine, RunKey, RunStatus
from application.patience import RETRY_SECONDS, TROUBLE_SECONDS, until_done
from application.ports import Reporter
from application.runs import Runs
from application.stopper import Stopper
from domain.errors import Corrupt, CountermandError
from domain.job import Job
from domain.next_steps import Step, next_steps


class Carrier:
    """Runs until cancelled. ``troubles``: jobs that cannot be carried on, and why, for health."""

    def __init__(
        self,
        board: Board,
        engine: Engine,
        runs: Runs,
        stopper: Stopper,
        dispatcher: Dispatcher,
        reporter: Reporter,
        signal: int,
    ) -> None:
        self._board = board
        self._engine = engine
        self._runs = runs
        self._dispatcher = dispatcher
        self._reporter = reporter
        self._signal = signal
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self.troubles: dict[int, str] = {}
        self.strays: tuple[RunKey, ...] = ()
        self._do: dict[Step, Callable[[Job], Awaitable[None]]] = {
            Step.VALIDATE: dispatcher.validate,
            Step.END_VALIDATION: dispatcher.end_validation,
            Step.DISPATCH: dispatcher.dispatch,
            Step.START_IDLE: dispatcher.start_idle,
            Step.FAIL: stopper.fail,
            Step.CLOSE_TASK_CANCELS: stopper.close_task_cancels,
            Step.ORDER_STOP: stopper.order_stop,
            Step.PERFORM_STOP: stopper.perform_stop,
            Step.START_RELEASE: stopper.start_release,
            Step.SKIP_RELEASE: stopper.skip_release,
            Step.END: stopper.end,
        }

    async def run(self) -> None:
        """Wait for the backlog, mend what a crash left open, then carry out for ever."""
        await self._board.caught_up.wait()
        await self._recover()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._reports())
                group.create_task(self._changes())
        finally:
            await self._stop_working()

    async def _recover(self) -> None:
        self.strays = await until_done(
            lambda: self._runs.recover(self._board.jobs),
            lambda error: self._reporter("recovery_waits", reason=error.message),
        )

    async def _stop_working(self) -> None:
        for task in self._busy.values():
            task.cancel()
        await asyncio.gather(*self._busy.values(), return_exceptions=True)
        await self._dispatcher.close()

    # --- what the engine says ---------------------------------------------------------------------

    async def _reports(self) -> None:
        async for status in self._engine.reports():
            await self._record(status)

    async def _record(self, status: RunStatus) -> None:
        """Through outages; a job whose history is damaged is left for a person.

        The engine tells again of every run that it has a note of when the service starts: of a job
        that has ended all of that is written already.
        """
        job_id = status.key.job
        if job_id in self._board.ended and job_id not in self._board.jobs:
            await self._runs.keep(status.key)
            return
        try:
            await until_done(
                lambda: self._runs.record(status), lambda error: self._trouble(job_id, error)
            )
            self.troubles.pop(job_id, None)
            self._alarm(status)
        except Exception as error:  # one run's report must not end the hearing of all others
            self._trouble(job_id, error)

    def _alarm(self, status: RunStatus) -> None:
        """Processes that SIGKILL could not end are for a person, at once."""
        survivors = status.stop.survivors if status.stop else status.survivors
        if survivors and not status.survivors_gone:
            key = status.key
            facts = {"job": key.job, "task": key.task, "attempt": key.attempt}
            self._reporter("processes_outlived_kill", survivors=survivors, **facts)

    # --- what the stream says ---------------------------------------------------------------------

    async def _changes(self) -> None:
        for job_id in tuple(self._board.jobs):
            self._board.look_at(job_id)
        async for job_id in self._board.changed():
            if job_id in self._busy:
                self._again.add(job_id)
            elif job_id in self._board.jobs or self._board.line:
                self._begin(job_id)
            else:  # it is over, and nobody waits for the slots that it may have had
                self.troubles.pop(job_id, None)

    def _begin(self, job_id: int) -> None:
        task = asyncio.create_task(self._carry(job_id))
        self._busy[job_id] = task
        task.add_done_callback(lambda _: self._over(job_id))

    def _over(self, job_id: int) -> None:
        self._busy.pop(job_id, None)
        if job_id in self._again:
            self._again.discard(job_id)
            self._board.look_at(job_id)

    async def _carry(self, job_id: int) -> None:
        """Do what is due on one job; on an outage wait, and have it looked at again."""
        job = self._board.jobs.get(job_id)
        if job is None:
            self.troubles.pop(job_id, None)
            await self._dispatcher.dispatch()
            return
        try:
            for step in next_steps(job, self._signal):
                await self._do[step](job)
            self.troubles.pop(job_id, None)
            await self._dispatcher.dispatch()  # whatever ended may have freed a slot for another
        except Corrupt as error:
            self._trouble(job_id, error)
        except CountermandError as error:
            self._trouble(job_id, error)
            await asyncio.sleep(RETRY_SECONDS)
            self._again.add(job_id)
        except Exception as error:  # a defect must not end the carrying out of other jobs
            self._trouble(job_id, error)
            await asyncio.sleep(TROUBLE_SECONDS)
            self._again.add(job_id)

    def _trouble(self, job_id: int, error: Exception) -> None:
        sentence = error.message if isinstance(error, CountermandError) else repr(error)
        if self.troubles.get(job_id) != sentence:
            self._reporter("job_cannot_go_on_now", job=job_id, reason=sentence)
        self.troubles[job_id] = sentence
