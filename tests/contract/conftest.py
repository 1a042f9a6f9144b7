"""Every kind of views, for the contract that all of them keep."""

from collections.abc import Iterator

import pytest

from tests.contract.views import KINDS, Kept, in_memory


@pytest.fixture(params=KINDS)
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    """A place for views of this kind."""
    with in_memory() as directory:
        place = Kept(directory / "views", KINDS[request.param])
        yield place
        place.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """A kind, for tests that need a new place for each of many examples."""
    return str(request.param)
