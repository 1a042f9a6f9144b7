"""Many jobs canceled by one request: each decided, guarded and recorded on its own.

Nothing here is all or nothing: a job that cannot be canceled is its own answer. All have the same
request id, so the same request again, after a crash half-way too, finishes the rest once.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from application.receipts import Receipt
from application.scheduler import Cancel, Scheduler
from domain.errors import CountermandError
from domain.identity import Caller

IN_FLIGHT_MAX: Final = 256
"""So many are under way at once and make up one batch of the log. More would keep whoever asks for
something else meanwhile waiting, and measured no faster."""


async def cancel_each(
    scheduler: Scheduler, caller: Caller, jobs: Sequence[str], cancel: Cancel, request_id: str
) -> list[Receipt | CountermandError]:
    """What became of each, in their order: as ``Scheduler.cancel_job_2`` answers, or raises.

    Each job stands in ``jobs`` once.
    """
    answers: dict[str, Receipt | CountermandError] = {}
    waiting = iter(jobs)

    async def some() -> None:
        for job in waiting:
            try:
                answers[job] = await scheduler.cancel_job_2(caller, job, cancel, request_id)
            except CountermandError as error:
                answers[job] = error

    async with asyncio.TaskGroup() as group:
        for _ in range(min(IN_FLIGHT_MAX, len(jobs))):
            group.create_task(some(), name="bulk cancel")
    return [answers[job] for job in jobs]
