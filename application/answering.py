"""The answer to a request on a job, read from the event that decided it, now or before."""

from msgspec.structs import replace

from application.ledger import Change, Ledger, readable
from application.receipts import OnTask, Receipt, UnderWay, receipt, replayed
from application.under_way import Met, cancel_met, names_a_cancel, told, under_way
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
            recorded = done.recorded[0]
            answer = receipt(recorded, done.position, operation, str(number), state)
            cancel = under_way(recorded, done.position) or await self._met(number, done, recorded)
        else:
            before = answered_before(done.after, request) if done.after else None
            assert before is not None, "decide gives no fact only for a request answered before"
            history = await self._ledger.history(e.job_aggregate(number))
            answer = replayed(history, before.version, operation, str(number), state)
            cancel = await self._met(number, done, readable(history[before.version - 1]))
        answer = of_task(answer, on)
        return told(answer, cancel) if may_know(request) else without_secrets(answer)

    async def _met(
        self, number: int, done: Change[Job | None], recorded: e.Recorded
    ) -> UnderWay | None:
        """The cancel that the request is about; else the one in force, or that was."""
        if done.after is None or (done.after.cancel is None and not names_a_cancel(recorded.data)):
            return None
        history = await self._ledger.history(e.job_aggregate(number))
        cancel = cancel_met(history, Met(recorded.data, recorded.version))
        if cancel is None and done.after.cancel is not None:
            stored = history[done.after.cancel.version - 1]
            cancel = under_way(readable(stored), stored.position)
        return cancel


def of_task(answer: Receipt, on: OnTask | None) -> Receipt:
    """The answer, which names the task or subtask that was asked about."""
    return answer if on is None else replace(answer, task_id=on.task, instance=on.instance)


def may_know(request: JobRequest) -> bool:
    """Whether who asks has the right now: it may be another one than when they were answered."""
    return request.asked.decision.effect is Effect.ALLOW


def without_secrets(answer: Receipt) -> Receipt:
    """What somebody without the right is told: nothing of the job's state, nor of its cancel."""
    return replace(answer, job_state=None, under_way=None)


def operation_word(request: JobRequest) -> str:
    """The operation without the task's number."""
    return operation_of(request).partition("/")[0]
