"""The site's activation filter: asked about each job that is about to start, before it does.

The dispatcher asks for a ``Pass`` each time that it gives out slots, and of it, job by job, whether
the job may start. That is answered at once from what is known; the program itself runs beside, a
few at a time, and the slots that the job would start on are kept for it meanwhile. Deliberate: the
product's scheduler waits for the filter, here other jobs start on other slots.
"""

import asyncio
from datetime import datetime
from typing import Final

from msgspec import Struct

from application.board import Board
from application.filters import (
    FILTERS_AT_ONCE,
    FilterCall,
    FilterPrograms,
    FilterSetting,
    FilterSettings,
    JobFiles,
    end_of,
)
from application.patience import RETRY_SECONDS, TROUBLE_SECONDS, until_done
from application.ports import Clock, Reporter
from application.runs import Runs
from domain import commands as c
from domain.errors import Corrupt, CountermandError
from domain.filtering import hold_of, starts
from domain.job import Job
from domain.parameters import DEFAULT_HOLD_DURATION
from domain.states import ActivationHold, JobState

KIND: Final = "activation"
LOOK_SECONDS: Final = 1.0
"""How soon another filter, or none, is noticed while jobs are held by this one."""

GOOD_SECONDS: Final = 30.0
"""How long a yes counts for a job that has not started yet: what it was asked about changes."""


class Pauses(Struct, frozen=True):
    """How soon a filter that blocks a job is asked again: twice as long each time, to a bound."""

    seconds_min: int = 1
    seconds_max: int = 60

    def after(self, times: int) -> int:
        """After so many answers before this one."""
        return int(min(self.seconds_min * 2 ** min(times, 30), self.seconds_max))


class Way(Struct, frozen=True):
    """Whether a job may start now; if not, how many of the free slots are kept for it."""

    open: bool
    kept: int = 0


OPEN: Final = Way(True)
SHUT: Final = Way(False)


class Answer(Struct, frozen=True):
    """The latest answer about a job. ``hold``: None for a yes, with its ``outcome``.

    It is about one time in the queue (``queued_at``) and from one ``setting``. It is good until
    ``until`` on the loop's clock. ``times``: how many answers alike there were before.
    """

    queued_at: datetime | None
    setting: FilterSetting
    until: float
    hold: ActivationHold | None = None
    outcome: str = ""
    times: int = 0


class ActivationFilter:
    """Remembers answers for as long as they are good; a new service asks anew."""

    def __init__(
        self,
        board: Board,
        settings: FilterSettings,
        runs: Runs,
        programs: FilterPrograms,
        files: JobFiles,
        clock: Clock,
        reporter: Reporter,
        pauses: Pauses = Pauses(),  # noqa: B008
    ) -> None:
        self._board = board
        self._settings = settings
        self._runs = runs
        self._programs = programs
        self._files = files
        self._clock = clock
        self._reporter = reporter
        self._pauses = pauses
        self._permits = asyncio.Semaphore(FILTERS_AT_ONCE)
        self._passes = 0
        self._answers: dict[int, Answer] = {}
        self._asking: dict[int, asyncio.Task[None]] = {}
        self._watching: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None

    async def begin_pass(self) -> "Pass":
        """A look at all that waits. Never raises: when it is not known which filter is set, no job
        starts, and it is looked at again."""
        self._passes += 1
        try:
            return Pass(self, await self._settings.activation(), self._passes)
        except CountermandError as error:
            self._reporter("filter_waits", kind=KIND, reason=error.message)
            self._look_again_soon()
            return Pass(self, None, self._passes, shut=True)

    def outcome_of(self, job: Job) -> tuple[str, str]:
        """The filter that let the job start, and how; two empty texts for none."""
        answer = self._answers.get(job.id)
        if answer is None or answer.hold is not None or answer.queued_at != job.queued_at:
            return "", ""
        return answer.setting.program, answer.outcome

    async def close(self) -> None:
        """Ask no more."""
        watching = (self._watching,) if self._watching else ()
        tasks = (*self._asking.values(), *watching)
        for task in tasks:
            task.cancel()
        if self._again is not None:
            self._again.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what a pass asks -------------------------------------------------------------------------

    def answer(self, job: Job, setting: FilterSetting) -> Answer | None:
        """The answer that is about this job as it waits now, also one that is not good any more."""
        answer = self._answers.get(job.id)
        if answer is None or (answer.queued_at, answer.setting) != (job.queued_at, setting):
            return None
        return answer

    def is_asking(self, job: Job) -> bool:
        """Whether the filter is being asked about the job."""
        return job.id in self._asking

    def ask(self, job: Job, setting: FilterSetting, arguments: tuple[str, ...]) -> None:
        """Have the filter asked; the job is looked at when it has answered."""
        self._asking[job.id] = asyncio.create_task(self._carry(job, setting, arguments))

    # --- asking -----------------------------------------------------------------------------------

    async def _carry(self, job: Job, setting: FilterSetting, arguments: tuple[str, ...]) -> None:
        try:
            async with self._permits:
                await self._ask(job, setting, arguments)
        except Corrupt as error:
            self._say(job.id, error)
            await asyncio.sleep(TROUBLE_SECONDS)
        except CountermandError as error:
            self._say(job.id, error)
            await asyncio.sleep(RETRY_SECONDS)
        except Exception as error:  # a defect is tried again too, but not at once
            self._reporter("filter_waits", job=job.id, kind=KIND, reason=repr(error))
            await asyncio.sleep(TROUBLE_SECONDS)
        finally:
            self._asking.pop(job.id, None)
            self._board.look_at(job.id)

    async def _ask(self, job: Job, setting: FilterSetting, arguments: tuple[str, ...]) -> None:
        if not self._waits_still(job.id, job.queued_at):
            return
        file = await asyncio.to_thread(self._files.write, job)
        call = FilterCall(setting.program, KIND, job.id, file, setting.seconds, arguments)
        run = await until_done(
            lambda: self._programs.run(call), lambda error: self._say(job.id, error)
        )
        end = end_of(run)
        if starts(end):
            until = asyncio.get_running_loop().time() + GOOD_SECONDS
            outcome = "passed" if end.exit_code == 0 else "timed_out"
            self._remember(job, Answer(job.queued_at, setting, until, outcome=outcome))
        else:
            await self._not_now(job, setting, end)

    async def _not_now(self, job: Job, setting: FilterSetting, end: c.FilterEnd) -> None:
        """Write down what is news of it, and when to ask again."""
        hold, before = hold_of(end), self.answer(job, setting)
        times = before.times + 1 if before is not None and before.hold is hold else 0
        seconds = self._pauses.after(times)
        if hold is ActivationHold.JOB:
            seconds = await self._runs.parameter(DEFAULT_HOLD_DURATION)
        told = c.EndActivation(setting.program, end, self._clock.now(), seconds)
        done = await until_done(
            lambda: self._runs.tell(job.id, told), lambda error: self._say(job.id, error)
        )
        if done.after is None or done.after.state is not JobState.QUEUED:
            return  # failed by this very answer, canceled, configured
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        self._remember(job, Answer(job.queued_at, setting, until, hold, times=times))
        loop.call_at(until, self._board.look_at, job.id)

    def _remember(self, job: Job, answer: Answer) -> None:
        self._answers[job.id] = answer
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())

    # --- looking again ----------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Forget what is not about a waiting job, or from another filter; until nothing is left."""
        while self._answers:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                setting = await self._settings.activation()
            except CountermandError:
                continue
            for job_id, answer in tuple(self._answers.items()):
                waits = self._waits_still(job_id, answer.queued_at)
                if not waits or answer.setting != setting:
                    del self._answers[job_id]
                    self._board.look_at(job_id)

    def _waits_still(self, job_id: int, queued_at: datetime | None) -> bool:
        """Whether the job is in the queue, and for the same time as when it was asked about."""
        job = self._board.jobs.get(job_id)
        return job is not None and job.state is JobState.QUEUED and job.queued_at == queued_at

    def _look_again_soon(self) -> None:
        """One timer, however many passes fail."""
        if self._again is None:
            loop = asyncio.get_running_loop()
            self._again = loop.call_later(TROUBLE_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._again = None
        first = next(iter(self._board.line), None)
        if first is not None:
            self._board.look_at(first)

    def _say(self, job_id: int, error: CountermandError) -> None:
        self._reporter("filter_waits", job=job_id, kind=KIND, reason=error.message)


class Pass:
    """One look at all jobs that wait, in their order; it ends with the giving out of slots."""

    def __init__(
        self,
        filter_: ActivationFilter,
        setting: FilterSetting | None,
        number: int,
        *,
        shut: bool = False,
    ) -> None:
        self._filter = filter_
        self._setting = setting
        self._number = number
        self._shut = shut
        self._index = 0

    def way(self, job: Job, slots: int) -> Way:
        """Whether this job may start on so many slots.

        A job that runs already is never asked about, nor one for which there is no slot.
        """
        if job.state is not JobState.QUEUED or not slots:
            return OPEN
        if self._shut:
            return SHUT
        if self._setting is None:
            return OPEN
        self._index += 1
        return self._way(job, slots, self._setting)

    def _way(self, job: Job, slots: int, setting: FilterSetting) -> Way:
        answer = self._filter.answer(job, setting)
        hold = hold_before(job, answer, setting)
        if hold is ActivationHold.QUEUE:
            self._shut = True  # for all that come after it
        if not self._filter.is_asking(job):
            if answer is not None and answer.until > asyncio.get_running_loop().time():
                return OPEN if hold is None else kept(hold, slots)
            self._filter.ask(job, setting, self._arguments(slots))
        return Way(False, slots)

    def _arguments(self, slots: int) -> tuple[str, ...]:
        """What the product's scheduler tells beside the file: the number of the pass since the
        service started, the job's place in it, whether it is filled in between (never), and how
        many resources it would get. Source: the activation filters of the product's SDK."""
        return str(self._number), str(self._index), "false", str(slots)


def hold_before(job: Job, answer: Answer | None, setting: FilterSetting) -> ActivationHold | None:
    """What waits by the latest answer; by the stream, when this service has not asked yet."""
    if answer is not None:
        return answer.hold
    held = job.held
    return held.hold if held is not None and held.filter == setting.program else None


def kept(hold: ActivationHold, slots: int) -> Way:
    """The way of a job that is held."""
    return Way(False, slots) if hold is ActivationHold.SLOTS else SHUT
