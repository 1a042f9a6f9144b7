"""Two tables in the order of their keys, walked through side by side: they need no common database.

One row of each side is held.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from adapters.views.cursor import Row
from application.view_store import Difference


class Side(Struct):
    """What was found of one side: rows that the other lacks or has otherwise, and the first."""

    count: int = 0
    first: Any = None

    def note(self, key: Row) -> None:
        """One more. They come in the order of their keys."""
        self.count += 1
        if self.first is None:
            self.first = key


def differing(
    table: str, key_columns: int, old: Iterator[Row], new: Iterator[Row]
) -> Difference | None:
    """How many rows are missing, other, or too many, with the key of the first; None for none.

    The key's columns come first in a row, and both sides rise by them, texts by code points.
    """
    lost, extra = Side(), Side()
    here, there = next(old, None), next(new, None)
    while here is not None or there is not None:
        a = here[:key_columns] if here is not None else None
        b = there[:key_columns] if there is not None else None
        if a is not None and (b is None or a < b):
            lost.note(a)
            here = next(old, None)
        elif b is not None and (a is None or b < a):
            extra.note(b)
            there = next(new, None)
        else:
            if here != there:
                lost.note(here[:key_columns])  # type: ignore[index]  # both are there
                extra.note(there[:key_columns])  # type: ignore[index]
            here, there = next(old, None), next(new, None)
    keys = [x.first for x in (lost, extra) if x.count]
    if not keys:
        return None
    return Difference(table, max(lost.count, extra.count), "/".join(map(str, min(keys))))
