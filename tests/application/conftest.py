import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.stack import World

MEMORY = Path("/dev/shm")


@pytest.fixture
def new_world() -> Iterator[Callable[[], World]]:
    """Worlds with their journals in memory if possible: services die here, machines do not."""
    made = 0
    where = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=where) as directory:

        def make() -> World:
            nonlocal made
            made += 1
            own = Path(directory) / str(made)
            own.mkdir()
            return World(own)

        yield make


@pytest.fixture
def world(new_world: Callable[[], World]) -> World:
    return new_world()
