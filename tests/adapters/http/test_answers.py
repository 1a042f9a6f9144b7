"""What answers say of themselves: how far they are true, for whom, of what media type."""

import re
from typing import Final
from urllib.parse import quote

import httpx
import pytest

from adapters.http.contract.document import OPERATIONS
from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, submit, until

API: Final = "/api/v1"
HOSTILE: Final = quote("a\u202eb\x1b[2J\u2066c")
ASKED: Final = sorted(o.path for o in OPERATIONS if o.method == "GET" and o.named)
NEEDS: Final = {"/policy/answer": "?job=1"}
"""What a path cannot be asked without."""


@pytest.mark.parametrize(
    "path",
    [
        "/jobs/1",
        "/jobs/1?version=1",
        "/jobs/1/events",
        "/jobs/1/replay",
        "/jobs/1/explanation",
        "/jobs/1/tasks",
        "/events/1",
        "/parameters",
        "/jobs",
        "/audit",
        "/audit/export",
        "/cancellations",
    ],
)
async def test_an_answer_says_that_it_knows_what_it_was_asked_to_know(
    service: Stack, root: httpx.AsyncClient, path: str
) -> None:
    await submit(root)
    await submit(root)  # what the answer must know is about another job
    last = service.ledger.position
    wanted = {"Countermand-At-Least": str(last)}
    answer = await root.get(API + path, headers=wanted)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["countermand-position"]) >= last
    tag = answer.headers.get("etag")
    if tag:
        held = await root.get(API + path, headers=wanted | {"If-None-Match": tag})
        assert held.status_code == 304
        assert int(held.headers["countermand-position"]) >= last


@pytest.mark.parametrize("path", ASKED)
async def test_who_may_not_act_for_somebody_is_told_nothing(
    service: Stack, root: httpx.AsyncClient, path: str
) -> None:
    await submit(root)
    service.file.add("bob", (Role.USER,))
    async with service.person("eve") as eve:
        asked = API + re.sub(r"\{\w+\}", "1", path) + NEEDS.get(path, "")
        answer = await eve.get(asked, headers={"Countermand-As": "bob"})
    is_problem(answer, 403, "not_permitted")


@pytest.mark.parametrize("path", ["", "/tasks", "/events", "/replay", "/explanation"])
async def test_a_job_of_somebody_else_is_answered_the_same_everywhere(
    service: Stack, root: httpx.AsyncClient, path: str
) -> None:
    job = await submit(root)
    async with service.person("eve") as eve:
        is_problem(await eve.get(f"{API}/jobs/{job}{path}"), 403, "not_permitted")
        is_problem(await eve.get(f"{API}/jobs/4711{path}"), 404, "unknown_job")


@pytest.mark.parametrize(
    "path", ["/jobs/{}", "/jobs?name={}&nosuch=1", "/schema/{}", "/events?job={}", "/audit?kind={}"]
)
async def test_foreign_text_in_a_detail_is_harmless(root: httpx.AsyncClient, path: str) -> None:
    answer = await root.get(API + path.format(HOSTILE))
    assert answer.status_code >= 400
    assert answer.json()["detail"].isprintable()


async def test_foreign_text_in_a_refusal_is_harmless(root: httpx.AsyncClient) -> None:
    answer = await root.post(f"{API}/jobs/{HOSTILE}/cancel", json={"message": "x"})
    detail = is_problem(answer, 404, "unknown_job")["detail"]
    assert detail.isprintable()
    assert "\\u202e" in detail


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/metrics", "text/plain; version=0.0.4; charset=utf-8"),
        ("/audit/export?format=csv", "text/csv; header=present; charset=utf-8"),
    ],
)
async def test_a_charset_is_said_once(root: httpx.AsyncClient, path: str, kind: str) -> None:
    await root.get(f"{API}/jobs")  # which waits until there are views
    assert (await root.get(API + path)).headers["content-type"] == kind


@pytest.mark.parametrize("task", ["x", "0", "-1", "2147483648"])
async def test_what_a_task_may_be_is_said_as_the_contract_does(
    root: httpx.AsyncClient, task: str
) -> None:
    job = await submit(root)
    answer = await root.post(f"{API}/jobs/{job}/tasks/{task}/cancel")
    assert "from 1 to 2147483647" in is_problem(answer, 400, "malformed")["detail"]


GOOD_TIMES: Final = (
    "2026-11-23T07:00:00Z",
    "2026-11-23t07:00:00.1z",
    "2026-11-23T08:00:00%2B01:00",
    "2026-11-23T08:00:00+01:00",
    "2026-11-23 07:00:00.123456789Z",
)
BAD_TIMES: Final = (
    "2026-W47-1T07:00:00Z",
    "20261123T070000Z",
    "2026-11-23T07:00:00,5Z",
    "2026-11-23T07:00:00+01:00:30",
    "2026-11-23T07:00Z",
    "2026-11-23T07:00:00",
    "2026-02-30T07:00:00Z",
    "0001-01-01T00:00:00%2B01:00",
    "2026-11-23T07:00:00Z%0A",
    "\u0662026-11-23T07:00:00Z",
)


@pytest.mark.parametrize("text", GOOD_TIMES)
async def test_a_time_of_rfc_3339_is_read(root: httpx.AsyncClient, text: str) -> None:
    assert (await root.get(f"{API}/jobs?since={text}")).status_code == 200


@pytest.mark.parametrize("text", BAD_TIMES)
async def test_another_form_of_a_time_is_refused(root: httpx.AsyncClient, text: str) -> None:
    answer = await root.get(f"{API}/jobs?since={text}")
    assert "with its zone" in is_problem(answer, 400, "malformed")["detail"]


@pytest.mark.parametrize(
    "path", ["/audit?forced=false", "/audit?refused=false", "/cancellations?troubled=false"]
)
async def test_what_only_restricts_can_only_be_true(root: httpx.AsyncClient, path: str) -> None:
    answer = await root.get(API + path)
    assert "it is one of true" in is_problem(answer, 400, "malformed")["detail"]
    assert (await root.get(API + path.replace("false", "true"))).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        '{"message":"a","message":"b"}',
        '{"message":"a","mess\\u0061ge":"b"}',
        '{"message":"\\ud800","message":"b"}',
    ],
)
async def test_a_member_that_stands_twice_is_refused(root: httpx.AsyncClient, body: str) -> None:
    job = await submit(root)
    answer = await root.post(f"{API}/jobs/{job}/cancel", content=body)
    assert "'message' twice" in is_problem(answer, 400, "malformed")["detail"]


async def test_a_member_within_that_stands_twice_is_refused(root: httpx.AsyncClient) -> None:
    body = '{"tasks":[{"command":"x","environment":{"A":"1","A":"2"}}]}'
    answer = await root.post(f"{API}/jobs", content=body)
    assert "'A' twice" in is_problem(answer, 400, "malformed")["detail"]


async def test_the_rules_of_a_row_find_the_row(service: Stack, root: httpx.AsyncClient) -> None:
    job = await submit(root)
    await service.run_job(job)
    await root.post(f"{API}/jobs/{job}/cancel")
    await until(lambda: service.views.projector.position >= service.ledger.position)
    (row,) = (await root.get(f"{API}/audit", params={"kind": "request"})).json()["rows"]
    found = (await root.get(f"{API}/audit", params={"rule": row["rule"]})).json()["rows"]
    assert row in found
    more = {"rule": row["rule"] + ",another-rule"}
    assert (await root.get(f"{API}/audit", params=more)).json()["rows"] == []
