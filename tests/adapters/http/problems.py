"""What every refusal over HTTP has."""

from typing import Any

import httpx


def is_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"urn:countermand:problem:{code}"
    assert all(body[field] for field in ("title", "detail", "what_to_do"))
    assert "Traceback" not in answer.text
    return body
