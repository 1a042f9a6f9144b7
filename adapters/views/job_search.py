"""Queries of the job view."""

from collections.abc import Sequence
from typing import Final

from adapters.views.clauses import ESCAPE, Value, Where, direction, like
from adapters.views.schema import columns_of
from application.views import JobFilter, JobOrder, Page
from projections.stamps import stamp

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
"""What each order compares; ``application.views.key_of`` gives the same of a row."""


def jobs(
    which: JobFilter, order: JobOrder, descending: bool, page: Page
) -> tuple[str, Sequence[Value]]:
    """A page of jobs."""
    where = conditions(which)
    word, compares = direction(descending)
    by = SORTED_BY[order]
    if page.after and order is JobOrder.ID:
        where.add(f"job_id {compares} ?", page.after[0])
    elif page.after:
        where.add(f"({by}, job_id) {compares} (?, ?)", *page.after)
    sorting = f"job_id {word}" if order is JobOrder.ID else f"{by} {word}, job_id {word}"
    query = f"SELECT {columns_of('job')} FROM job {where} ORDER BY {sorting} LIMIT ?"
    return query, [*where.values, page.rows + 1]


def conditions(which: JobFilter) -> Where:
    """What the filter asks for."""
    where = Where()
    where.any_of("job_id", which.ids)
    where.any_of("state", which.states)
    where.any_of("owner", which.owners)
    where.any_of("job_type", which.job_types)
    where.any_of("priority", which.priorities)
    where.any_of("cancel_actor", which.canceled_by)
    if which.name:
        where.add(f"name LIKE ? ESCAPE '{ESCAPE}'", like(which.name))
    if which.since:
        where.add("changed_at >= ?", stamp(which.since))
    if which.until:
        where.add("changed_at <= ?", stamp(which.until))
    return where


def tasks(job_id: int, states: Sequence[str], page: Page) -> tuple[str, Sequence[Value]]:
    """A page of a job's tasks."""
    where = Where()
    where.add("job_id = ?", job_id)
    where.any_of("state", states)
    if page.after:
        where.add("task_id > ?", page.after[0])
    query = f"SELECT {columns_of('task')} FROM task {where} ORDER BY task_id LIMIT ?"
    return query, [*where.values, page.rows + 1]
