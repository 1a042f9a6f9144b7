"""Writing the views in a schema of PostgreSQL, by the one who holds its lock."""

from typing import Self

from adapters.views.postgres.bounded import WRITE_SECONDS
from adapters.views.postgres.compare import PostgresComparison
from adapters.views.postgres.cursor import PostgresCursor
from adapters.views.postgres.datastore import SchemaDatastore
from adapters.views.postgres.dialect import POSTGRES
from adapters.views.postgres.schema import relations
from adapters.views.postgres.server import SPEAKS, PostgresServer
from adapters.views.postgres.session import Session, number_of
from adapters.views.postgres.tracking import SchemaRecorder
from adapters.views.rows import put
from adapters.views.stored import StoredViews
from application.view_store import Changes
from domain.errors import Corrupt, Unavailable


class PostgresViewStore(StoredViews):
    """``ViewStore`` in a schema. ``log_id``: the log that its events are from.

    As long as it is open it holds a lock that others have too, so that nobody drops the schema; who
    writes has one of his own. Both go with the connection that writes.
    """

    def __init__(
        self, server: PostgresServer, schema: str, log_id: str, *, made: bool = False
    ) -> None:
        """Open the schema, or make it; with ``made`` it must be there already.

        Raises ``Unavailable`` or ``Corrupt``.
        """
        self._schema = schema
        self._server = server
        self._has_written = False
        self._session = Session(server, schema, self._begun)
        self.datastore = SchemaDatastore(server, schema)
        super().__init__(schema, self.datastore.reading, POSTGRES)
        self._recorder = SchemaRecorder(self.datastore)
        try:
            with self._session.transaction() as cursor:
                if not has_tables(cursor, schema):
                    if made:
                        raise Corrupt(f"there are no views in {schema}")
                    self._recorder.make(cursor, log_id)
        except BaseException:
            self.close()
            raise

    @property
    def complete(self) -> bool:
        """Whether every table and index is there."""
        with self.datastore.reading() as cursor:
            cursor.execute(
                "SELECT relname::text FROM pg_class WHERE relnamespace = to_regnamespace(?)",
                (self._schema,),
            )
            return relations() <= {row[0] for row in cursor.fetchall()}

    def comparison(self, other: Self) -> PostgresComparison:
        self.datastore.users.check()
        return PostgresComparison(self._server, self._schema, other.name)

    def may_write(self) -> bool:
        if self._takes():
            with self._session.cursor() as cursor:
                for statement in SPEAKS:
                    cursor.execute(statement)
        return self._has_written

    def check_writing(self) -> None:
        self._session.check(self._writes)

    def commit(self, changes: Changes) -> None:
        self._claim()
        with self._session.transaction(WRITE_SECONDS) as cursor:
            self._claim()  # nor was it lost just now: then this is a new connection
            self._recorder.track(cursor, changes.position)
            put(cursor, POSTGRES, changes)

    def close(self) -> None:
        self._session.close()
        self.datastore.close()

    @property
    def _writes(self) -> str:
        return f"writes {self._schema}"

    def _claim(self) -> None:
        """Pass when this is the one who writes. Who has lost that must ask ``may_write`` again, and
        look at what is stored: others may have gone on."""
        if self._session.holds(self._writes):
            return
        if self._has_written:
            raise Unavailable("the connection to the views was lost; what is stored is looked at")
        if not self._takes():
            raise Unavailable("another service writes these views", code="views_kept_elsewhere")

    def _takes(self) -> bool:
        """Whether it holds the lock of who writes; takes it when it is free."""
        self._has_written = self._session.lock(self._writes)
        return self._has_written

    def _begun(self, cursor: PostgresCursor) -> None:
        cursor.execute("SELECT pg_try_advisory_lock_shared(?)", (number_of(in_use(self._schema)),))
        if not cursor.fetchone()[0]:
            raise Unavailable(
                f"the views {self._schema} are being removed: others took their place"
            )


def in_use(schema: str) -> str:
    """The lock of all who have a schema open; alone it is held by who drops it."""
    return f"uses {schema}"


def has_tables(cursor: PostgresCursor, schema: str) -> bool:
    """Whether a schema holds views."""
    cursor.execute("SELECT to_regclass(?) IS NOT NULL", (f"{schema}.about",))
    return bool(cursor.fetchone()[0])
