"""ETag, If-None-Match and If-Match: what a version is called, and commands for one version only."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import SLEEP, Stack, submit

PARAMETER = "/api/v1/parameters/TaskCancelGracePeriod"
COMMANDS = (
    "submit",
    "cancel",
    "finish",
    "configure",
    "requeue",
    "protect",
    "unprotect",
    "legal-hold",
    "legal-hold/release",
    "tasks/1/cancel",
    "tasks/1/finish",
    "tasks/1/requeue",
)


def condition(value: str | bytes, name: str = "If-Match") -> Any:
    return {name: value}


async def version_of(root: httpx.AsyncClient, job_id: int) -> int:
    return int((await root.get(f"/api/v1/jobs/{job_id}")).json()["version"])


# --- ETag and If-None-Match -----------------------------------------------------------------------


async def test_the_etag_of_a_job_is_its_version(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    await service.run_job(job_id)
    path = f"/api/v1/jobs/{job_id}"
    now = await root.get(path)
    assert now.headers["etag"] == f'"{now.json()["version"]}"'
    then = await root.get(path, params={"version": 2})
    assert then.headers["etag"] == '"2"'
    at = await root.get(path, params={"at": now.json()["changed_at"]})
    assert at.headers["etag"] == now.headers["etag"]
    waited = await root.get(f"{path}?until=ended&timeout_seconds=0")
    assert waited.headers["etag"] == now.headers["etag"]


@pytest.mark.parametrize("held", ['"{}"', 'W/"{}"', '"1", "{}"', '"x,y" , W/"{}",,', "*"])
async def test_who_holds_the_version_gets_no_body(
    service: Stack, root: httpx.AsyncClient, held: str
) -> None:
    job_id = await submit(root)
    await service.run_job(job_id)
    for path in (f"/api/v1/jobs/{job_id}", f"/api/v1/jobs/{job_id}?version=3"):
        found = await root.get(path)
        tag = held.format(found.json()["version"])
        answer = await root.get(path, headers=condition(tag, "If-None-Match"))
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == found.headers["etag"]
        assert answer.headers["countermand-position"] == found.headers["countermand-position"]


@pytest.mark.parametrize("held", ['"99"', '"1", W/"99"', '"7-gzip"', '""'])
async def test_who_holds_another_version_gets_the_job(root: httpx.AsyncClient, held: str) -> None:
    job_id = await submit(root)
    answer = await root.get(f"/api/v1/jobs/{job_id}", headers=condition(held, "If-None-Match"))
    assert (answer.status_code, answer.json()["job_id"]) == (200, job_id)


async def test_304_is_for_who_may_see(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    any_version = condition("*", "If-None-Match")
    async with service.person("bob") as bob:
        path = f"/api/v1/jobs/{job_id}"
        is_problem(await bob.get(path, headers=any_version), 403, "not_permitted")
    is_problem(await root.get("/api/v1/jobs/4711", headers=any_version), 404, "unknown_job")


async def test_a_304_ends_with_its_head_and_the_connection_goes_on(
    service: Stack, root: httpx.AsyncClient
) -> None:
    """Over a plain socket: not a byte after the head, and the next answer is whole."""
    job_id = await submit(root)
    tag = (await root.get(f"/api/v1/jobs/{job_id}")).headers["etag"]
    reader, writer = await asyncio.open_unix_connection(service.socket)
    head = f"GET /api/v1/jobs/{job_id} HTTP/1.1\r\nHost: x\r\n"
    writer.write(f"{head}If-None-Match: {tag}\r\n\r\n".encode())
    first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert first.startswith(b"HTTP/1.1 304 ")
    assert b"content-length" not in first.lower()
    assert b"transfer-encoding" not in first.lower()
    writer.write(f"{head}Connection: close\r\n\r\n".encode())
    second = await asyncio.wait_for(reader.read(), 10)
    assert second.startswith(b"HTTP/1.1 200 ")
    assert json.loads(second.partition(b"\r\n\r\n")[2])["job_id"] == job_id
    writer.close()
    await writer.wait_closed()


# --- If-Match on jobs -----------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
async def test_a_command_for_another_version_is_refused_and_recorded(
    root: httpx.AsyncClient, command: str
) -> None:
    job_id = await submit(root, submit=False)
    path = f"/api/v1/jobs/{job_id}"
    answer = await root.post(f"{path}/{command}", headers=condition('"3"'))
    body = is_problem(answer, 412, "version_mismatch")
    assert body["detail"] == (
        f"job {job_id} is at version 1, but the request is only for version 3"
    )
    receipt = body["receipt"]
    assert (receipt["outcome"], receipt["rule"], receipt["version"]) == ("refused", "if-match", 2)
    (_, event) = (await root.get(f"{path}/events")).json()["events"]
    assert event["event"]["id"] == receipt["event_id"]
    assert event["event"]["data"]["code"] == "version_mismatch"
    assert (await root.get(path)).json()["state"] == "Configuring"


@pytest.mark.parametrize("matching", ['"{}"', '"1", "{}"', '"1","{}" ,', "*"])
async def test_a_command_for_the_version_there_is_is_done(
    service: Stack, root: httpx.AsyncClient, matching: str
) -> None:
    job_id = await submit(root)
    await service.run_job(job_id)
    tag = matching.format(await version_of(root, job_id))
    answer = await root.post(f"/api/v1/jobs/{job_id}/cancel", headers=condition(tag))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "accepted")


async def test_a_list_on_several_lines_is_one_list(root: httpx.AsyncClient) -> None:
    job_id = await submit(root, submit=False)
    lines = [("If-Match", '"9"'), ("If-Match", '"1"')]
    answer = await root.post(f"/api/v1/jobs/{job_id}/submit", headers=lines)
    assert answer.status_code == 200


@pytest.mark.parametrize("weak", ['W/"{}"', 'W/"{}", W/"x"', '"99", W/"{}"'])
async def test_weak_tags_never_match(root: httpx.AsyncClient, weak: str) -> None:
    job_id = await submit(root, submit=False)
    answer = await root.post(f"/api/v1/jobs/{job_id}/submit", headers=condition(weak.format(1)))
    is_problem(answer, 412, "version_mismatch")


@pytest.mark.parametrize(
    "tag", ["seven", "07", "-1", "1.0", "99999999999", "\u0661".encode(), "", "+1", "1-gzip"]
)
async def test_a_tag_that_no_version_has_never_matches(
    root: httpx.AsyncClient, tag: str | bytes
) -> None:
    job_id = await submit(root, submit=False)
    raw = tag if isinstance(tag, bytes) else tag.encode()
    answer = await root.post(f"/api/v1/jobs/{job_id}/submit", headers=condition(b'"%b"' % raw))
    detail = is_problem(answer, 412, "version_mismatch")["detail"]
    assert detail.endswith("but the request is only for a version that it never has")
    assert await version_of(root, job_id) == 2, "the refusal is history"


MALFORMED: list[str | bytes] = [
    "", "7", "1 2", '"7', '7"', '"7" "8"', "W/7", 'w/"7"', "*, *", '*, "7"', '"7", *', "'7'",
    '" 7"', ",", '"7";', "ü".encode(), ", ".join(f'"{n}"' for n in range(101)),
]  # fmt: skip


@pytest.mark.parametrize("value", MALFORMED)
async def test_what_is_no_tag_is_malformed_and_no_history(
    root: httpx.AsyncClient, value: str | bytes
) -> None:
    job_id = await submit(root, submit=False)
    answer = await root.post(f"/api/v1/jobs/{job_id}/submit", headers=condition(value))
    body = is_problem(answer, 400, "malformed")
    assert body["detail"].startswith("If-Match cannot be ")
    assert body["detail"].endswith(
        'it is * or a list of at most 100 versions, each in double quotes, as in "7"'
    )
    assert len(body["detail"]) < 500
    assert await version_of(root, job_id) == 1


@pytest.mark.parametrize("value", ["", "7", '"7', '*, "7"', ", ".join(['"7"'] * 101)])
async def test_what_could_not_be_held_is_malformed(root: httpx.AsyncClient, value: str) -> None:
    job_id = await submit(root)
    answer = await root.get(f"/api/v1/jobs/{job_id}", headers=condition(value, "If-None-Match"))
    detail = is_problem(answer, 400, "malformed")["detail"]
    assert detail.startswith("If-None-Match cannot be ")


async def test_a_hundred_versions_may_be_named(root: httpx.AsyncClient) -> None:
    job_id = await submit(root, submit=False)
    tags = ", ".join(f'"{n}"' for n in range(100))
    answer = await root.post(f"/api/v1/jobs/{job_id}/submit", headers=condition(tags))
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["If-None-Match", "If-Modified-Since", "If-Unmodified-Since"])
@pytest.mark.parametrize("path", ["/cancel", "/tasks/1/finish", ""])
async def test_no_condition_of_a_command_is_passed_over(
    root: httpx.AsyncClient, name: str, path: str
) -> None:
    job_id = await submit(root)
    route = f"/api/v1/jobs/{job_id}{path}" if path else "/api/v1/jobs"
    answer = await root.post(route, json={}, headers=condition("*", name))
    assert name in is_problem(answer, 400, "malformed")["detail"]


@pytest.mark.parametrize("value", ["*", '"1"', "1"])
async def test_a_new_job_has_no_version(root: httpx.AsyncClient, value: str) -> None:
    answer = await root.post("/api/v1/jobs", json=SLEEP, headers=condition(value))
    detail = is_problem(answer, 400, "malformed")["detail"]
    assert detail == "a new job has no version yet: leave If-Match out"


async def test_a_retry_is_answered_as_before_whatever_version_it_is_for(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job_id = await submit(root)
    await service.run_job(job_id)
    path, version = f"/api/v1/jobs/{job_id}/cancel", await version_of(root, job_id)
    key = {"Idempotency-Key": "k1"}
    first = await root.post(path, headers=key | condition(f'"{version}"'))
    for value in (f'"{version}"', '"1"', "*"):
        again = await root.post(path, headers=key | condition(value))
        assert (again.status_code, again.json()["replayed"]) == (200, True)
        assert again.json()["event_id"] == first.json()["event_id"]
    assert (await root.post(path, headers=key)).json()["replayed"] is True
    late = {"Idempotency-Key": "k2"}
    refused = await root.post(path, headers=late | condition('"1"'))
    is_problem(refused, 412, "version_mismatch")
    again = await root.post(path, headers=late | condition(f'"{await version_of(root, job_id)}"'))
    receipt = is_problem(again, 412, "version_mismatch")["receipt"]
    assert receipt["replayed"] is True
    assert receipt["event_id"] == refused.json()["receipt"]["event_id"]


async def test_of_many_for_one_version_one_is_done(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    await service.run_job(job_id)
    tag = condition(f'"{await version_of(root, job_id)}"')
    path = f"/api/v1/jobs/{job_id}/cancel"
    answers = await asyncio.gather(*(root.post(path, headers=tag) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 19


async def test_who_has_no_right_and_what_does_not_exist_come_before_the_version(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job_id = await submit(root)
    async with service.person("mallory") as mallory:
        answer = await mallory.post(f"/api/v1/jobs/{job_id}/cancel", headers=condition('"99"'))
    body = is_problem(answer, 403, "not_permitted")
    assert "version" not in body["detail"]
    nothing = await root.post("/api/v1/jobs/4711/cancel", headers=condition('"99"'))
    is_problem(nothing, 404, "unknown_job")


# --- parameters -----------------------------------------------------------------------------------


async def test_the_parameters_have_the_version_of_the_cluster(root: httpx.AsyncClient) -> None:
    first = await root.get("/api/v1/parameters")
    tag = first.headers["etag"]
    held = await root.get("/api/v1/parameters", headers=condition(tag, "If-None-Match"))
    assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", tag)
    done = await root.put(PARAMETER, json={"value": "30"}, headers=condition(tag))
    assert done.status_code == 200
    now = await root.get("/api/v1/parameters", headers=condition(tag, "If-None-Match"))
    assert now.headers["etag"] == f'"{done.json()["version"]}"'
    late = await root.put(PARAMETER, json={"value": "31"}, headers=condition(tag))
    body = is_problem(late, 412, "version_mismatch")
    assert body["detail"].startswith("the cluster is at version ")
    assert body["receipt"]["event_type"] == "ClusterCommandRefused"
    found = (await root.get("/api/v1/parameters")).json()["parameters"]
    assert {p["name"]: p["value"] for p in found}["TaskCancelGracePeriod"] == 30


async def test_a_parameter_at_any_version_and_what_is_no_version(
    service: Stack, root: httpx.AsyncClient
) -> None:
    done = await root.put(PARAMETER, json={"value": "30"}, headers=condition("*"))
    assert done.status_code == 200
    bad = await root.put(PARAMETER, json={"value": "31"}, headers=condition("30"))
    is_problem(bad, 400, "malformed")
    async with service.person("jan", Role.JOB_ADMINISTRATOR) as jan:
        answer = await jan.put(PARAMETER, json={"value": "31"}, headers=condition('"99"'))
        is_problem(answer, 403, "not_permitted")
