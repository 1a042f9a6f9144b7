"""A service on an empty data directory, for every test that asks for one."""

from collections.abc import Iterator

import pytest

from tests.e2e.support import Service, new_service


@pytest.fixture
def service() -> Iterator[Service]:
    with new_service() as one:
        yield one
