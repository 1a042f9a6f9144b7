"""The end of a job's validation: at once, or when the site's submission filter has answered.

Filters run side by side, a few at a time; a job whose turn has not come is Validating and may still
be canceled, one that a filter is asked about is in ExternalValidation. After a crash the filter is
asked again: nothing but its answer is written down.
"""

import asyncio
from typing import Final

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
from application.ports import Reporter
from application.runs import Runs
from domain import commands as c
from domain.errors import Corrupt, CountermandError
from domain.job import Job
from domain.states import FilterHow, JobState

SEEN_SECONDS_MAX: Final = 30.0
KIND: Final = "submission"
NO_FILTER: Final = c.EndValidation()
"""Queued: limits were checked when the job was created."""


class SubmissionFilter:
    """``end_validation`` never waits for a filter: that goes on beside, one task a job."""

    def __init__(
        self,
        board: Board,
        settings: FilterSettings,
        runs: Runs,
        programs: FilterPrograms,
        files: JobFiles,
        reporter: Reporter,
    ) -> None:
        self._board = board
        self._settings = settings
        self._runs = runs
        self._programs = programs
        self._files = files
        self._reporter = reporter
        self._permits = asyncio.Semaphore(FILTERS_AT_ONCE)
        self._asking: dict[int, asyncio.Task[None]] = {}

    async def end_validation(self, job: Job) -> None:
        """Validating, or ExternalValidation after a crash -> Queued or Failed, now or later."""
        if job.id in self._asking:
            return
        if await self._settings.submission() is None:
            await self._runs.tell(job.id, NO_FILTER)
        else:
            self._asking[job.id] = asyncio.create_task(self._carry(job.id))

    async def close(self) -> None:
        """Ask no more; what is being asked is asked again by the next service."""
        tasks = tuple(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, job_id: int) -> None:
        """Whatever happens, the job is looked at again."""
        try:
            async with self._permits:
                await self._ask(job_id)
        except Corrupt as error:
            self._say(job_id, error)
            await asyncio.sleep(TROUBLE_SECONDS)
        except CountermandError as error:
            self._say(job_id, error)
            await asyncio.sleep(RETRY_SECONDS)
        except Exception as error:  # a defect is tried again too, but not at once
            self._reporter("filter_waits", job=job_id, kind=KIND, reason=repr(error))
            await asyncio.sleep(TROUBLE_SECONDS)
        finally:
            self._asking.pop(job_id, None)
            self._board.look_at(job_id)

    async def _ask(self, job_id: int) -> None:
        setting = await self._settings.submission()
        if setting is None:  # it was taken away meanwhile
            await self._tell(job_id, NO_FILTER)
            return
        begun = await self._tell(job_id, c.StartExternalValidation(setting.program))
        if begun is None or begun.state is not JobState.EXTERNAL_VALIDATION:
            return  # canceled while it waited for its turn
        await self._tell(job_id, await self._answer(begun, setting))

    async def _answer(self, job: Job, setting: FilterSetting) -> c.EndExternalValidation:
        """The filter's answer, and what it did to the job's file."""
        file = await asyncio.to_thread(self._files.write, job)
        call = FilterCall(setting.program, KIND, job.id, file, setting.seconds)
        run = await until_done(
            lambda: self._programs.run(call), lambda error: self._say(job.id, error)
        )
        terms = c.JobTerms()
        if run.how is FilterHow.RAN:
            terms = await asyncio.to_thread(self._files.compare, file, run.file)
        return c.EndExternalValidation(setting.program, end_of(run), terms)

    async def _tell(self, job_id: int, instruction: c.Instruction) -> Job | None:
        """Write it down and wait until the board knows; the job afterwards."""
        done = await until_done(
            lambda: self._runs.tell(job_id, instruction), lambda error: self._say(job_id, error)
        )
        await self._board.wait_until(done.position, SEEN_SECONDS_MAX)
        return done.after

    def _say(self, job_id: int, error: CountermandError) -> None:
        self._reporter("filter_waits", job=job_id, kind=KIND, reason=error.message)
