"""A database of PostgreSQL, and connections to it."""

import os
import socket
from collections.abc import Sequence
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow, tuple_row

from adapters.views.postgres.bounded import BoundedConnection
from domain.errors import Misconfigured, Unavailable

CONNECT_SECONDS: Final = 3
"""PostgreSQL's client takes whole seconds, at least two."""

VERSION_MIN: Final = 140000
"""PostgreSQL 14: from it on the server ends a session that says nothing."""

ALIVE_SECONDS: Final = 3
"""How long the network may say nothing before the server takes a client for dead."""

SILENT_SECONDS: Final = 3.5
"""How long the one who writes may say nothing before the server ends its session: its connection
may be dead although the network between answers for it. It makes sure twice a second that it still
is the one; others go on within five seconds."""

HELD_SECONDS: Final = 15
"""How long any other who holds locks may leave a transaction open and say nothing."""

SPEAKS: Final = (
    f"SET idle_session_timeout = '{SILENT_SECONDS}s'",
    f"SET idle_in_transaction_session_timeout = '{SILENT_SECONDS}s'",
)
"""From here on the session is the one of who writes the views in use."""

HELD: Final = (
    "tcp_keepalives_idle=1",
    "tcp_keepalives_interval=1",
    f"tcp_keepalives_count={ALIVE_SECONDS - 1}",
    f"tcp_user_timeout={ALIVE_SECONDS}s",
    f"idle_in_transaction_session_timeout={HELD_SECONDS}s",
    "synchronous_commit=off",
)
"""Settings of a session that holds locks: they must go when the service is gone. What is committed
with positions may be lost with the server: it is folded again."""

ALIVE: Final = {
    "keepalives_idle": "1",
    "keepalives_interval": "1",
    "keepalives_count": str(ALIVE_SECONDS - 1),
    "tcp_user_timeout": str(1000 * ALIVE_SECONDS),
}
"""The same from our side: a server that is gone without a word is not waited for."""

READS: Final = (
    "default_transaction_isolation=repeatable\\ read",
    "default_transaction_read_only=on",
    "jit=off",
)
"""Settings of a session that reads: each transaction sees one state, and plans are made fast."""


class PostgresServer:
    """Where the database is. ``name``: for people, without account and password."""

    def __init__(self, url: str) -> None:
        """Raises ``Misconfigured`` for what is not the address of a database."""
        try:
            self.parameters = {k: str(v) for k, v in conninfo_to_dict(url).items()}
        except psycopg.Error:  # its text may hold the password
            raise Misconfigured(
                "views is not the address of a database: give "
                "postgresql://ACCOUNT@HOST:PORT/DATABASE, with %40 for an @ in a part of it"
            ) from None
        host = self.parameters.get("host") or self.parameters.get("hostaddr") or "local socket"
        port, database = self.parameters.get("port", "5432"), self.parameters.get("dbname", "")
        self.name = f"{host}:{port}/{database}"

    def arguments(self, settings: Sequence[str] = ()) -> dict[str, str]:
        """What a connection is opened with: the operator's own words, then what it must have."""
        own = self.parameters.get("options", "")
        options = " ".join([own, *(f"-c {x}" for x in settings)]).strip()
        defaults = {"connect_timeout": str(CONNECT_SECONDS), "application_name": this_service()}
        return {**defaults, **ALIVE, **self.parameters, "options": options}

    def connect(self, settings: Sequence[str] = ()) -> BoundedConnection[TupleRow]:
        """A new connection, each statement a transaction. Raises ``Unavailable`` with why."""
        try:
            connection = BoundedConnection.connect(
                **self.arguments(settings),  # type: ignore[arg-type]
                autocommit=True,
                row_factory=tuple_row,
            )
        except psycopg.Error as error:
            raise self.unreachable(error) from error
        if connection.info.server_version < VERSION_MIN or encoding(connection) != "UTF8":
            found = f"version {connection.info.server_version // 10000}, {encoding(connection)}"
            connection.close()
            raise Unavailable(
                f"PostgreSQL at {self.name} ({found}) cannot hold views: it must be of version 14 "
                "or newer, and the database in UTF8"
            )
        return connection

    def unreachable(self, error: Exception) -> Unavailable:
        """What to look at."""
        why = " ".join(str(error).split())
        return Unavailable(
            f"PostgreSQL at {self.name} cannot be reached: {why}; see that it runs, and that the "
            "setting views has its address, account and database",
            code="views_unreachable",
        )


def this_service() -> str:
    """Who it is, for who looks at the sessions of a database."""
    return f"countermand {socket.gethostname()}:{os.getpid()}"


def encoding(connection: BoundedConnection[TupleRow]) -> str:
    """The encoding of a database."""
    return connection.info.parameter_status("server_encoding") or ""
