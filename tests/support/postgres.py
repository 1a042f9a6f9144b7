"""A real PostgreSQL of our own, with its defaults, on a Unix socket; where it is installed."""

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
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


class Postgres(Struct, frozen=True):
    """A running server. It listens on a socket in ``directory``, and asks no password there."""

    directory: Path
    user: str
    version: str

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


@contextmanager
def running_postgres(directory: Path) -> Iterator[Postgres | None]:
    """A server with its data below ``directory``; None where PostgreSQL is not installed.

    It refuses to run as root, so root lends it the account that its package made.
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
    made = [str(found / "initdb"), "-D", str(data), "-A", "trust", "-U", user, "-E", "UTF8"]
    subprocess.run(made, check=True, capture_output=True, user=account, cwd="/")
    with _serving(found, home, data, account):
        yield _reached(home, user)


@contextmanager
def _serving(found: Path, home: Path, data: Path, account: str | None) -> Iterator[None]:
    command = [str(found / "postgres"), "-D", str(data), "-k", str(home), "-p", str(PORT)]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "-c", "listen_addresses="],
            user=account,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
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
