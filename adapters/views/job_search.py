"""Queries of the job view."""

from collections.abc import Sequence
from typing import Final

from adapters.views.clauses import Value, Where, bad_key, direction, moment, place_of, plain, whole
from adapters.views.schema import columns_of
from application.views import JobFilter, JobOrder, Key, Page

SORTED_BY: Final = {
    JobOrder.ID: "job_id",
    JobOrder.CHANGED: "changed_at",
    JobOrder.CREATED: "created_at",
    JobOrder.ENDED: "coalesce(ended_at, '')",
    JobOrder.PRIORITY: "priority_number",
    JobOrder.OWNER: "owner",
    JobOrder.NAME: "name",
    JobOrder.STATE: "state",
}
"""What each order compares; ``application.views.job_key`` gives the same of a row."""


def jobs(
    which: JobFilter, order: JobOrder, descending: bool, page: Page
) -> tuple[str, Sequence[Value]]:
    """A page of jobs. Numbers are sorted first, whole rows are read for those of the page only."""
    where = conditions(which)
    word, compares = direction(descending)
    by = SORTED_BY[order]
    if page.after and order is JobOrder.ID:
        where.add(f"job_id {compares} ?", place_of(page.after))
    elif page.after:
        where.add(f"({by}, job_id) {compares} (?, ?)", *two_of(page.after, order))
    sorting = f"job_id {word}" if order is JobOrder.ID else f"{by} {word}, job_id {word}"
    query = (
        f"SELECT {columns_of('job')} FROM job WHERE job_id IN "
        f"(SELECT job_id FROM job {where} ORDER BY {sorting} LIMIT ?) ORDER BY {sorting}"
    )
    return query, [*where.values, page.rows + 1]


def two_of(key: Key, order: JobOrder) -> tuple[Value, Value]:
    """What a page goes on after. Raises ``BadRequest`` for a key of another order."""
    match key:
        case (int(by), int(job_id)) if order is JobOrder.PRIORITY:
            return whole(by), whole(job_id)
        case (str(by), int(job_id)) if order is not JobOrder.PRIORITY:
            return (plain(by) if by else by), whole(job_id)
        case _:
            raise bad_key()


def conditions(which: JobFilter) -> Where:
    """What the filter asks for."""
    where = Where()
    where.any_of("job_id", which.ids)
    where.any_of("state", which.states)
    where.any_of("owner", which.owners)
    where.any_of("job_type", which.job_types)
    where.any_of("priority", which.priorities)
    where.any_of("cancel_actor", which.canceled_by)
    if which.name:  # not LIKE, which has a limit, wildcards, and stops at NUL
        where.add("instr(lower(name), lower(?)) > 0", plain(which.name))
    if which.since:
        where.add("changed_at >= ?", moment(which.since))
    if which.until:
        where.add("changed_at <= ?", moment(which.until))
    return where


def tasks(job_id: int, states: Sequence[str], page: Page) -> tuple[str, Sequence[Value]]:
    """A page of a job's tasks."""
    where = Where()
    where.add("job_id = ?", whole(job_id))
    where.any_of("state", states)
    if page.after:
        where.add("task_id > ?", place_of(page.after))
    query = f"SELECT {columns_of('task')} FROM task {where} ORDER BY task_id LIMIT ?"
    return query, [*where.values, page.rows + 1]
