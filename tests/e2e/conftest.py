"""What tests from end to end ask for: a service, a bare stream, a webhook; each for one test."""

from collections.abc import Iterator

import pytest

from tests.e2e.bare import Bare, bare_stream
from tests.e2e.home import new_home
from tests.e2e.receiver import Receiver, receiving
from tests.e2e.service import Service, new_service
from tests.support.made_once import share


@pytest.fixture(scope="session", autouse=True)
def shelf(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where directories are kept that are made once for all workers."""
    share(tmp_path_factory.getbasetemp())


@pytest.fixture
def service() -> Iterator[Service]:
    """Not started yet, on an empty data directory; it runs four tasks at a time."""
    with new_service(slots=4) as one:
        yield one


@pytest.fixture
def bare() -> Iterator[Bare]:
    """A nats-server with an empty stream, and no service."""
    with new_home() as home, bare_stream(home / "nats") as one:
        yield one


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A webhook that takes everything, until told otherwise."""
    with receiving() as one:
        yield one
