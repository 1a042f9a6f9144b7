"""Cancels that wait, over HTTP, where none does; ``tests/e2e`` has some that do."""

import httpx

from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, submit


async def test_where_nothing_waits_nothing_is_approved_or_withdrawn(
    root: httpx.AsyncClient,
) -> None:
    path = f"/api/v1/jobs/{await submit(root)}/cancellations/disk-1"
    for act in ("approval", "withdrawal"):
        answer = await root.post(f"{path}/{act}", json={"message": "because"})
        problem = is_problem(answer, 409, "illegal_transition")
        assert "no cancel disk-1 waits" in problem["detail"]
        assert problem["receipt"]["rule"] == "cancel-waits"
        assert problem["receipt"]["event_type"] == "JobCommandRefused"


async def test_who_may_not_is_refused_before_that(service: Stack, root: httpx.AsyncClient) -> None:
    path = f"/api/v1/jobs/{await submit(root)}/cancellations/disk-1"
    async with service.person("sam", Role.USER) as sam:
        for act in ("approval", "withdrawal"):
            answer = await sam.post(f"{path}/{act}", json={})
            is_problem(answer, 403, "not_permitted")


async def test_no_cancel_waits(root: httpx.AsyncClient) -> None:
    job = await submit(root)
    answer = await root.get("/api/v1/pending")
    assert answer.status_code == 200
    assert answer.json()["cancels"] == []
    assert answer.json()["position"] > 0
    assert (await root.get(f"/api/v1/jobs/{job}")).json()["waiting_cancels"] == []


async def test_an_id_of_another_form_is_malformed(root: httpx.AsyncClient) -> None:
    path = f"/api/v1/jobs/{await submit(root)}/cancellations/no%20id/approval"
    is_problem(await root.post(path, json={}), 400, "malformed")
