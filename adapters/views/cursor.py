"""What the queries of the views need of a database: a cursor inside of a transaction."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

Value = str | int | bytes | None
Row = tuple[Any, ...]


class Cursor(Protocol):
    """Runs queries with a question mark for each value. Rows are plain tuples."""

    def execute(self, query: str, values: Sequence[object] = (), /) -> object:
        """Run a query."""
        ...

    def executemany(self, query: str, rows: Iterable[Sequence[object]], /) -> object:
        """Run a query that gives no rows with each of these."""
        ...

    def fetchone(self) -> Any:
        """The next row of the last query; None when there is none."""
        ...

    def fetchall(self) -> Any:
        """The rows that are left of the last query, as a list."""
        ...
