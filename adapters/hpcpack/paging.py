"""Both ways to page: a ``queryId`` that goes on, and a ``startRow`` with the number of all rows."""

from typing import Final

from msgspec import Struct

from adapters.hpcpack.fields import Fields
from adapters.web.requests import Malformed
from application.views import PAGE_ROWS_MAX

ROWS_DEFAULT: Final = 10


class Paging(Struct, frozen=True):
    """Which rows. ``start_row``: the first, from 0; with it ``query_id`` does not count."""

    rows: int
    start_row: int | None
    query_id: str


def paging_of(fields: Fields) -> Paging:
    """What the query says. More rows than a page has are cut to it: the next page goes on."""
    rows = fields.number("rowsPerRead")
    if rows == 0:
        raise Malformed(f"rowsPerRead is 0; it is 1 to {PAGE_ROWS_MAX}")
    start = fields.number("startRow")
    chosen = min(ROWS_DEFAULT if rows is None else rows, PAGE_ROWS_MAX)
    return Paging(chosen, start, "" if start is not None else fields.text("queryId"))
