"""What a store of views tells of itself: read the same way from every database."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from adapters.views.cursor import Cursor
from adapters.views.dialect import Dialect
from adapters.views.reader import SqlViewReader
from adapters.views.rows import about, around_of, counts_of, position_of, states_of
from domain.errors import Corrupt
from domain.events import Aggregate
from projections.folding import Around, Fold
from projections.tally import CountKey


class StoredViews:
    """The half of ``ViewStore`` that reads.

    ``reading``: a transaction that sees the tables as they are at one moment, with errors in our
    words.
    """

    def __init__(
        self,
        name: str,
        reading: Callable[[], AbstractContextManager[Cursor]],
        dialect: Dialect,
    ) -> None:
        self._name = name
        self._reading = reading
        self._dialect = dialect

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> int:
        """Which columns and folds its contents are made by."""
        return self._about()[0]

    @property
    def log_id(self) -> str:
        """Which log the events are from."""
        return self._about()[1]

    def position(self) -> int:
        with self._reading() as cursor:
            return position_of(cursor)

    def around(self) -> Around:
        with self._reading() as cursor:
            return around_of(cursor)

    def states(self, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Fold]:
        with self._reading() as cursor:
            return states_of(cursor, aggregates)

    def counts(self) -> dict[CountKey, int]:
        with self._reading() as cursor:
            return counts_of(cursor)

    def reader(self) -> SqlViewReader:
        return SqlViewReader(self._reading, self._dialect)

    def _about(self) -> tuple[int, str]:
        with self._reading() as cursor:
            found = about(cursor)
        if found is None:
            raise Corrupt(f"{self._name} does not say which views it holds")
        return found
