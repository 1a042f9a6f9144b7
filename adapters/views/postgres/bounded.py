"""A connection that does not wait for ever: PostgreSQL's own client does, when nothing comes."""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg import Connection
from psycopg.rows import Row

ANSWER_SECONDS: Final = 3.0
"""How long an answer that costs nothing may take; then the server is not there."""

WRITE_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
"""How long the answer to one statement may take that writes a batch, or looks through all."""

INTERVAL_SECONDS: Final = 0.1

T = TypeVar("T")


class BoundedConnection(Connection[Row]):
    """One whose statements each end in time, if need be with the connection: then they raise
    ``psycopg.OperationalError``. ``answer_seconds``: how long each may take; None for ever."""

    answer_seconds: float | None = ANSWER_SECONDS

    def wait(self, gen: Generator[Any, Any, T], *arguments: Any, **named: Any) -> T:
        return super().wait(self._bounded(gen), *arguments, **named)

    @contextmanager
    def patient(self, seconds: float | None) -> Iterator[None]:
        """Statements may take so long meanwhile."""
        before, self.answer_seconds = self.answer_seconds, seconds
        try:
            yield
        finally:
            self.answer_seconds = before

    def _bounded(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """What waits in ``gen``; it is asked again and again, also while nothing comes."""
        seconds = self.answer_seconds
        began, wanted = time.monotonic(), None
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and seconds is not None and time.monotonic() - began > seconds:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(f"no answer came within {seconds:g} s")
                wanted = gen.send(ready)
        except StopIteration as done:
            result: T = done.value
            return result
