"""Queries of the audit trail: one search of the index, which gives places in the stream's order.

Words and exact values alike are words of the index. Times are turned into bounds on places first.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from eventsourcing.sqlite import SQLiteCursor

from adapters.views.clauses import (
    WHOLE_MAX,
    Value,
    Where,
    direction,
    moment,
    place_of,
    whole,
)
from adapters.views.facets import MANY, any_of, facet
from adapters.views.schema import columns_of
from adapters.views.words import search
from application.views import AuditFilter, Page
from projections.audit_trail import Kind

BY_VALUE: Final = (
    ("owner", "owners"),
    ("actor", "actors"),
    ("on_behalf_of", "on_behalf_of"),
    ("requested_by", "requested_by"),
    ("kind", "kinds"),
    ("type", "types"),
    ("operation", "operations"),
    ("outcome", "outcomes"),
    ("mode", "modes"),
    ("reason_code", "reason_codes"),
    ("origin", "origins"),
    ("rule", "rules"),
    ("code", "codes"),
)
"""Columns that are searched by their exact value, and the filter's name for each."""

JOB_DIGITS_MAX: Final = 10


def page(
    cursor: SQLiteCursor, which: AuditFilter, descending: bool, part: Page
) -> tuple[str, Sequence[Value]]:
    """A page of rows in the stream's order."""
    lowest, highest = places(cursor, which)
    if part.after and descending:
        highest = min(highest, place_of(part.after) - 1)
    elif part.after:
        lowest = max(lowest, place_of(part.after) + 1)
    source, where = found(which, lowest, highest)
    word, _ = direction(descending)
    query = (
        f"SELECT {columns_of('audit', 'a')} FROM {source.tables} {where} "
        f"ORDER BY {source.place} {word} LIMIT ?"
    )
    return query, [*where.values, part.rows + 1]


def span(cursor: SQLiteCursor, which: AuditFilter) -> tuple[str, Sequence[Value]]:
    """How many rows, and their first and last place."""
    source, where = found(which, *places(cursor, which))
    place = source.place
    query = f"SELECT count(*), min({place}), max({place}) FROM {source.tables} {where}"
    return query, where.values


class Source:
    """Where rows come from: the table alone, or the index and the table."""

    def __init__(self, indexed: bool) -> None:
        joined = "audit_index CROSS JOIN audit a ON a.position = audit_index.rowid"
        self.tables = joined if indexed else "audit a"
        self.place = "audit_index.rowid" if indexed else "a.position"


def found(which: AuditFilter, lowest: int, highest: int) -> tuple[Source, Where]:
    """Where to look, and what must hold: one bound on places each way, as tight as it can be."""
    terms = terms_of(which)
    source, where = Source(bool(terms)), Where()
    if terms:
        where.add("audit_index MATCH ?", " AND ".join(terms))
    where.add(f"{source.place} BETWEEN ? AND ?", lowest, highest)
    if which.since:
        where.add("a.time >= ?", moment(which.since))
    if which.until:
        where.add("a.time <= ?", moment(which.until))
    if which.task is not None:
        where.add("in_ranges(?, a.tasks)", whole(which.task))
    return source, where


def terms_of(which: AuditFilter) -> list[str]:
    """What the index is asked for: all of these."""
    terms = [
        search(text, columns)
        for text, columns in (
            (which.words, "message explanation"),
            (which.message, "message"),
            (which.explanation, "explanation"),
        )
        if text
    ]
    exact = [
        any_of(column, values) for column, name in BY_VALUE if (values := getattr(which, name))
    ]
    if which.forced:
        exact.append(f"({facet('mode', 'forced')} OR {facet('kind', Kind.FORCED_STOP.value)})")
    exact += [facet(column, value) for column, value in alone(which) if value]
    if which.task is not None:
        exact.append(any_of("task", (str(which.task), MANY)))
    return [*terms, f"{{facets}} : ({' AND '.join(exact)})"] if exact else terms


def alone(which: AuditFilter) -> Iterator[tuple[str, str]]:
    """Columns that are asked for one value."""
    number = job_number(which.job)
    yield ("subject", which.job) if number is None else ("job_id", str(number))
    yield "request_id", which.request_id
    yield "event_id", which.event_id


def job_number(job: str) -> int | None:
    """The job's number; None for none, or for text that is no number."""
    digits = job.isascii() and job.isdigit() and len(job) <= JOB_DIGITS_MAX
    return int(job) if digits else None


# --- times as places ------------------------------------------------------------------------------


def places(cursor: SQLiteCursor, which: AuditFilter) -> tuple[int, int]:
    """The first and the last place that the filter's places and times leave; both included.

    ``time_high`` rises with the place. A row since T lies where ``time_high`` has reached T; a row
    until T where it has not passed T by more than a row's time ever lagged behind.
    """
    lowest = whole(which.position_min)
    highest = whole(which.position_max) if which.position_max is not None else WHOLE_MAX
    if which.since:
        lowest = max(lowest, first_place(cursor, ">=", moment(which.since)))
    if which.until:
        cursor.execute("SELECT lag_us FROM about")
        lag = timedelta(microseconds=cursor.fetchone()[0])
        highest = min(highest, first_place(cursor, ">", moment(which.until, lag)) - 1)
    return lowest, highest


def first_place(cursor: SQLiteCursor, compares: str, wanted: str) -> int:
    """The first place whose ``time_high`` compares so with a moment; one beyond all if none."""
    low = 0
    cursor.execute("SELECT coalesce(max(position), 0) FROM audit")
    high = cursor.fetchone()[0] + 1
    while low < high:
        middle = (low + high) // 2
        row = row_from(cursor, middle)
        if row is None or (row[1] > wanted if compares == ">" else row[1] >= wanted):
            high = middle
        else:
            low = row[0] + 1
    return low


def row_from(cursor: SQLiteCursor, place: int) -> tuple[int, str] | None:
    """Place and ``time_high`` of the first row at or after a place."""
    cursor.execute(
        "SELECT position, time_high FROM audit WHERE position >= ? ORDER BY position LIMIT 1",
        (place,),
    )
    row = cursor.fetchone()
    return None if row is None else (row[0], row[1])
