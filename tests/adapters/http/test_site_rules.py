"""What a site's own rules refuse reaches who asked: a code, the rule, and the rule's sentence."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, stack, submit
from tests.adapters.policy.site import site_policy


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Stack]:
    async with stack(tmp_path, policy=site_policy()) as made:
        yield made


async def refused(answer: httpx.Response, rule: str, sentence: str) -> None:
    """It says so, and by which rule."""
    body: dict[str, Any] = is_problem(answer, 403, "not_permitted")
    assert body["detail"].endswith(sentence), body
    receipt = body["receipt"]
    assert (receipt["rule"], receipt["outcome"]) == (rule, "refused")
    assert receipt["explanation"] == body["detail"]


async def mark(root: httpx.AsyncClient, job: int, place: str, message: str = "why") -> Any:
    answer = await root.post(f"/api/v1/jobs/{job}/{place}", json={"message": message})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_message_can_be_required(service: Stack, root: httpx.AsyncClient) -> None:
    job = await submit(root)
    place = f"/api/v1/jobs/{job}/cancel"
    no = await root.post(place, json={"forced": True})
    await refused(no, "forced-needs-a-message", "by force without saying why")
    assert (await root.post(place, json={"forced": True, "message": "x"})).status_code == 200


async def test_a_protected_job_is_not_canceled_until_it_is_not(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job = await submit(root)
    receipt = await mark(root, job, "protect", "the last run")
    assert (receipt["operation"], receipt["explanation"]) == (
        "protect",
        f"job {job}: protected",
    )
    found = (await root.get(f"/api/v1/jobs/{job}")).json()
    assert (found["protection"]["message"], found["legal_hold"]) == ("the last run", None)
    no = await root.post(f"/api/v1/jobs/{job}/cancel", json={"message": "now"})
    await refused(no, "protected", f"job {job} is protected")
    again = await root.post(f"/api/v1/jobs/{job}/protect", json={"message": "again"})
    assert is_problem(again, 409, "illegal_transition")
    silent = await root.post(f"/api/v1/jobs/{job}/unprotect", json={})
    assert is_problem(silent, 422, "message_required")
    await mark(root, job, "unprotect")
    assert (await root.post(f"/api/v1/jobs/{job}/cancel", json={})).status_code == 200


async def test_a_job_under_legal_hold_is_seen_and_not_changed(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job = await submit(root)
    await mark(root, job, "legal-hold", "case 117")
    no = await root.patch(f"/api/v1/jobs/{job}", json={"labels": {"env": "x"}})
    await refused(no, "legal-hold", f"job {job} is under legal hold")
    (listed,) = (await root.get("/api/v1/jobs")).json()["jobs"]
    assert (listed["on_legal_hold"], listed["is_protected"]) == (True, False)
    rows = (await root.get("/api/v1/audit", params={"kind": "mark"})).json()["rows"]
    assert [(x["operation"], x["message"], x["outcome"]) for x in rows] == [
        ("legal_hold", "case 117", "accepted")
    ]
    await mark(root, job, "legal-hold/release", "closed")
    answer = await root.patch(f"/api/v1/jobs/{job}", json={"labels": {"env": "x"}})
    assert answer.status_code == 200
    sentences = (await root.get(f"/api/v1/jobs/{job}/explanation")).json()["sentences"]
    words = " ".join(x["text"] for x in sentences)
    assert 'put it under legal hold, saying "case 117".' in words
    assert 'released its legal hold, saying "closed".' in words


async def test_a_bulk_can_be_too_large(service: Stack, root: httpx.AsyncClient) -> None:
    jobs = [await submit(root) for _ in range(3)]
    answer = await root.post("/api/v1/cancellations", json={"jobs": jobs})
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert "may not cancel more than 2 jobs by one request" in str(told)
    some = await root.post("/api/v1/cancellations", json={"jobs": jobs[:2]})
    assert "may not cancel more" not in some.text
