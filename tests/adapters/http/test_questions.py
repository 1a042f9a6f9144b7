"""Questions over HTTP: a job now and then, its exact events, its replay, waiting, health."""

import asyncio
import json
from typing import Any

import httpx
import msgspec
import pytest

from adapters.http.bodies.events import event_body
from adapters.http.bodies.health import Health, HealthStatus
from application.ports import Stored, Undecodable
from domain import commands as c
from domain.events import Exit, job_aggregate
from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, submit, until

JOB_FIELDS = {
    "fail_on_task_failure", "run_until_canceled", "runtime_seconds", "limit_seconds", "failing",
    "held",
    "job_id", "name", "owner", "job_type", "priority", "run_as", "properties", "state",
    "previous_state", "version", "position", "created_at", "submitted_at", "queued_at",
    "started_at", "ended_at", "changed_at", "requeue_count", "error_code", "error_message",
    "nodes", "cancel", "finish", "tasks", "removed", "valid_exit_codes", "task_retry_count",
    "hold_until", "project", "service_name", "client_source", "progress", "progress_message",
    "max_cores", "labels", "protection", "legal_hold", "waiting_cancels",
}  # fmt: skip
TASK_FIELDS = {
    "task_id", "type", "name", "command", "work_directory", "state", "attempt", "node",
    "exit_code", "exit_signal", "started_at", "ended_at", "survivors", "code", "reason",
    "explicitly_canceled", "finish", "runtime_seconds", "depends_on", "retry_count", "retries",
    "start", "end", "increment", "instances", "subtasks", "valid_exit_codes", "properties", "stdin",
    "stdout", "stderr",
}  # fmt: skip


async def canceled(service: Stack, client: httpx.AsyncClient) -> int:
    """A job that was canceled before it ran."""
    job_id = await submit(client)
    await service.queue_job(job_id)
    await client.post(f"/api/v1/jobs/{job_id}/cancel", json={"message": "why not"})
    await service.end_job(job_id)
    return job_id


async def test_a_job_in_full(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await canceled(service, root)
    answer = await root.get(f"/api/v1/jobs/{job_id}")
    job = answer.json()
    assert set(job) == JOB_FIELDS
    assert set(job["tasks"][0]) == TASK_FIELDS
    assert job["state"] == "Canceled"
    assert job["error_code"] == "0x80040201"
    assert "why not" in job["error_message"]
    assert set(job["cancel"]) == {
        "request_id", "mode", "message", "reason_code", "actor", "on_behalf_of", "at",
        "grace_seconds", "node_release",
    }  # fmt: skip
    assert answer.headers["countermand-position"] == str(job["position"])
    assert len(job["ended_at"]) == len("2026-11-23T07:00:00.123456Z")


async def test_a_job_then(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await canceled(service, root)
    path = f"/api/v1/jobs/{job_id}"
    first = (await root.get(path, params={"version": 1})).json()
    assert (first["state"], first["version"]) == ("Configuring", 1)
    steps = (await root.get(f"{path}/replay")).json()["steps"]
    queued = next(step for step in steps if step["type"] == "JobQueued")
    then = (await root.get(path, params={"at": queued["time"]})).json()
    assert (then["state"], then["version"]) == ("Queued", queued["version"])
    offset = queued["time"].replace("Z", "+00:00")
    assert (await root.get(f"{path}?at={offset}")).json() == then
    before = await root.get(path, params={"at": "2020-01-01T00:00:00Z"})
    is_problem(before, 404, "unknown_version")
    is_problem(await root.get(path, params={"version": 99}), 404, "unknown_version")


@pytest.mark.parametrize(
    "query",
    [
        "version=0", "version=x", "version=1&version=2", "at=yesterday", "at=2026-01-01",
        "at=0001-01-01T00:00:00%2B23:00", "vresion=1", "until=forever",
        "until=ended&timeout_seconds=61", "until=ended&timeout_seconds=-1",
        "&".join(["x=1"] * 200),
    ],
)  # fmt: skip
async def test_a_question_that_cannot_be_understood(root: httpx.AsyncClient, query: str) -> None:
    job_id = await submit(root)
    is_problem(await root.get(f"/api/v1/jobs/{job_id}?{query}"), 400, "malformed")


async def test_of_a_version_and_a_time_the_earlier_counts(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job_id = await canceled(service, root)
    url = f"/api/v1/jobs/{job_id}"
    now = "9999-01-01T00:00:00Z"
    for what in ("", "/replay"):
        all_of_it = (await root.get(f"{url}{what}?at={now}")).json()
        first = (await root.get(f"{url}{what}?version=1&at={now}")).json()
        assert first == (await root.get(f"{url}{what}?version=1")).json() != all_of_it
        before = f"{url}{what}?version=1&at=2000-01-01T00:00:00Z"
        is_problem(await root.get(before), 404, "unknown_version")


async def test_a_wait_may_end_with_an_earlier_version(
    service: Stack, root: httpx.AsyncClient
) -> None:
    url = f"/api/v1/jobs/{await canceled(service, root)}"
    for wait in ("until=ended", "timeout_seconds=9", "until=ended&timeout_seconds=9"):
        assert (await root.get(f"{url}?{wait}")).json()["state"] == "Canceled"
        assert (await root.get(f"{url}?{wait}&version=1")).json()["version"] == 1


@pytest.mark.parametrize("what", ["", "/events", "/replay"])
async def test_questions_about_nothing_and_by_others(
    service: Stack, root: httpx.AsyncClient, what: str
) -> None:
    is_problem(await root.get(f"/api/v1/jobs/4711{what}"), 404, "unknown_job")
    is_problem(await root.get(f"/api/v1/jobs/abc{what}"), 404, "unknown_job")
    job_id = await submit(root)
    async with service.person("bob") as bob, service.person("eve", Role.AUDITOR) as eve:
        is_problem(await bob.get(f"/api/v1/jobs/{job_id}{what}"), 403, "not_permitted")
        assert (await eve.get(f"/api/v1/jobs/{job_id}{what}")).status_code == 200


async def test_events_are_the_stored_bytes(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await canceled(service, root)
    answer = await root.get(f"/api/v1/jobs/{job_id}/events")
    stored = await service.log.load(job_aggregate(job_id))
    assert answer.json()["job_id"] == job_id
    assert [x["position"] for x in answer.json()["events"]] == [x.position for x in stored]
    for event in stored:
        assert event.raw in answer.content


async def test_a_replay_equals_the_live_job(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    await service.run_job(job_id)
    await service.instruct(job_id, c.RecordRunEnd(1, 1, Exit(code=0)))
    await service.end_job(job_id)
    path = f"/api/v1/jobs/{job_id}"
    told = (await root.get(f"{path}/replay")).json()
    assert told["matches_live"] is True
    assert told["job"] == (await root.get(path)).json()
    assert [s["state_after"] for s in told["steps"]][-1] == "Finished"
    assert told["steps"][0]["state_before"] is None
    started = next(s for s in told["steps"] if s["type"] == "TaskStarted")
    assert started["tasks"] == [{"task": 1, "before": "Queued", "after": "Running", "attempt": 1}]
    assert all(s["summary"] for s in told["steps"])
    part = (await root.get(f"{path}/replay", params={"version": 2})).json()
    assert (len(part["steps"]), part["matches_live"]) == (2, None)


@pytest.mark.parametrize(
    ("what", "rows", "place"), [("events", "events", "position"), ("replay", "steps", "version")]
)
async def test_what_is_long_comes_in_parts(
    service: Stack, root: httpx.AsyncClient, what: str, rows: str, place: str
) -> None:
    path = f"/api/v1/jobs/{await canceled(service, root)}/{what}"
    whole = (await root.get(path)).json()
    assert whole["next"] is None
    found: list[Any] = []
    after: int | None = 0
    while after is not None:
        part = (await root.get(path, params={"after": after, "limit": 2})).json()
        assert len(part[rows]) <= 2
        found += part[rows]
        after = part["next"]
        assert after is None or after == found[-1][place]
    assert found == whole[rows]
    for wrong in ({"limit": 0}, {"limit": 10_001}, {"after": -1}, {"after": "x"}):
        is_problem(await root.get(path, params=wrong), 400, "malformed")


async def test_waiting_for_the_end(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    path = f"/api/v1/jobs/{job_id}?until=ended"
    now = await root.get(f"{path}&timeout_seconds=0")
    assert now.json()["state"] == "Submitted"
    waiting = asyncio.create_task(root.get(f"{path}&timeout_seconds=30"))
    await service.queue_job(job_id)
    await root.post(f"/api/v1/jobs/{job_id}/cancel")
    await service.end_job(job_id)
    assert (await waiting).json()["state"] == "Canceled"
    assert (await root.get(path)).json()["state"] == "Canceled"


async def test_waiting_ends_with_the_service(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    waiting = asyncio.create_task(root.get(f"/api/v1/jobs/{job_id}?until=ended&timeout_seconds=60"))
    await until(lambda: service.web.busy)
    await service.web.stop()
    assert (await waiting).json()["state"] == "Submitted"


@pytest.mark.parametrize(
    ("health", "status"),
    [
        (Health(HealthStatus.READY, position=9), 200),
        (Health(HealthStatus.DEGRADED, ("job 3 cannot be read",), 9), 200),
        (Health(HealthStatus.NOT_READY, ("the stream does not answer",), 9), 503),
    ],
)
async def test_health_needs_no_name(service: Stack, health: Health, status: int) -> None:
    service.health = health
    async with service.tcp() as client:
        assert (await client.get("/api/v1/health/live")).json() == {"status": "live"}
        answer = await client.get("/api/v1/health/ready")
    assert answer.status_code == status
    assert answer.json() == {
        "status": health.status, "reasons": list(health.reasons), "position": 9
    }  # fmt: skip


def test_bytes_that_are_no_event_are_still_shown() -> None:
    aggregate = job_aggregate(1)
    why = Undecodable(aggregate, None, "Strange", "type is not registered")
    shown = shown_as(Stored(3, aggregate, "Strange", b'{"a": 1}', why))
    assert shown == {"position": 3, "event": {"a": 1}, "unreadable": "type is not registered"}
    shown = shown_as(Stored(4, aggregate, "Strange", b"\xff\x00", why))
    assert shown["event"] is None
    assert shown["raw_base64"] == "/wA="


def shown_as(stored: Stored) -> Any:
    return json.loads(msgspec.json.encode(event_body(stored)))
