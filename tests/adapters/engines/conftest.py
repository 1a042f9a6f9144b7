"""A bench with cgroups and one without."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.adapters.engines.bench import Bench


@pytest.fixture(params=["cgroups", "descendants"])
def use_cgroups(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "cgroups")


@pytest.fixture
async def bench(tmp_path: Path, use_cgroups: bool) -> AsyncIterator[Bench]:
    """Whatever is left of a test's runs is stopped after it."""
    bench = Bench(tmp_path / "runs", use_cgroups)
    yield bench
    await bench.clear()
