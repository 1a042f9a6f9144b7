"""The answer to a request on a job, read from the event that decided it, now or before."""

from contextlib import aclosing

from msgspec.structs import replace

from application.ledger import Change, Ledger, readable
from application.loading import Until
from application.ports import Stored
from application.receipts import OnTask, Receipt, UnderWay, receipt, replayed
from application.under_way import cancel_in, likely_version, names_a_cancel, told, under_way
from domain import events as e
from domain.job import Job
from domain.requests import JobRequest, answered_before, operation_of
from domain.states import Effect


class Answering:
    """Writes receipts. The same request again is answered as it was the first time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def receipt(
        self, number: int, request: JobRequest, done: Change[Job | None], on: OnTask | None
    ) -> Receipt:
        """What became of ``request``, which ``done`` decided or found answered."""
        operation, state = operation_word(request), done.after.state if done.after else None
        if done.recorded:
            recorded, position = done.recorded[0], done.position - len(done.recorded) + 1
            answer = receipt(recorded, position, operation, str(number), state)
            cancel = under_way(recorded, position) or await self._met(number, done, recorded)
        else:
            before = answered_before(done.after, request) if done.after else None
            assert before is not None, "decide gives no fact only for a request answered before"
            stored = await self._event(number, before.version)
            recorded = readable(stored)
            answer = replayed(stored, operation, str(number), state)
            cancel = under_way(recorded, stored.position)
            cancel = cancel or await self._met(number, done, recorded)
        answer = of_task(answer, on)
        return told(answer, cancel) if may_know(request) else without_secrets(answer)

    async def _met(
        self, number: int, done: Change[Job | None], recorded: e.Recorded
    ) -> UnderWay | None:
        """The cancel that the request is about; else the one in force, or that was."""
        job, cancel = done.after, None
        repeat = recorded.data
        if isinstance(repeat, e.JobCancelRepeated) and repeat.under_way_version:
            stored = await self._event(number, repeat.under_way_version)
            return under_way(readable(stored), stored.position)
        if job is not None and names_a_cancel(recorded.data):
            cancel = await self._named(job, recorded)
        if cancel is None and job is not None and job.cancel is not None:
            stored = await self._event(number, job.cancel.version)
            cancel = under_way(readable(stored), stored.position)
        return cancel

    async def _named(self, job: Job, recorded: e.Recorded) -> UnderWay | None:
        """The latest cancel up to an answer that it names: at once where the job still knows it."""
        version, fact = likely_version(job, recorded.data), recorded.data
        found: UnderWay | None = None
        if 0 < version < recorded.version:
            found = cancel_in((await self._event(job.id, version),), fact)
            if found is not None:
                return found
        aggregate, until = e.job_aggregate(job.id), Until(recorded.version)
        async with aclosing(self._ledger.loading.pages(aggregate, until=until)) as pages:
            async for page in pages:
                found = cancel_in(page, fact) or found
        return found

    async def _event(self, number: int, version: int) -> Stored:
        return await self._ledger.histories.event(e.job_aggregate(number), version)


def of_task(answer: Receipt, on: OnTask | None) -> Receipt:
    """The answer, which names the task or subtask that was asked about."""
    return answer if on is None else replace(answer, task_id=on.task, instance=on.instance)


def may_know(request: JobRequest) -> bool:
    """Whether who asks has the right now: it may be another one than when they were answered."""
    return request.asked.decision.effect is not Effect.DENY


def without_secrets(answer: Receipt) -> Receipt:
    """What somebody without the right is told: nothing of the job's state, nor of its cancel."""
    return replace(answer, job_state=None, under_way=None)


def operation_word(request: JobRequest) -> str:
    """The operation without the task's number."""
    return operation_of(request).partition("/")[0]
