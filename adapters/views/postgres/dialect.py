"""What PostgreSQL says in its own words."""

from typing import Final

import msgspec

from adapters.views.cursor import Row
from adapters.views.dialect import Dialect
from adapters.views.postgres.schema import insert
from adapters.views.postgres.words import LexemeIndex
from application.views import TRAIL_COLUMNS

LINE: Final = ", ".join(("a.position", *(f"a.{column}" for column in TRAIL_COLUMNS)))


def line(row: Row, named: bool) -> bytes:
    """The line of a row: its values behind its place."""
    values = row[1:]
    made = dict(zip(TRAIL_COLUMNS, values, strict=True)) if named else values
    return msgspec.json.encode(made)


POSTGRES: Final = Dialect(
    insert=insert,
    lose_nodes=(
        "DELETE FROM job_node WHERE job_id = ? "
        "AND node NOT IN (SELECT json_array_elements_text(?::json))"
    ),
    gain_nodes=(
        "INSERT INTO job_node (job_id, node) SELECT ?, json_array_elements_text(?::json) "
        "ON CONFLICT DO NOTHING"
    ),
    found_in="strpos",
    node="lower(node)",
    unequal="IS DISTINCT FROM",
    index=LexemeIndex(),
    lines=lambda named: LINE,
    line=line,
)
