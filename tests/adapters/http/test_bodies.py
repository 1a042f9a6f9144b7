"""What a body may be, and what becomes of hostile texts in it."""

from typing import Any

import httpx
import pytest

from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import SLEEP, Stack, submit

HOSTILE = [
    "'; DROP TABLE jobs; --",
    "<script>alert(1)</script>",
    "\r\nSet-Cookie: x=1\r\n\r\nid: 99\ndata: {}\n\n",
    "\u202egnp.exe \u2066 \u200b zero",
    "🧨" * 160,
    "e\u0301" * 160,
    "{{7*7}} ${jndi:ldap://x} %s %n",
]


# --- what a body may be ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"nonsense",
        b"[]",
        b"null",
        b'{"message":1}',
        b'{"message":null}',
        b'{"mesage":"typo"}',
        b'{"message":"\xff"}',
        b'{"message":"\xed\xa0\x80"}',
        b"\xff\xfe{}",
        b'{"mode":"brutal"}',
        b'{"mode":"graceful","forced":true}',
        b'{"mode":"forced","forced":false}',
        b'{"message":"\\ud800","typo":1}',
        b'{"message":"\\ud800","x":NaN}',
        b'{"message":"\\u00',
        b"[" * 100_000,
        b'{"message":"\\ud800","x":' + b"[" * 100_000,
        b'{"actor":"root"}',
    ],
)
async def test_a_body_that_cannot_be_understood(root: httpx.AsyncClient, body: bytes) -> None:
    job_id = await submit(root)
    answer = await root.post(f"/api/v1/jobs/{job_id}/cancel", content=body)
    assert "detail" in is_problem(answer, 400, "malformed")
    assert (await root.get(f"/api/v1/jobs/{job_id}")).json()["version"] == 2


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (b"9" * 100_000, "a number in the body has 100000 digits; at most 100 are read"),
        (b"1e999", "a number in the body is too large; at most 1.7e308 is read"),
        (b"[" * 100_000, "the body is nested too deep"),
    ],
)
@pytest.mark.parametrize(
    "body", [b'{"runtime_seconds":%b}', b'{"name":%b}', b'{"name":"\\ud800","priority":%b}']
)
async def test_a_number_beyond_all_is_refused_in_our_words(
    root: httpx.AsyncClient, body: bytes, number: bytes, sentence: str
) -> None:
    answer = await root.post("/api/v1/jobs", content=body % number)
    assert is_problem(answer, 400, "malformed")["detail"] == sentence


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"priority": "Urgent"}, "Lowest, BelowNormal, Normal, AboveNormal, Highest"),
        ({"job_type": "Service"}, "Batch, Admin"),
        ({"tasks": [{"command": "true", "type": "x"}]}, "Basic"),
        ({"tasks": [{"cmd": "true"}]}, "cmd"),
        ({"owner": "root"}, "owner"),
        ({"tasks": 7}, "$.tasks"),
        ({"submit": "yes"}, "$.submit"),
    ],
)
async def test_a_wrong_word_is_answered_with_the_right_ones(
    root: httpx.AsyncClient, body: dict[str, Any], words: str
) -> None:
    answer = await root.post("/api/v1/jobs", json=SLEEP | body)
    assert words in is_problem(answer, 400, "malformed")["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"tasks": [{"command": ""}]},
        {"tasks": [{"command": "x" * 9000}]},
        {"name": "n" * 81},
        {"name": "two\nlines"},
        {"run_as": "no such; name"},
        {"tasks": [{"command": "true", "environment": {"A=B": "c"}}]},
        {"tasks": [{"command": "true", "type": "NodeRelease"}]},
    ],
)
async def test_limits_of_a_new_job(root: httpx.AsyncClient, body: dict[str, Any]) -> None:
    is_problem(await root.post("/api/v1/jobs", json=SLEEP | body), 422, "bad_request")


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"\\ud800","tasks":[{"command":"true"}]}',
        b'{"tasks":[{"command":"true \\udfff"}]}',
        b'{"tasks":[{"command":"true","environment":{"\\ud800":"x"}}]}',
        b'{"run_as":"\\ud800","tasks":[{"command":"true"}]}',
        b'{"properties":{"a":"\\ud800"},"tasks":[{"command":"true"}]}',
        b'{"tasks":[{"command":"true","work_directory":"/\\ud800"}]}',
        b'{"tasks":[{"command":"true","name":"\\u0000"}]}',
    ],
)
async def test_what_is_no_text_in_a_new_job(root: httpx.AsyncClient, body: bytes) -> None:
    is_problem(await root.post("/api/v1/jobs", content=body), 422, "bad_request")


async def test_a_body_of_more_than_8_mib_is_too_large(root: httpx.AsyncClient) -> None:
    body = b'{"message":"' + b"x" * (8 * 1024 * 1024) + b'"}'
    answer = await root.post("/api/v1/jobs/1/cancel", content=body)
    is_problem(answer, 413, "too_large")


async def test_a_large_message_is_refused_and_recorded(root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    message = {"message": "x" * (7 * 1024 * 1024)}
    answer = await root.post(f"/api/v1/jobs/{job_id}/cancel", json=message)
    body = is_problem(answer, 422, "message_too_long")
    assert body["receipt"]["hresult"] == "0x800402D3"
    assert len(answer.text) < 5_000


@pytest.mark.parametrize("query", ["?force=true", "?message=x"])
async def test_a_command_has_no_query(root: httpx.AsyncClient, query: str) -> None:
    is_problem(await root.post(f"/api/v1/jobs/1/cancel{query}"), 400, "malformed")


# --- hostile messages -----------------------------------------------------------------------------


@pytest.mark.parametrize("message", HOSTILE)
async def test_an_allowed_message_comes_back_as_it_was_given(
    service: Stack, root: httpx.AsyncClient, message: str
) -> None:
    job_id = await submit(root)
    await service.run_job(job_id)
    path = f"/api/v1/jobs/{job_id}"
    assert (await root.post(f"{path}/cancel", json={"message": message})).status_code == 200
    again = await root.post(f"{path}/cancel", json={"message": message})
    assert again.json()["under_way"]["message"] == message
    assert "set-cookie" not in again.headers
    assert (await root.get(path)).json()["cancel"]["message"] == message
    events = (await root.get(f"{path}/events")).json()["events"]
    assert message in [x["event"]["data"].get("message") for x in events]
    steps = (await root.get(f"{path}/replay")).json()["steps"]
    assert all(step["summary"].isprintable() for step in steps)


@pytest.mark.parametrize(
    "escaped", ["\\ud800", "a\\udc00\\ud800z", "\\u0000", "\\u001b[31m", "\\u0085"]
)
@pytest.mark.parametrize("verb", ["cancel", "finish", "tasks/1/cancel"])
async def test_a_forbidden_character_is_refused_by_the_domain_and_recorded(
    service: Stack, root: httpx.AsyncClient, escaped: str, verb: str
) -> None:
    job_id = await submit(root)
    await service.run_job(job_id)
    body = b'{"message":"' + escaped.encode() + b'"}'
    answer = await root.post(f"/api/v1/jobs/{job_id}/{verb}", content=body)
    receipt = is_problem(answer, 422, "message_bad_character")["receipt"]
    assert receipt["hresult"] == "0x80040205"
    events = (await root.get(f"/api/v1/jobs/{job_id}/events")).json()["events"]
    assert events[-1]["event"]["id"] == receipt["event_id"]
    assert (await root.get(f"/api/v1/jobs/{job_id}/replay")).status_code == 200


async def test_what_is_no_text_as_a_reason_code(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    body = b'{"reason_code":"\\ud800"}'
    answer = await root.post(f"/api/v1/jobs/{job_id}/cancel", content=body)
    is_problem(answer, 422, "bad_reason_code")
    gone = await root.post("/api/v1/jobs/4711/cancel", content=b'{"message":"\\ud800"}')
    is_problem(gone, 404, "unknown_job")
    value = await root.put("/api/v1/parameters/TTLCompletedJobs", content=b'{"value":"\\ud800"}')
    is_problem(value, 422, "bad_parameter_value")
