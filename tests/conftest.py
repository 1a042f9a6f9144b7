"""What tests of several packages share: a PostgreSQL for the session, where it is installed."""

import gc
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


def pytest_configure() -> None:
    """While tests are found, objects are only made: to look for those to free frees none."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long comes first, so that at the end no worker waits for another's last test."""
    long = ("slow", "e2e")
    items.sort(key=lambda item: not any(item.get_closest_marker(name) for name in long))


def pytest_collection_finish() -> None:
    """What was found stays to the end, so the collector need not look through it again and again:
    some 400,000 objects, in each worker."""
    gc.collect()
    gc.freeze()
    gc.enable()


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
