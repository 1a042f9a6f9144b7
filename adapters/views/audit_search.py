"""Queries of the audit trail: one search of the index, which gives places in the stream's order.

Words and exact values alike are words of the index. Times are turned into ranges of places first.
"""

from collections.abc import Iterator
from typing import Final

from eventsourcing.sqlite import SQLiteCursor

from adapters.views.clauses import (
    WHOLE_MAX,
    Row,
    Where,
    direction,
    moment,
    place_of,
    selected,
    whole,
)
from adapters.views.facets import MANY, any_of, facet
from adapters.views.places import Places, ranges
from adapters.views.words import search
from application.views import TRAIL_VALUES, AuditFilter, Page
from domain.cluster import job_number
from projections.audit_trail import AuditRow, Kind

COLUMNS: Final = ", ".join(f"a.{column}" for column in AuditRow.__struct_fields__)


def page(
    cursor: SQLiteCursor,
    which: AuditFilter,
    descending: bool,
    part: Page,
    what: str = COLUMNS,
) -> list[Row]:
    """A page of rows in the stream's order, and one row more if there is one.

    ``what`` of each row, from the table ``a``.
    """
    rows: list[Row] = []
    for places in in_order(ranges(cursor, which), descending, part):
        source, where = found(which, places)
        word, _ = direction(descending)
        query = f"SELECT {what} FROM {source.tables} {where} ORDER BY {source.place} {word} LIMIT ?"
        rows += selected(cursor, query, [*where.values, part.rows + 1 - len(rows)])
        if len(rows) > part.rows:
            break
    return rows


def in_order(places: list[Places], descending: bool, part: Page) -> list[Places]:
    """The ranges that the page may be in, the first one first."""
    if part.after:
        last = place_of(part.after)
        after = Places(0, last - 1) if descending else Places(last + 1, WHOLE_MAX)
        places = [both for x in places if (both := x.within(after)).some]
    return places[::-1] if descending else places


def span(cursor: SQLiteCursor, which: AuditFilter) -> tuple[int, int | None, int | None]:
    """How many rows, and their first and last place."""
    count, ends = 0, list[int]()
    for places in ranges(cursor, which):
        source, where = found(which, places)
        place = source.place
        query = f"SELECT count(*), min({place}), max({place}) FROM {source.tables} {where}"
        ((more, first, last),) = selected(cursor, query, where.values)
        count += more
        ends += [first, last] if more else []
    return count, min(ends, default=None), max(ends, default=None)


class Source:
    """Where rows come from: the table alone, or the index and the table."""

    def __init__(self, indexed: bool) -> None:
        joined = "audit_index CROSS JOIN audit a ON a.position = audit_index.rowid"
        self.tables = joined if indexed else "audit a"
        self.place = "audit_index.rowid" if indexed else "a.position"


def found(which: AuditFilter, places: Places) -> tuple[Source, Where]:
    """Where to look, and what must hold: one bound on places each way, as tight as it can be."""
    terms = terms_of(which)
    source, where = Source(bool(terms)), Where()
    if terms:
        where.add("audit_index MATCH ?", " AND ".join(terms))
    where.add(f"{source.place} BETWEEN ? AND ?", places.first, places.last)
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
        any_of(column, values)
        for column, name in TRAIL_VALUES.items()
        if (values := getattr(which, name))
    ]
    if which.forced:
        exact.append(f"({facet('mode', 'forced')} OR {facet('kind', Kind.FORCED_STOP.value)})")
    if which.refused:
        exact.append(facet("kind", Kind.REFUSAL.value))
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
