"""Where the views are kept: in files of the data directory, or in a database that others share."""

import importlib.util
from pathlib import Path

from adapters.views.files import SqliteViewFiles
from application.view_store import ViewFiles
from domain.errors import Misconfigured

NEEDED = ("psycopg", "psycopg_pool")


def view_files(database: str, directory: Path, log_id: str) -> ViewFiles:
    """The place that the settings name; ``database`` is "" for files in ``directory``.

    Raises ``Misconfigured``. Nothing is opened yet.
    """
    if not database:
        return SqliteViewFiles(directory, log_id)
    refuse_missing()
    from adapters.views.postgres.files import PostgresViewFiles
    from adapters.views.postgres.server import PostgresServer

    return PostgresViewFiles(PostgresServer(database), log_id)


def refuse_missing() -> None:
    """Pass where the extra is installed."""
    if not all(importlib.util.find_spec(name) for name in NEEDED):
        raise Misconfigured(
            "views names a database of PostgreSQL, but its client is not installed: install "
            "countermand[postgres], or take views away to keep them in the data directory"
        )


def reached(database: str) -> str:
    """Which PostgreSQL answers there, in words. Raises ``Misconfigured`` or ``Unavailable``."""
    refuse_missing()
    from adapters.views.postgres.server import PostgresServer

    server = PostgresServer(database)
    with server.connect() as connection:
        version = connection.info.parameter_status("server_version")
    return f"PostgreSQL {version} at {server.name}"
