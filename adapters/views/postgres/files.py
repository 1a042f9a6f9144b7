"""Which schema holds the views: a new one is built beside the old one, then a row is switched.

``countermand_views.builds`` names all schemas, and those in use by log and version: services of two
versions may share a database, each with views of its own. Schemas that nobody uses are dropped.
"""

import re
import secrets
from collections.abc import Sequence
from typing import Final

from psycopg.sql import SQL, Identifier

from adapters.views.postgres.cursor import PostgresCursor
from adapters.views.postgres.server import PostgresServer
from adapters.views.postgres.session import Session, number_of
from adapters.views.postgres.store import PostgresViewStore, in_use
from domain.errors import Corrupt, Unavailable
from projections.version import VIEWS_VERSION

HOME: Final = "countermand_views"
MAKE: Final = (
    f"CREATE SCHEMA IF NOT EXISTS {HOME}",
    f"""CREATE TABLE IF NOT EXISTS {HOME}.builds (
    name text PRIMARY KEY, log_id text NOT NULL, version integer NOT NULL,
    in_use boolean NOT NULL DEFAULT false, begun_at timestamptz NOT NULL DEFAULT now()
)""",
)
NAME: Final = re.compile(r"countermand_v\d{1,6}_[0-9a-f]{12}")
NAME_BYTES: Final = 6


class PostgresViewFiles:
    """``ViewFiles`` in a database. ``log_id``: the log that the events are from."""

    def __init__(self, server: PostgresServer, log_id: str) -> None:
        self._server = server
        self._log_id = log_id
        self._session = Session(server, HOME, self._begun)
        self._building: str | None = None

    def current(self) -> PostgresViewStore | None:
        name = self.in_use()
        if name is None:
            return None
        try:
            return self._usable(PostgresViewStore(self._server, name, self._log_id, made=True))
        except Corrupt:
            return None

    def in_use(self) -> str | None:
        with self._session.cursor() as cursor:
            cursor.execute(
                "SELECT name FROM builds WHERE log_id = ? AND version = ? AND in_use", self._ours
            )
            row = cursor.fetchone()
        return None if row is None else checked(row[0])

    def begin(self) -> str:
        if not self._session.lock(self._builds):
            raise Unavailable(
                "another service builds these views; its own are used when they are there",
                code="views_built_elsewhere",
            )
        self._keep_only(self.in_use())
        name = f"countermand_v{VIEWS_VERSION}_{secrets.token_hex(NAME_BYTES)}"
        with self._session.cursor() as cursor:
            cursor.execute("INSERT INTO builds VALUES (?, ?, ?)", (name, *self._ours))
        self._building = name
        return name

    def open(self, name: str) -> PostgresViewStore:
        return PostgresViewStore(self._server, checked(name), self._log_id)

    def switch(self, name: str, still_read: str | None = None) -> None:
        self._analyze(name)
        with self._session.transaction() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = on")
            cursor.execute(
                "UPDATE builds SET in_use = (name = ?) WHERE log_id = ? AND version = ?",
                (name, *self._ours),
            )
        self._keep_only(name, still_read)
        self._built(name)

    def tidy(self) -> None:
        if self._session.lock(self._builds):
            self._keep_only(self.in_use(), self._building)
            self._built(None)

    def discard(self, name: str) -> None:
        if name != self.in_use():
            self._drop(name)
            self._built(name)

    def close(self) -> None:
        self._session.close()

    @property
    def _ours(self) -> tuple[str, int]:
        return self._log_id, VIEWS_VERSION

    @property
    def _builds(self) -> str:
        return f"builds {self._log_id} {VIEWS_VERSION}"

    def _begun(self, cursor: PostgresCursor) -> None:
        """Have the table of builds; two at a time would stumble over each other."""
        with cursor.raw.connection.transaction():
            cursor.execute("SELECT pg_advisory_xact_lock(?)", (number_of(HOME),))
            for statement in MAKE:
                cursor.raw.execute(statement.encode())

    def _built(self, name: str | None) -> None:
        """Others may build, when it was this one that was under way, or none."""
        if name == self._building:
            self._building = None
            self._session.unlock(self._builds)

    def _keep_only(self, *names: str | None) -> None:
        """Other builds of this log go, those of older versions too, unless somebody has them
        open."""
        with self._session.cursor() as cursor:
            cursor.execute("SELECT name FROM builds WHERE log_id = ? AND version <= ?", self._ours)
            found = [row[0] for row in cursor.fetchall()]
        for name in found:
            if name not in names:
                self._drop(checked(name))

    def _drop(self, name: str) -> None:
        """A schema and its entry, unless somebody has it open."""
        with self._session.transaction() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(?)", (number_of(in_use(name)),))
            if cursor.fetchone()[0]:
                cursor.raw.execute(
                    SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(checked(name)))
                )
                cursor.execute("DELETE FROM builds WHERE name = ?", (name,))

    def _analyze(self, name: str) -> None:
        """Have PostgreSQL know what there is, before it is asked."""
        with self._session.cursor() as cursor:
            cursor.execute(
                "SELECT relname::text FROM pg_class "
                "WHERE relnamespace = to_regnamespace(?) AND relkind = 'r'",
                (checked(name),),
            )
            tables: Sequence[str] = [row[0] for row in cursor.fetchall()]
            for table in tables:
                cursor.raw.execute(SQL("ANALYZE {}").format(Identifier(name, table)))

    def _usable(self, store: PostgresViewStore) -> PostgresViewStore | None:
        """The store, when it is of this version and of this log, and whole."""
        try:
            if (store.version, store.log_id) == (VIEWS_VERSION, self._log_id) and store.complete:
                return store
        except BaseException:
            store.close()
            raise
        store.close()
        return None


def checked(name: str) -> str:
    """A name that we gave. Raises ``Corrupt`` for any other."""
    if NAME.fullmatch(name) is None:
        raise Corrupt(f"{name!r} is not the name of views")
    return name
