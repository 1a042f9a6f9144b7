"""Reading the views: each answer from one state of the file, with the position it is true for."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec
from eventsourcing.sqlite import SQLiteDatastore
from msgspec import Struct
from msgspec.structs import replace

from adapters.views import audit_search, cancellation_search, job_search
from adapters.views.clauses import selected
from adapters.views.datastore import used
from adapters.views.schema import NODES
from adapters.views.tracking import position_of
from application.views import (
    TRAIL_COLUMNS,
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
PAIRS: Final = ", ".join(f"'{column}', a.{column}" for column in TRAIL_COLUMNS)
VALUES: Final = ", ".join(f"a.{column}" for column in TRAIL_COLUMNS)
OBJECT: Final = f"a.position, CAST(json_object({PAIRS}) AS BLOB)"
ARRAY: Final = f"a.position, CAST(json_array({VALUES}) AS BLOB)"
"""A row as its place and a line of JSON: SQLite makes it faster than Python takes its values."""

R = TypeVar("R", bound=Struct)


class SqliteViewReader:
    """``ViewReader`` on a file that may be written meanwhile."""

    def __init__(self, datastore: SQLiteDatastore) -> None:
        self._datastore = datastore

    def position(self) -> int:
        with used(self._datastore, commit=False) as cursor:
            return position_of(cursor)

    def jobs(
        self, which: JobFilter, order: JobOrder, descending: bool, page: Page
    ) -> Answer[JobRow]:
        check(which)
        check_page(page)
        query, values = job_search.jobs(which, order, descending, page)
        with used(self._datastore, commit=False) as cursor:
            found = selected(cursor, query, values)
            return answer(tuple(map(job_row, found)), page, position_of(cursor))

    def jobs_from(
        self, which: JobFilter, order: JobOrder, descending: bool, start: int, rows: int
    ) -> Numbered[JobRow]:
        check(which)
        check_rows(rows)
        query, values = job_search.jobs_from(which, order, descending, start, rows)
        with used(self._datastore, commit=False) as cursor:
            found = selected(cursor, query, values)
            ((count,),) = selected(cursor, *job_search.job_count(which))
            return Numbered(tuple(map(job_row, found)), count, position_of(cursor))

    def tasks(self, job_id: int, states: Sequence[str], page: Page) -> Answer[TaskRow]:
        check_values("states", states)
        check_page(page)
        query, values = job_search.tasks(job_id, states, page)
        with used(self._datastore, commit=False) as cursor:
            found = selected(cursor, query, values)
            return answer(tuple(TaskRow(*row) for row in found), page, position_of(cursor))

    def subtasks(self, job_id: int, task_id: int, numbers: Sequence[int]) -> Answer[SubtaskRow]:
        page = Page(max(1, len(numbers)))
        check_page(page)
        query, values = job_search.subtasks(job_id, task_id, numbers)
        with used(self._datastore, commit=False) as cursor:
            found = selected(cursor, query, values)
            return answer(tuple(SubtaskRow(*row) for row in found), page, position_of(cursor))

    def trail(self, which: AuditFilter, descending: bool, page: Page) -> Answer[AuditRow]:
        check(which)
        check_page(page)
        return self._trail(which, descending, page)

    def trail_span(self, which: AuditFilter) -> Span:
        check(which)
        with used(self._datastore, commit=False) as cursor:
            count, first, last = audit_search.span(cursor, which)
            return Span(count, first, last, position_of(cursor))

    def trail_lines(self, which: AuditFilter, *, named: bool) -> Iterator[Lines]:
        check(which)
        now = self.position()
        last = now if which.position_max is None else min(now, which.position_max)
        return self._lines(replace(which, position_max=last), OBJECT if named else ARRAY)

    def cancellations(
        self, which: CancellationFilter, now: datetime, page: Page
    ) -> Answer[TroubledCancellation]:
        check(which)
        check_page(page)
        with used(self._datastore, commit=False) as cursor:
            found = cancellation_search.page(cursor, which, now, page)
            return answer(found, page, position_of(cursor))

    def troubles(self, now: datetime) -> Troubles:
        with used(self._datastore, commit=False) as cursor:
            return cancellation_search.troubles(cursor, now)

    def _trail(self, which: AuditFilter, descending: bool, page: Page) -> Answer[AuditRow]:
        with used(self._datastore, commit=False) as cursor:
            found = audit_search.page(cursor, which, descending, page)
            return answer(tuple(AuditRow(*row) for row in found), page, position_of(cursor))

    def _lines(self, which: AuditFilter, line: str) -> Iterator[Lines]:
        page = Page(EXPORT_ROWS)
        while True:
            with used(self._datastore, commit=False) as cursor:
                found = audit_search.page(cursor, which, False, page, line)
            here = found[:EXPORT_ROWS]
            if here:
                yield Lines([line for _, line in here], here[-1][0])
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
