"""Every kind of views, for the contract that all of them keep."""

from collections.abc import Iterator

import pytest

from tests.contract.views import KINDS, InPostgres, Kept, Sqlite, ViewKind, in_memory
from tests.support.postgres import Postgres, new_database


@pytest.fixture(scope="session")
def for_contracts(postgres: Postgres) -> str:
    """A database that is cleared after each use: faster than a new one."""
    return new_database(postgres)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Iterator[ViewKind]:
    """A kind, for tests that need a new place for each of many examples."""
    if request.param == "sqlite":
        yield Sqlite()
    else:
        made = InPostgres(request.getfixturevalue("for_contracts"))
        yield made
        made.close()


@pytest.fixture
def kept(kind: ViewKind) -> Iterator[Kept]:
    """A place for views of this kind."""
    with in_memory() as directory:
        place = Kept(directory / "views", kind)
        yield place
        place.close()
