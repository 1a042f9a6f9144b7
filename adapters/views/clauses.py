"""Pieces of a query: conditions with their values, and the places where pages go on."""

import string
from collections.abc import Sequence
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Final

from adapters.views.cursor import Cursor, Row, Value
from application.views import Key
from domain.errors import BadRequest
from projections.stamps import stamp

WHOLE_MAX: Final = 2**62
"""Half of what a column holds, so that one more or less is a number still."""

SMALL: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
EARLIEST: Final = datetime(1, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(MAXYEAR, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


class Where:
    """Conditions that all hold, each with its values."""

    def __init__(self) -> None:
        self._conditions: list[str] = []
        self.values: list[Value] = []

    def add(self, condition: str, *values: Value) -> None:
        """One more condition, with a question mark for each value."""
        self._conditions.append(condition)
        self.values += values

    def any_of(self, column: str, values: Sequence[str] | Sequence[int]) -> None:
        """The column is one of these, if there are any."""
        if values:
            marks = ", ".join("?" * len(values))
            self.add(f"{column} IN ({marks})", *map(plain, values))

    def __str__(self) -> str:
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""


def plain(value: str | int) -> Value:
    """A word of an enumeration as text, a number as it is.

    Text that stands for nothing, or is no Unicode and so is stored nowhere, becomes bytes, which no
    text equals.
    """
    if isinstance(value, int):
        return whole(value)
    raw = value.encode("utf-8", "surrogatepass")
    return str(value) if value and raw.decode("utf-8", "replace") == value else raw


def in_small_letters(text: str) -> str:
    """Without capitals, as far as they are ASCII: that is what the databases do."""
    return text.translate(SMALL)


def whole(number: int) -> int:
    """The nearest number that the store can compare with."""
    return max(-WHOLE_MAX, min(number, WHOLE_MAX))


def moment(at: datetime, later: timedelta = timedelta(0)) -> str:
    """A moment as rows hold it, or one later; the first or the last there is when it is beyond."""
    try:
        return stamp(at + later)
    except OverflowError:
        return stamp(LATEST if at.year > EARLIEST.year else EARLIEST)


def direction(descending: bool) -> tuple[str, str]:
    """The word for the order, and how a later page compares."""
    return ("DESC", "<") if descending else ("ASC", ">")


def place_of(key: Key) -> int:
    """The number that a page goes on after. Raises ``BadRequest`` for another kind of key."""
    match key:
        case (int(place),):
            return whole(place)
        case _:
            raise bad_key()


def bad_key() -> BadRequest:
    """A key of something else."""
    return BadRequest(
        "the place to go on after is of another question; begin again with the first page",
        code="bad_page",
    )


def selected(cursor: Cursor, query: str, values: Sequence[Value]) -> list[Row]:
    """The rows of a query."""
    cursor.execute(query, values)
    rows: list[Row] = cursor.fetchall()
    return rows
