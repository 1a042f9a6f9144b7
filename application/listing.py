"""What people ask of the views: jobs, tasks, the audit trail, cancels and what became of them.

An answer is as new as what this service had stored when the question came in, if the views get
there soon; in any case it says for which position it is true, and how far behind that is.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from application.ports import Clock
from application.projector import Projector
from application.views import (
    Answer,
    AuditFilter,
    CancellationFilter,
    JobFilter,
    JobOrder,
    Numbered,
    Page,
    Span,
    TroubledCancellation,
    Troubles,
    ViewReader,
)
from application.visibility import Visibility
from domain.errors import Unavailable, Unknown
from domain.hresult import HResult
from domain.identity import Caller
from projections.audit_trail import AuditRow
from projections.job_view import JobRow, TaskRow
from projections.subtask_view import SubtaskRow

FRESH_SECONDS: Final = 0.5
"""How long an answer waits for the views to reach what was stored before the question."""

AT_LEAST_SECONDS: Final = 10.0
"""How long it waits for a position that was asked for."""

IN_PLACE_SECONDS: Final = 5.0
"""How long it waits for views to be there at all, as right after a start."""

T = TypeVar("T")
V = TypeVar("V")


class Order(Struct, frozen=True):
    """By what jobs are sorted, and which way."""

    by: JobOrder = JobOrder.ID
    descending: bool = True


class Listed(Struct, Generic[T], frozen=True):
    """An answer, and how many events of the stream it does not know yet.

    ``stopped``: why it will not know them, when the views go no further; None while they do.
    """

    answer: Answer[T]
    behind: int
    stopped: str | None = None


class Export(Struct, frozen=True):
    """All rows of a filter, page by page; ``behind`` and ``stopped`` as of ``Listed``."""

    span: Span
    pages: Iterator[Sequence[bytes]]
    behind: int
    stopped: str | None


class Listing:
    """Answers for who may see; others see nothing but their own jobs.

    ``known``: the latest position of the stream that this service has heard of. Each question may
    name the position that the answer must know ``at_least``: ``Unavailable`` when the views do not
    get there in ``at_least_seconds``, or have stopped before it.
    """

    def __init__(
        self,
        projector: Projector,
        visibility: Visibility,
        clock: Clock,
        known: Callable[[], int],
        at_least_seconds: float = AT_LEAST_SECONDS,
    ) -> None:
        self._at_least_seconds = at_least_seconds
        self._projector = projector
        self._visibility = visibility
        self._clock = clock
        self._known = known

    # --- jobs -------------------------------------------------------------------------------------

    async def jobs(
        self, caller: Caller, which: JobFilter, order: Order, page: Page, at_least: int = 0
    ) -> Listed[JobRow]:
        """Jobs in order."""
        owners = self._visibility.owners(caller, which.owners)
        await self._wait(at_least)
        if owners is None:
            return self._listed(nothing(self._projector.position))
        mine = replace(which, owners=owners)
        return await self._ask(lambda v: v.jobs(mine, order.by, order.descending, page))

    async def jobs_from(
        self, caller: Caller, which: JobFilter, order: Order, start: int, rows: int
    ) -> Numbered[JobRow]:
        """Jobs in order from a number on, and how many there are."""
        owners = self._visibility.owners(caller, which.owners)
        await self._wait(0)
        if owners is None:
            return Numbered((), 0, self._projector.position)
        mine = replace(which, owners=owners)
        return await self._of_reader(
            lambda v: v.jobs_from(mine, order.by, order.descending, start, rows)
        )

    async def tasks(
        self, caller: Caller, job_id: int, states: Sequence[str], page: Page, at_least: int = 0
    ) -> Listed[TaskRow]:
        """Tasks of a job by number. ``Unknown`` for a job that is not in the view, or not seen."""
        found = await self.jobs(caller, JobFilter(ids=(job_id,)), Order(), Page(1), at_least)
        if not found.answer.rows:
            raise Unknown(
                f"there is no job {job_id} in the job view",
                code="unknown_job",
                hresult=HResult.INVALID_JOB_ID,
            )
        return await self._ask(lambda v: v.tasks(job_id, states, page))

    async def subtasks(
        self, caller: Caller, job_id: int, task_id: int, numbers: Sequence[int], at_least: int = 0
    ) -> Listed[SubtaskRow]:
        """The last ended runs of these subtasks (at most 1000), of a job that this person may see.

        Who asks for them has looked at the job itself: ``application.subtasks``.
        """
        self._visibility.check_acting(caller)
        await self._wait(at_least)
        return await self._ask(lambda v: v.subtasks(job_id, task_id, numbers))

    # --- the trail --------------------------------------------------------------------------------

    async def trail(
        self,
        caller: Caller,
        which: AuditFilter,
        page: Page,
        descending: bool = True,
        at_least: int = 0,
    ) -> Listed[AuditRow]:
        """Rows of the trail in the stream's order."""
        owners = self._visibility.owners(caller, which.owners)
        await self._wait(at_least)
        if owners is None:
            return self._listed(nothing(self._projector.position))
        mine = replace(which, owners=owners)
        return await self._ask(lambda v: v.trail(mine, descending, page))

    async def export(
        self, caller: Caller, which: AuditFilter, *, named: bool, at_least: int = 0
    ) -> Export:
        """All rows that the filter finds, as the views are now: how many, and page by page in the
        form of ``ViewReader.trail_lines``.

        What comes into the views meanwhile is not in it. The pages are read in a thread.
        """
        owners = self._visibility.owners(caller, which.owners)
        await self._wait(at_least)
        if owners is None:
            return self._export(Span(0, None, None, self._projector.position), iter(()))
        now = await self._of_reader(lambda v: v.position())
        last = now if which.position_max is None else min(now, which.position_max)
        mine = replace(which, owners=owners, position_max=last)
        span = await self._of_reader(lambda v: v.trail_span(mine))
        return self._export(replace(span, position=now), self._lines(mine, named))

    # --- cancels ----------------------------------------------------------------------------------

    async def cancellations(
        self, caller: Caller, which: CancellationFilter, page: Page, at_least: int = 0
    ) -> Listed[TroubledCancellation]:
        """Accepted cancels and what became of them, the troubled first."""
        owners = self._visibility.owners(caller, which.owners)
        await self._wait(at_least)
        if owners is None:
            return self._listed(nothing(self._projector.position))
        mine, now = replace(which, owners=owners), self._clock.now()
        return await self._ask(lambda v: v.cancellations(mine, now, page))

    async def troubles(self) -> Troubles:
        """What is wrong, in numbers; for the metrics."""
        now = self._clock.now()
        return await self._of_reader(lambda v: v.troubles(now))

    # --- how --------------------------------------------------------------------------------------

    async def wait(self, position: int) -> None:
        """Until the views know a position. ``Unavailable`` when they do not in time."""
        if await self._projector.wait_for(position, self._at_least_seconds):
            return
        why = self._projector.failure
        behind = f" in {self._at_least_seconds:g} s" if why is None else f": {why.message}"
        raise Unavailable(
            f"the views are true for position {self._projector.position} and did not reach "
            f"{position}{behind}",
            code="view_behind",
        )

    async def _wait(self, at_least: int) -> None:
        """For the position that was asked for; else, but not long, for what is known to be new."""
        if at_least > 0:
            await self.wait(at_least)
        else:
            await self._projector.wait_for(self._known(), FRESH_SECONDS)
        await self._projector.wait_in_place(IN_PLACE_SECONDS)

    async def _ask(self, question: Callable[[ViewReader], Answer[T]]) -> Listed[T]:
        return self._listed(await self._of_reader(question))

    async def _of_reader(self, question: Callable[[ViewReader], V]) -> V:
        """The answer of the views in place; of those that take their place meanwhile, if so."""
        while True:
            reader = self._projector.reader
            try:
                return await asyncio.to_thread(question, reader)
            except Unavailable:
                if reader is self._projector.reader:
                    raise

    def _lines(self, which: AuditFilter, named: bool) -> Iterator[Sequence[bytes]]:
        """All pages; when other views are put in place meanwhile they go on where these ended."""
        while True:
            reader = self._projector.reader
            try:
                for page in reader.trail_lines(which, named=named):
                    which = replace(which, position_min=page.last + 1)
                    yield page.lines
                return
            except Unavailable:
                if reader is self._projector.reader:
                    raise

    def _listed(self, answer: Answer[T]) -> Listed[T]:
        return Listed(answer, self._behind(answer.position), self._projector.stopped)

    def _export(self, span: Span, pages: Iterator[Sequence[bytes]]) -> Export:
        return Export(span, pages, self._behind(span.position), self._projector.stopped)

    def _behind(self, position: int) -> int:
        return max(0, self._known() - position)


def nothing(position: int) -> Answer[Any]:
    """An answer without rows."""
    return Answer((), False, position)
