"""Where two sets of the same tables differ, row for row: looked up by key, on both sides."""

from collections.abc import Sequence
from typing import Any, Final

from adapters.views.cursor import Cursor
from adapters.views.schema import KEYS
from application.view_store import Difference

COMPARED: Final = {
    **KEYS,
    "about": ("one",),
    "stretch": ("first",),
    "job_node": ("job_id", "node"),
    "tracking": ("application_name",),
}
"""Each table that is compared, and its key."""


def difference(
    cursor: Cursor, table: str, columns: Sequence[str], sides: tuple[str, str], unequal: str
) -> Difference | None:
    """How many rows of a table are missing, other, or too many, with the key of the first.

    ``sides``: the two schemas, the old one first. ``unequal``: the operator for values of which one
    may be NULL. ``columns`` has one at least that is never NULL.
    """
    old, new = sides
    lost = unlike(cursor, table, columns, (old, new), unequal)
    extra = unlike(cursor, table, columns, (new, old), unequal)
    rows = max(lost[0], extra[0])
    if not rows:
        return None
    first = min(key for _, key in (lost, extra) if key is not None)
    return Difference(table, rows, str(first))


def unlike(
    cursor: Cursor, table: str, columns: Sequence[str], sides: tuple[str, str], unequal: str
) -> tuple[int, Any]:
    """How many rows of one side the other lacks or has otherwise, and the first one's key."""
    here, there = sides
    same_key = " AND ".join(f"a.{k} = b.{k}" for k in COMPARED[table])
    other = " OR ".join(f"a.{c} {unequal} b.{c}" for c in columns)
    shown = " || '/' || ".join(f"a.{k}" for k in COMPARED[table])
    cursor.execute(
        f"SELECT count(*), min({shown}) FROM {here}.{table} a LEFT JOIN {there}.{table} b "
        f"ON {same_key} WHERE {other}"
    )
    count, first = cursor.fetchone()
    return int(count), first
