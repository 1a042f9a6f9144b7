"""One stack a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.adapters.http.stack import Stack, stack


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Stack]:
    async with stack(tmp_path) as made:
        yield made


@pytest.fixture
async def root(service: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever runs the tests, on the Unix socket: an administrator."""
    async with service.unix() as client:
        yield client
