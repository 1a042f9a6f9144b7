"""Reading the views: each answer from one state of them, with the position it is true for."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.views import audit_search, cancellation_search, job_search
from adapters.views.clauses import selected
from adapters.views.cursor import Cursor
from adapters.views.dialect import Dialect
from adapters.views.rows import position_of
from adapters.views.schema import NODES
from application.views import (
    Answer,
    AuditFilter,
    CancellationFilter,
    JobFilter,
    JobOrder,
    Lines,
    Numbered,
    Page,
    Span,
    TroubledCancellation,
    Troubles,
    check,
    check_page,
    check_rows,
    check_values,
)
from projections.audit_trail import AuditRow
from projections.job_view import JobRow, TaskRow
from projections.subtask_view import SubtaskRow

EXPORT_ROWS: Final = 1000

R = TypeVar("R", bound=Struct)


class SqlViewReader:
    """``ViewReader`` on tables that may be written meanwhile.

    ``reading``: a transaction that sees them as they are at one moment, with errors in our words.
    """

    def __init__(
        self, reading: Callable[[], AbstractContextManager[Cursor]], dialect: Dialect
    ) -> None:
        self._reading = reading
        self._dialect = dialect

    def position(self) -> int:
        with self._reading() as cursor:
            return position_of(cursor)

    def jobs(
        self, which: JobFilter, order: JobOrder, descending: bool, page: Page
    ) -> Answer[JobRow]:
        check(which)
        check_page(page)
        query, values = job_search.jobs(self._dialect, which, order, descending, page)
        with self._reading() as cursor:
            found = selected(cursor, query, values)
            return answer(tuple(map(job_row, found)), page, position_of(cursor))

    def jobs_from(
        self, which: JobFilter, order: JobOrder, descending: bool, start: int, rows: int
    ) -> Numbered[JobRow]:
        check(which)
        check_rows(rows)
        query, values = job_search.jobs_from(self._dialect, which, order, descending, start, rows)
        with self._reading() as cursor:
            found = selected(cursor, query, values)
            ((count,),) = selected(cursor, *job_search.job_count(self._dialect, which))
            return Numbered(tuple(map(job_row, found)), count, position_of(cursor))

    def tasks(self, job_id: int, states: Sequence[str], page: Page) -> Answer[TaskRow]:
        check_values("states", states)
        check_page(page)
        query, values = job_search.tasks(job_id, states, page)
        with self._reading() as cursor:
            found = selected(cursor, query, values)
            return answer(tuple(TaskRow(*row) for row in found), page, position_of(cursor))

    def subtasks(self, job_id: int, task_id: int, numbers: Sequence[int]) -> Answer[SubtaskRow]:
        page = Page(max(1, len(numbers)))
        check_page(page)
        query, values = job_search.subtasks(job_id, task_id, numbers)
        with self._reading() as cursor:
            found = selected(cursor, query, values)
            return answer(tuple(SubtaskRow(*row) for row in found), page, position_of(cursor))

    def trail(self, which: AuditFilter, descending: bool, page: Page) -> Answer[AuditRow]:
        check(which)
        check_page(page)
        return self._trail(which, descending, page)

    def trail_span(self, which: AuditFilter) -> Span:
        check(which)
        with self._reading() as cursor:
            count, first, last = audit_search.span(cursor, self._dialect.index, which)
            return Span(count, first, last, position_of(cursor))

    def trail_lines(self, which: AuditFilter, *, named: bool) -> Iterator[Lines]:
        check(which)
        now = self.position()
        last = now if which.position_max is None else min(now, which.position_max)
        return self._lines(replace(which, position_max=last), named)

    def cancellations(
        self, which: CancellationFilter, now: datetime, page: Page
    ) -> Answer[TroubledCancellation]:
        check(which)
        check_page(page)
        with self._reading() as cursor:
            found = cancellation_search.page(cursor, which, now, page)
            return answer(found, page, position_of(cursor))

    def troubles(self, now: datetime) -> Troubles:
        with self._reading() as cursor:
            return cancellation_search.troubles(cursor, now)

    def _trail(self, which: AuditFilter, descending: bool, page: Page) -> Answer[AuditRow]:
        with self._reading() as cursor:
            found = audit_search.page(cursor, self._dialect.index, which, descending, page)
            return answer(tuple(AuditRow(*row) for row in found), page, position_of(cursor))

    def _lines(self, which: AuditFilter, named: bool) -> Iterator[Lines]:
        page, what = Page(EXPORT_ROWS), self._dialect.lines(named)
        while True:
            with self._reading() as cursor:
                found = audit_search.page(cursor, self._dialect.index, which, False, page, what)
            here = found[:EXPORT_ROWS]
            if here:
                yield Lines([self._dialect.line(row, named) for row in here], here[-1][0])
            if len(found) <= EXPORT_ROWS:
                return
            page = Page(EXPORT_ROWS, (here[-1][0],))


def answer(rows: tuple[R, ...], page: Page, position: int) -> Answer[R]:
    """The page, without the one row more that tells of a next page."""
    return Answer(rows[: page.rows], len(rows) > page.rows, position)


def job_row(row: tuple[Any, ...]) -> JobRow:
    """A job's columns; the nodes are JSON."""
    values = list(row)
    values[NODES] = msgspec.json.decode(row[NODES], type=tuple[str, ...])
    return JobRow(*values)
