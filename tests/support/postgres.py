"""A real PostgreSQL of our own, on a Unix socket; where it is installed."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import psycopg
import pytest
from msgspec import Struct

from tests.support.waiting import until

PROGRAMS: Final = ("initdb", "postgres")
DEBIANS: Final = Path("/usr/lib/postgresql")
ACCOUNT: Final = "postgres"
PORT: Final = 5432
STOP_SECONDS: Final = 30.0
NOT_HERE: Final = (
    "PostgreSQL's programs initdb and postgres are not on this machine (Debian's package is"
    " postgresql)"
)


NEEDED: Final = "COUNTERMAND_TESTS_NEED_POSTGRES"
"""Where this is set (in CI), tests fail that cannot run because PostgreSQL is not there."""

FORGETFUL: Final = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")
"""For tests that are not about a machine that dies."""


class Postgres(Struct, frozen=True):
    """A running server. It listens on a socket in ``directory``, and asks no password there."""

    directory: Path
    user: str
    version: str

    def url(self, database: str = "postgres", **parameters: str) -> str:
        """The address of a database."""
        wanted = {"host": str(self.directory), "port": str(PORT), **parameters}
        return f"postgresql://{self.user}@/{database}?{urlencode(wanted)}"

    def environment(self) -> dict[str, str]:
        """The settings of the library's persistence module for it."""
        return {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": "postgres",
            "POSTGRES_HOST": str(self.directory),
            "POSTGRES_PORT": str(PORT),
            "POSTGRES_USER": self.user,
            "POSTGRES_PASSWORD": "none is asked for",
        }


def programs() -> Path | None:
    """The directory with PostgreSQL's programs; None when it is not installed."""
    candidates = [*sorted(DEBIANS.glob("*/bin"), reverse=True)]
    on_path = shutil.which("initdb")
    if on_path is not None:
        candidates.append(Path(on_path).resolve().parent)
    for candidate in candidates:
        if all(os.access(candidate / name, os.X_OK) for name in PROGRAMS):
            return candidate
    return None


def refuse_missing() -> None:
    """Skip the test where PostgreSQL is not installed; fail where it must be."""
    if programs() is None:
        if os.environ.get(NEEDED):
            pytest.fail(f"{NOT_HERE}, and {NEEDED} says that it must be")
        pytest.skip(NOT_HERE)


def new_database(postgres: Postgres) -> str:
    """The address of a new, empty database."""
    name = f"views_{secrets.token_hex(6)}"
    run_sql(postgres.url(), f"CREATE DATABASE {name}")
    return postgres.url(name)


def run_sql(url: str, *statements: str) -> list[tuple[object, ...]]:
    """What the last of these statements finds, each a transaction of its own."""
    with psycopg.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


@contextmanager
def running_postgres(directory: Path, settings: Sequence[str] = ()) -> Iterator[Postgres | None]:
    """A server with its data below ``directory``; None where PostgreSQL is not installed.

    ``settings``: besides its defaults. It refuses to run as root, so root lends it the account that
    its package made.
    """
    found = programs()
    if found is None:
        yield None
        return
    account = ACCOUNT if os.geteuid() == 0 else None
    home, data = directory / "postgres", directory / "postgres" / "data"
    home.mkdir()
    if account is not None:
        directory.chmod(0o711)
        shutil.chown(home, account)
    user = account or pwd.getpwuid(os.geteuid()).pw_name
    made = [str(found / "initdb"), "-D", str(data), "-A", "trust", "-U", user, "-E", "UTF8", "-N"]
    subprocess.run(made, check=True, capture_output=True, user=account, cwd="/")
    with _serving(found, home, account, settings):
        yield _reached(home, user)


@contextmanager
def _serving(
    found: Path, home: Path, account: str | None, settings: Sequence[str]
) -> Iterator[None]:
    command = [str(found / "postgres"), "-D", str(home / "data"), "-k", str(home), "-p", str(PORT)]
    for setting in ("listen_addresses=", *settings):
        command += ["-c", setting]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, user=account, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)


def _reached(home: Path, user: str) -> Postgres:
    def look() -> Postgres | None:
        try:
            with psycopg.connect(host=str(home), port=PORT, user=user, dbname="postgres") as one:
                return Postgres(home, user, one.info.parameter_status("server_version") or "")
        except psycopg.OperationalError:
            return None

    return until(look, "PostgreSQL answers")
