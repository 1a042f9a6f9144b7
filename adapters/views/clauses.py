"""Pieces of a query: conditions with their values, and the places where pages go on."""

from collections.abc import Sequence
from typing import Final

Value = str | int | None
ESCAPE: Final = "\\"


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
    """A word of an enumeration as text, a number as it is."""
    return str(value) if isinstance(value, str) else value


def like(text: str) -> str:
    """A pattern for text that holds ``text`` somewhere."""
    for special in (ESCAPE, "%", "_"):
        text = text.replace(special, ESCAPE + special)
    return f"%{text}%"


def direction(descending: bool) -> tuple[str, str]:
    """The word for the order, and how a later page compares."""
    return ("DESC", "<") if descending else ("ASC", ">")
