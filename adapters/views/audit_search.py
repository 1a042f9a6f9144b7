"""Queries of the audit trail: one search of the index, which gives places in the stream's order.

Words and exact values alike are words of the index. Times are turned into ranges of places first.
"""

from collections.abc import Iterator
from typing import Final

from adapters.views.clauses import (
    WHOLE_MAX,
    Where,
    direction,
    moment,
    place_of,
    selected,
    whole,
)
from adapters.views.cursor import Cursor, Row
from adapters.views.dialect import TrailIndex
from adapters.views.facets import MANY, asked, facet
from adapters.views.places import Places, ranges
from application.views import TRAIL_VALUES, AuditFilter, Page
from domain.cluster import job_number
from projections.audit_trail import AuditRow, Kind

COLUMNS: Final = ", ".join(f"a.{column}" for column in AuditRow.__struct_fields__)


def page(
    cursor: Cursor,
    index: TrailIndex,
    which: AuditFilter,
    descending: bool,
    part: Page,
    what: str = COLUMNS,
) -> list[Row]:
    """A page of rows in the stream's order, and one row more if there is one.

    ``what`` of each row, from the table ``a``.
    """
    rows: list[Row] = []
    for places in in_order(ranges(cursor, which, index.stretches_max), descending, part):
        (tables, place), where = found(index, which, places)
        word, _ = direction(descending)
        query = f"SELECT {what} FROM {tables} {where} ORDER BY {place} {word} LIMIT ?"
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


def span(
    cursor: Cursor, index: TrailIndex, which: AuditFilter
) -> tuple[int, int | None, int | None]:
    """How many rows, and their first and last place."""
    count, ends = 0, list[int]()
    for places in ranges(cursor, which, index.stretches_max):
        (tables, place), where = found(index, which, places)
        query = f"SELECT count(*), min({place}), max({place}) FROM {tables} {where}"
        ((more, first, last),) = selected(cursor, query, where.values)
        count += more
        ends += [first, last] if more else []
    return count, min(ends, default=None), max(ends, default=None)


def found(index: TrailIndex, which: AuditFilter, places: Places) -> tuple[tuple[str, str], Where]:
    """Where to look (tables and place), and what must hold: one bound on places each way, as tight
    as it can be."""
    terms = terms_of(index, which)
    source, where = index.source(bool(terms)), Where()
    _, place = source
    if terms:
        where.add(index.condition, index.all_of(terms))
    where.add(f"{place} BETWEEN ? AND ?", places.first, places.last)
    if which.since:
        where.add("a.time >= ?", moment(which.since))
    if which.until:
        where.add("a.time <= ?", moment(which.until))
    if which.task is not None:
        where.add("in_ranges(?, a.tasks)", whole(which.task))
    return source, where


def terms_of(index: TrailIndex, which: AuditFilter) -> list[str]:
    """What the index is asked for: all of these."""
    terms = [
        index.search(text, columns)
        for text, columns in (
            (which.words, "message explanation"),
            (which.message, "message"),
            (which.explanation, "explanation"),
        )
        if text
    ]
    exact = exact_terms(index, which)
    return [*terms, index.values(index.all_of(exact))] if exact else terms


def exact_terms(index: TrailIndex, which: AuditFilter) -> list[str]:
    """The exact values that a row must have."""
    exact = [
        index.any_of([asked(index, column, value) for value in values])
        for column, name in TRAIL_VALUES.items()
        if (values := getattr(which, name))
    ]
    if which.forced:
        forced = (facet("mode", "forced"), facet("kind", Kind.FORCED_STOP.value))
        exact.append(index.any_of([index.value(x) for x in forced]))
    if which.refused:
        exact.append(index.value(facet("kind", Kind.REFUSAL.value)))
    exact += [index.value(facet(column, value)) for column, value in alone(which) if value]
    if which.task is not None:
        tasks = (facet("task", str(which.task)), facet("task", MANY))
        exact.append(index.any_of([index.value(x) for x in tasks]))
    return exact


def alone(which: AuditFilter) -> Iterator[tuple[str, str]]:
    """Columns that are asked for one value."""
    number = job_number(which.job)
    yield ("subject", which.job) if number is None else ("job_id", str(number))
    yield "request_id", which.request_id
    yield "event_id", which.event_id
