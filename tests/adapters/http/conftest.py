"""One stack a test."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.adapters.http.stack import Stack, stack
from tests.contract.views import in_memory


@pytest.fixture
async def service() -> AsyncIterator[Stack]:
    """In memory if possible: machines do not die here, and a disk syncs in 10 ms."""
    with in_memory() as directory:
        async with stack(directory) as made:
            yield made


@pytest.fixture
async def root(service: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever runs the tests, on the Unix socket: an administrator."""
    async with service.unix() as client:
        yield client
