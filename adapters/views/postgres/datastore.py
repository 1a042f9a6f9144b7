"""A schema of views, read as eventsourcing reads PostgreSQL: through its pool of connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from eventsourcing.postgres import PostgresDatastore
from psycopg.rows import DictRow, dict_row, tuple_row

from adapters.views.postgres.bounded import READ_SECONDS, BoundedConnection
from adapters.views.postgres.cursor import PostgresCursor
from adapters.views.postgres.errors import our_errors
from adapters.views.postgres.server import CONNECT_SECONDS, READS, PostgresServer
from adapters.views.using import Users

CONNECTIONS_MAX: Final = 8


class SchemaDatastore(PostgresDatastore):
    """A schema, read in transactions that see one state. Connections are made when needed.

    It is closed when nobody uses it any more. Whoever comes later is told ``Unavailable``.
    """

    def __init__(self, server: PostgresServer, schema: str) -> None:
        super().__init__(
            *("", "", "", "", ""),  # database, host, port, account, password: as below
            connect_timeout=CONNECT_SECONDS,
            pool_size=0,
            max_overflow=CONNECTIONS_MAX,
            pre_ping=True,
            schema=schema,
        )
        settings = (*READS, f"search_path={schema}")
        self.pool.kwargs = {**server.arguments(settings), "row_factory": dict_row}
        self.pool.connection_class = BoundedConnection[DictRow]
        self.users = Users()

    @contextmanager
    def reading(self) -> Iterator[PostgresCursor]:
        """A transaction, with errors in our words."""
        with our_errors(), self.users.using(), self.get_connection() as connection:
            assert isinstance(connection, BoundedConnection), "the pool makes such"
            interrupt = connection.cancel_safe
            with (
                connection.patient(READ_SECONDS),
                self.users.interruptible(interrupt),
                connection.transaction(),
            ):
                yield PostgresCursor(connection.cursor(row_factory=tuple_row))

    def close(self) -> None:
        """Wait for all who read, interrupt who takes long, and close. Idempotent."""
        if hasattr(self, "users"):  # the library closes what was made halfway
            self.users.retire()
        super().close()
