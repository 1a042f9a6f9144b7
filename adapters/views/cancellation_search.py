"""Queries of the effect view: what is wrong comes first."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from adapters.views.clauses import Where, bad_key, moment, selected, whole
from adapters.views.cursor import Cursor
from adapters.views.schema import columns_of
from application.views import (
    CancellationFilter,
    Key,
    Page,
    Trouble,
    TroubledCancellation,
    Troubles,
)
from projections.cancellations import CancellationRow

OUTLIVED: Final = "survivors > 0"
STUCK: Final = "open = 1 AND due_at < :now"
LATE: Final = "late = 1 AND in_view = 1"
WELL: Final = f"NOT (({OUTLIVED}) OR (open = 1 AND coalesce(due_at, :now) < :now) OR ({LATE}))"
RANKS: Final[tuple[tuple[Trouble | None, str], ...]] = (
    (Trouble.SURVIVORS, OUTLIVED),
    (Trouble.STUCK, f"{STUCK} AND NOT ({OUTLIVED})"),
    (Trouble.LATE, f"{LATE} AND NOT ({OUTLIVED})"),
    (None, WELL),
)
"""The groups of an answer in their order, each the latest first. Jobs that have left the job view
are not called late any more."""


def page(
    cursor: Cursor, which: CancellationFilter, now: datetime, part: Page
) -> tuple[TroubledCancellation, ...]:
    """A page through the groups; ``part.after`` is (group, position) of the last row before."""
    group, after = begin(part.after)
    rows: list[TroubledCancellation] = []
    for number in range(group, len(RANKS) - int(which.troubled)):
        room = part.rows + 1 - len(rows)
        rows += of_group(cursor, which, number, now, after if number == group else None, room)
        if len(rows) > part.rows:
            break
    return tuple(rows)


def begin(after: Key) -> tuple[int, int | None]:
    """The group and the place that a page goes on after."""
    match after:
        case ():
            return 0, None
        case (int(group), int(place)) if 0 <= group < len(RANKS):
            return group, whole(place)
        case _:
            raise bad_key()


def of_group(
    cursor: Cursor,
    which: CancellationFilter,
    number: int,
    now: datetime,
    after: int | None,
    rows_max: int,
) -> Iterator[TroubledCancellation]:
    """The next rows of one group."""
    trouble, condition = RANKS[number]
    where = conditions(which, at(now, condition))
    if after is not None:
        where.add("position < ?", after)
    query = f"SELECT {columns_of('cancellation')} FROM cancellation {where}"
    values = [*where.values, rows_max]
    for row in selected(cursor, f"{query} ORDER BY position DESC LIMIT ?", values):
        yield TroubledCancellation(CancellationRow(*row), trouble, number)


def conditions(which: CancellationFilter, group: str) -> Where:
    """What the filter asks for, within a group."""
    where = Where()
    where.add(group)
    where.any_of("owner", which.owners)
    where.any_of("mode", which.modes)
    where.any_of("actor", which.actors)
    if which.job_id is not None:
        where.add("job_id = ?", whole(which.job_id))
    if which.open is not None:
        where.add("open = ?", int(which.open))
    return where


def at(now: datetime, condition: str) -> str:
    """The condition at this moment."""
    return condition.replace(":now", f"'{moment(now)}'")


def troubles(cursor: Cursor, now: datetime) -> Troubles:
    """How many cancels are open, stuck and late, and how many processes outlived SIGKILL."""

    def count(what: str, condition: str) -> int:
        cursor.execute(f"SELECT {what} FROM cancellation WHERE {at(now, condition)}")
        row: Any = cursor.fetchone()
        return int(row[0] or 0)

    return Troubles(
        open=count("count(*)", "open = 1"),
        stuck=count("count(*)", STUCK),
        late=count("count(*)", LATE),
        survivors=count("sum(survivors)", OUTLIVED),
    )
