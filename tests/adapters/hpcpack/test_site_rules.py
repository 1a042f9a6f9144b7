"""What a site's own rules refuse is a fault with the rule's sentence, and permission denied."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from domain.hresult import HResult
from tests.adapters.hpcpack.client import HpcClient
from tests.adapters.http.stack import Stack, stack
from tests.adapters.policy.site import site_policy


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Stack]:
    async with stack(tmp_path, policy=site_policy()) as made:
        yield made


async def test_a_forced_cancel_without_a_message(alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    no = await alice.ask("POST", f"/jobs/{job}/cancel", forced="true")
    assert no.status == 403, no.raw
    assert "by force without saying why" in no.raw
    assert str(HResult.PERMISSION_DENIED - 2**32) in no.raw
    assert (await alice.ask("POST", f"/jobs/{job}/cancel", "now", forced="true")).status == 204
