"""Lists that the server gives page by page."""

import gc
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from adapters.cli.doing.stopped import say_stopped, stopped_of
from adapters.cli.printing.sheets import Sheet
from adapters.cli.reaching.server import Query
from adapters.cli.typed.options import Asked

PAGE_ROWS_MAX: Final = 1000


class Pages:
    """The rows of one list: ``name`` is where an answer holds them. ``more``: they are not all.

    ``behind``: events of the stream that the latest answer did not know; ``stopped``: where and why
    it never will, or "". ``goes_by``: the parameter that says where to go on.
    """

    def __init__(
        self,
        asked: Asked,
        path: str,
        name: str,
        query: Query,
        wanted: int | None,
        goes_by: str = "cursor",
    ) -> None:
        self._asked = asked
        self._path = path
        self._name = name
        self._query = query
        self._left = wanted
        self._goes_by = goes_by
        self.more = False
        self.behind = 0
        self.stopped = ""
        self.shown = 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        cursor: str | int | None = ""
        while cursor is not None and self._left != 0:
            size = PAGE_ROWS_MAX if self._left is None else min(self._left, PAGE_ROWS_MAX)
            query = [*self._query, ("limit", str(size))]
            query += [(self._goes_by, str(cursor))] if cursor else []
            body = self._asked.server.page(self._path, query)
            rows, cursor = body[self._name], body["next"]
            self.behind, self.more = int(body["behind"]), cursor is not None
            self.stopped = stopped_of(body)
            self.shown += len(rows)
            self._left = None if self._left is None else max(0, self._left - len(rows))
            yield rows


def print_pages(asked: Asked, pages: Pages, sheet: Sheet, further: Callable[[Any], str]) -> None:
    """Print all pages; say on stderr what the list does not hold, and how to see it.

    ``further``: the options that go on after a last row.
    """
    gc.enable()
    last: Any = None
    for rows in pages:
        sheet.add(rows)
        last = rows[-1] if rows else last
    sheet.close()
    if pages.more:
        asked.out.note(f"{pages.shown} rows; there are more: {further(last)}")
    say_stopped(asked.out, pages.stopped)
    if pages.behind and not pages.stopped:
        asked.out.note(
            f"the views do not know the latest {pages.behind} events yet; ask again soon"
        )
