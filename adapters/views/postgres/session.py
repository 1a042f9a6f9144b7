"""A connection that holds locks: they are lost with it, and nothing is written after that."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b

import psycopg
from psycopg.rows import TupleRow

from adapters.views.postgres.bounded import ANSWER_SECONDS, BoundedConnection
from adapters.views.postgres.cursor import PostgresCursor
from adapters.views.postgres.errors import our_errors
from adapters.views.postgres.server import HELD, PostgresServer
from domain.errors import Unavailable


class Session:
    """One connection, made when it is needed and again when it was lost; one thread at a time.

    ``begun``: what each new connection does first. ``locks``: the names of those held by the
    present one alone; they go with it, and never come back by themselves.
    """

    def __init__(
        self,
        server: PostgresServer,
        schema: str,
        begun: Callable[[PostgresCursor], None] = lambda cursor: None,
    ) -> None:
        self._server = server
        self._settings = (*HELD, f"search_path={schema}")
        self._begun = begun
        self._busy = threading.RLock()
        self._connection: BoundedConnection[TupleRow] | None = None
        self._closed = False
        self._locks = set[str]()

    @contextmanager
    def cursor(self, within_seconds: float | None = None) -> Iterator[PostgresCursor]:
        """A cursor, each statement a transaction, with errors in our words.

        ``within_seconds``: how long one may take, None for ever. Then it raises ``Unavailable``.
        """
        with our_errors(), self._busy:
            connection = self._opened()
            try:
                with connection.patient(within_seconds), connection.cursor() as cursor:
                    yield PostgresCursor(cursor)
            finally:
                if connection.closed:
                    self._let_go()

    @contextmanager
    def transaction(self, within_seconds: float | None = None) -> Iterator[PostgresCursor]:
        """A transaction, committed at the end, unless something goes wrong.

        ``within_seconds``: as ``cursor``; then its beginning and its end may take less.
        """
        quick = None if within_seconds is None else ANSWER_SECONDS
        with self.cursor(quick) as cursor:
            connection = self._opened()
            with connection.transaction(), connection.patient(within_seconds):
                yield cursor

    def lock(self, name: str) -> bool:
        """Whether this connection alone holds this lock; takes it, when it is free.

        Raises ``Unavailable``, also when the connection that held it is lost.
        """
        with self.cursor(ANSWER_SECONDS) as cursor:
            if name in self._locks:
                cursor.execute("SELECT 1")
                return True
            cursor.execute("SELECT pg_try_advisory_lock(?)", (number_of(name),))
            if cursor.fetchone()[0]:
                self._locks.add(name)
            return name in self._locks

    def check(self, name: str) -> None:
        """Pass while the connection is there and holds this lock, or raise ``Unavailable``."""
        with self.cursor(ANSWER_SECONDS) as cursor:
            cursor.execute("SELECT 1")
            if name not in self._locks:
                raise Unavailable("the connection to the views was lost; it is looked at again")

    def holds(self, name: str) -> bool:
        """Whether the connection has the lock, as far as is known."""
        return name in self._locks

    def unlock(self, name: str) -> None:
        """Let go of a lock that is held alone. Idempotent."""
        with self.cursor() as cursor:
            if name in self._locks:
                self._locks.discard(name)
                cursor.execute("SELECT pg_advisory_unlock(?)", (number_of(name),))

    def close(self) -> None:
        """Let go of all. Idempotent."""
        with self._busy:
            self._closed = True
            if self._connection is not None:
                with suppress(psycopg.Error):  # now: the server takes a while to see the end
                    self._connection.execute("SELECT pg_advisory_unlock_all()")
            self._let_go()

    def _opened(self) -> BoundedConnection[TupleRow]:
        if self._closed:
            raise Unavailable("these views are closed: others took their place")
        if self._connection is None:
            self._connection = self._server.connect(self._settings)
            try:
                with self._connection.cursor() as cursor:
                    self._begun(PostgresCursor(cursor))
            except BaseException:
                self._let_go()
                raise
        return self._connection

    def _let_go(self) -> None:
        self._locks.clear()
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None


def number_of(name: str) -> int:
    """PostgreSQL's locks have numbers."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)
