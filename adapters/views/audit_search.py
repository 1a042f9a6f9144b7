"""Queries of the audit trail.

What is rare is looked up by itself (a job, a request, an event); everything else is one search of
the index, which gives places in the stream's order. Times are turned into bounds on places first.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from eventsourcing.sqlite import SQLiteCursor

from adapters.views.clauses import Value, Where, direction
from adapters.views.facets import any_of, facet
from adapters.views.words import search
from application.views import AuditFilter, Page
from projections.audit_trail import AuditRow, Kind
from projections.stamps import stamp

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
COLUMNS: Final = ", ".join(f"a.{column}" for column in AuditRow.__struct_fields__)


def page(
    cursor: SQLiteCursor,
    which: AuditFilter,
    descending: bool,
    part: Page,
    what: str = COLUMNS,
) -> tuple[str, Sequence[Value]]:
    """A page of rows in the stream's order; ``what`` of each, from the table ``a``."""
    source, where = found(cursor, which)
    word, compares = direction(descending)
    if part.after:
        where.add(f"{source.place} {compares} ?", part.after[0])
    query = f"SELECT {what} FROM {source.tables} {where} ORDER BY {source.place} {word} LIMIT ?"
    return query, [*where.values, part.rows + 1]


def span(cursor: SQLiteCursor, which: AuditFilter) -> tuple[str, Sequence[Value]]:
    """How many rows, and their first and last place."""
    source, where = found(cursor, which)
    place = source.place
    query = f"SELECT count(*), min({place}), max({place}) FROM {source.tables} {where}"
    return query, where.values


class Source:
    """Where rows come from: the table alone, or the index and the table."""

    def __init__(self, indexed: bool) -> None:
        joined = "audit_index JOIN audit a ON a.position = audit_index.rowid"
        self.tables = joined if indexed else "audit a"
        self.place = "audit_index.rowid" if indexed else "a.position"


def found(cursor: SQLiteCursor, which: AuditFilter) -> tuple[Source, Where]:
    """Where to look, and what must hold."""
    terms = terms_of(which)
    source, where = Source(bool(terms)), Where()
    if terms:
        where.add("audit_index MATCH ?", " AND ".join(terms))
    add_places(where, source, *places(cursor, which))
    if which.since:
        where.add("a.time >= ?", stamp(which.since))
    if which.until:
        where.add("a.time <= ?", stamp(which.until))
    if job_number(which.job) is not None:
        where.add("a.job_id = ?", job_number(which.job))
    if which.task is not None:
        where.add("in_ranges(?, a.tasks)", which.task)
    if which.request_id:
        where.add("a.request_id = ?", which.request_id)
    if which.event_id:
        where.add("a.event_id = ?", which.event_id)
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
    if which.job and job_number(which.job) is None:
        exact.append(facet("subject", which.job))
    return [*terms, f"{{facets}} : ({' AND '.join(exact)})"] if exact else terms


def job_number(job: str) -> int | None:
    """The job's number; None for none, or for text that is no number."""
    digits = job.isascii() and job.isdigit() and len(job) <= JOB_DIGITS_MAX
    return int(job) if digits else None


# --- times as places ------------------------------------------------------------------------------


def places(cursor: SQLiteCursor, which: AuditFilter) -> tuple[int, int | None]:
    """Bounds on the place that follow from the filter's times; both included, None for no bound.

    ``time_high`` rises with the place. A row since T lies where ``time_high`` has reached T; a row
    until T where it has not passed T by more than a row's time ever lagged behind.
    """
    lowest, highest = which.position_min, which.position_max
    if which.since:
        lowest = max(lowest, first_place(cursor, ">=", which.since))
    if which.until:
        cursor.execute("SELECT lag_us FROM about")
        lag = timedelta(microseconds=cursor.fetchone()[0])
        beyond = first_place(cursor, ">", which.until + lag)
        highest = beyond - 1 if highest is None else min(highest, beyond - 1)
    return lowest, highest


def first_place(cursor: SQLiteCursor, compares: str, moment: datetime) -> int:
    """The first place whose ``time_high`` compares so with the moment; one beyond all if none."""
    wanted, low = stamp(moment), 0
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


def add_places(where: Where, source: Source, lowest: int, highest: int | None) -> None:
    """The bounds as conditions."""
    if lowest > 0:
        where.add(f"{source.place} >= ?", lowest)
    if highest is not None:
        where.add(f"{source.place} <= ?", highest)
