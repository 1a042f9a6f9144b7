"""What tests of several packages share: a PostgreSQL for the session, where it is installed."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import (
    FORGETFUL,
    Postgres,
    new_database,
    refuse_missing,
    running_postgres,
)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server for the session. Tests that use it are of the group ``postgres``: one worker's."""
    refuse_missing()
    memory = Path("/dev/shm")
    with (
        tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory,
        running_postgres(Path(directory), FORGETFUL) as server,
    ):
        assert server is not None, "its programs are there"
        yield server


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The address of an empty database for this test."""
    return new_database(postgres)
