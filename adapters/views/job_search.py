"""Queries of the job view."""

from collections.abc import Sequence
from typing import Final

from adapters.views.clauses import (
    Where,
    bad_key,
    direction,
    in_small_letters,
    moment,
    place_of,
    plain,
    whole,
)
from adapters.views.cursor import Value
from adapters.views.dialect import Dialect
from adapters.views.schema import columns_of
from application.views import JobFilter, JobOrder, Key, Page
from projections.job_view import label_words

SORTED_BY: Final = {
    JobOrder.ID: "job_id",
    JobOrder.CHANGED: "changed_at",
    JobOrder.CREATED: "created_at",
    JobOrder.ENDED: "coalesce(ended_at, '')",
    JobOrder.PRIORITY: "priority_number",
    JobOrder.OWNER: "owner",
    JobOrder.NAME: "name",
    JobOrder.STATE: "state",
    JobOrder.PREVIOUS_STATE: "coalesce(previous_state, '')",
    JobOrder.TYPE: "job_type",
    JobOrder.SUBMITTED: "coalesce(submitted_at, '')",
    JobOrder.STARTED: "coalesce(started_at, '')",
    JobOrder.RUN_AS: "run_as",
    JobOrder.REQUEUES: "requeue_count",
    JobOrder.ERROR: f"error_code - CASE WHEN error_code >= {2**31} THEN {2**32} ELSE 0 END",
}
"""What each order compares; ``application.views.job_key`` gives the same of a row."""

NUMBERS: Final = frozenset({JobOrder.PRIORITY, JobOrder.REQUEUES, JobOrder.ERROR})
"""Orders that compare numbers; all others compare text."""


def jobs(
    dialect: Dialect, which: JobFilter, order: JobOrder, descending: bool, page: Page
) -> tuple[str, Sequence[Value]]:
    """A page of jobs. Numbers are sorted first, whole rows are read for those of the page only."""
    where = conditions(dialect, which)
    _, compares = direction(descending)
    if page.after and order is JobOrder.ID:
        where.add(f"job_id {compares} ?", place_of(page.after))
    elif page.after:
        where.add(f"({SORTED_BY[order]}, job_id) {compares} (?, ?)", *two_of(page.after, order))
    return rows_of(where, order, descending, "LIMIT ?"), [*where.values, page.rows + 1]


def jobs_from(
    dialect: Dialect, which: JobFilter, order: JobOrder, descending: bool, start: int, rows: int
) -> tuple[str, Sequence[Value]]:
    """The jobs from a number on."""
    where = conditions(dialect, which)
    query = rows_of(where, order, descending, "LIMIT ? OFFSET ?")
    return query, [*where.values, rows, whole(start)]


def job_count(dialect: Dialect, which: JobFilter) -> tuple[str, Sequence[Value]]:
    """How many jobs there are."""
    where = conditions(dialect, which)
    return f"SELECT count(*) FROM job {where}", where.values


def rows_of(where: Where, order: JobOrder, descending: bool, part: str) -> str:
    """The query for a part of all rows; numbers are sorted first."""
    word, _ = direction(descending)
    by = SORTED_BY[order]
    sorting = f"job_id {word}" if order is JobOrder.ID else f"{by} {word}, job_id {word}"
    return (
        f"SELECT {columns_of('job')} FROM job WHERE job_id IN "
        f"(SELECT job_id FROM job {where} ORDER BY {sorting} {part}) ORDER BY {sorting}"
    )


def two_of(key: Key, order: JobOrder) -> tuple[Value, Value]:
    """What a page goes on after. Raises ``BadRequest`` for a key of another order."""
    match key:
        case (int(by), int(job_id)) if order in NUMBERS:
            return whole(by), whole(job_id)
        case (str(by), int(job_id)) if order not in NUMBERS:
            return (plain(by) if by else by), whole(job_id)
        case _:
            raise bad_key()


def conditions(dialect: Dialect, which: JobFilter) -> Where:
    """What the filter asks for."""
    where = Where()
    where.any_of("job_id", which.ids)
    where.any_of("state", which.states)
    where.any_of("owner", which.owners)
    where.any_of("job_type", which.job_types)
    where.any_of("priority", which.priorities)
    where.any_of("cancel_actor", which.canceled_by)
    if which.nodes:
        on_nodes = Where()
        on_nodes.any_of(dialect.node, [in_small_letters(node) for node in which.nodes])
        where.add(f"job_id IN (SELECT job_id FROM job_node {on_nodes})", *on_nodes.values)
    for label in which.labels:
        where.add(f"{dialect.found_in}(labels, ?) > 0", plain(label_words(label)))
    if which.name:  # not LIKE, which has a limit, wildcards, and stops at NUL
        small = plain(in_small_letters(which.name))
        where.add(f"{dialect.found_in}(lower(name), ?) > 0", small)
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


def subtasks(job_id: int, task_id: int, numbers: Sequence[int]) -> tuple[str, Sequence[Value]]:
    """The last ended runs of some of a task's subtasks."""
    where = Where()
    where.add("job_id = ?", whole(job_id))
    where.add("task_id = ?", whole(task_id))
    marks = ", ".join("?" * len(numbers)) or "NULL"  # which no number equals
    where.add(f"instance IN ({marks})", *map(whole, numbers))
    return f"SELECT {columns_of('subtask')} FROM subtask {where} ORDER BY instance", where.values
