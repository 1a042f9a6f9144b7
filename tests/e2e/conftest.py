"""A service on an empty data directory, for every test that asks for one."""

from collections.abc import Iterator

import pytest

from tests.e2e.service import Service, new_service


@pytest.fixture
def service() -> Iterator[Service]:
    """Not started yet; it runs four tasks at a time."""
    with new_service(slots=4) as one:
        yield one
