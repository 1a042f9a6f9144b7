"""Commands over HTTP: each outcome with its status, its code and its receipt."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from domain import commands as c
from domain.errors import Conflict, Corrupt, OutcomeUnknown, StoreFull
from domain.events import Exit
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import SLEEP, Stack, outage, stack, submit

RECEIPT_FIELDS = {
    "outcome", "operation", "job_id", "task_id", "subtask_id", "request_id", "event_id",
    "event_type", "version", "position", "job_state", "explanation", "code", "hresult",
    "hresult_name", "rule", "under_way", "already_canceled", "replayed", "trail",
}  # fmt: skip


# --- outcomes -------------------------------------------------------------------------------------


async def test_a_job_is_created_at_its_place(root: httpx.AsyncClient) -> None:
    answer = await root.post("/api/v1/jobs", json=SLEEP | {"name": "night run"})
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == RECEIPT_FIELDS
    assert answer.headers["location"] == f"/api/v1/jobs/{body['job_id']}"
    assert answer.headers["countermand-position"] == str(body["position"])
    assert (body["outcome"], body["job_state"]) == ("accepted", "Submitted")
    assert body["trail"] == f"/api/v1/jobs/{body['job_id']}/events"
    job = (await root.get(answer.headers["location"])).json()
    assert (job["name"], job["owner"], job["state"]) == ("night run", "root", "Submitted")


async def test_a_cancel_is_accepted_repeated_and_escalated(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job_id = await submit(root)
    await service.run_job(job_id)
    path = f"/api/v1/jobs/{job_id}/cancel"
    first = await root.post(path, json={"message": "disk is full"})
    assert first.status_code == 200
    assert first.json()["outcome"] == "accepted"
    assert first.json()["job_state"] == "Canceling"
    again = (await root.post(path, json={"message": "me too"})).json()
    assert again["outcome"] == "repeated"
    assert again["under_way"]["message"] == "disk is full"
    assert again["under_way"]["position"] == first.json()["position"]
    forced = (await root.post(path, json={"forced": True})).json()
    assert (forced["outcome"], forced["under_way"]["mode"]) == ("escalated", "forced")


async def test_a_canceled_job_cannot_be_canceled_and_says_that_it_is(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job_id = await submit(root)
    await service.queue_job(job_id)
    await root.post(f"/api/v1/jobs/{job_id}/cancel")
    await service.end_job(job_id)
    answer = await root.post(f"/api/v1/jobs/{job_id}/cancel")
    body = is_problem(answer, 409, "illegal_transition")
    assert set(body["receipt"]) == RECEIPT_FIELDS
    assert body["receipt"]["outcome"] == "refused"
    assert body["receipt"]["already_canceled"] is True
    assert body["receipt"]["hresult"] == "0x80040208"
    assert answer.headers["countermand-position"] == str(body["receipt"]["position"])


async def test_somebody_else_may_not_cancel(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    async with service.person("mallory") as client:
        answer = await client.post(f"/api/v1/jobs/{job_id}/cancel", json={"message": "mine"})
    body = is_problem(answer, 403, "not_permitted")
    assert body["receipt"]["event_type"] == "JobCancelRefused"


@pytest.mark.parametrize("job_id", ["abc", "0", "99999999999", "2147483647", "%00%1b[31m", "%ff"])
async def test_a_cancel_of_nothing_is_unknown_and_recorded(
    root: httpx.AsyncClient, job_id: str
) -> None:
    answer = await root.post(f"/api/v1/jobs/{job_id}/cancel", json={"message": "gone?"})
    receipt = is_problem(answer, 404, "unknown_job")["receipt"]
    assert receipt["outcome"] == "unknown"
    assert receipt["event_type"] == "CancelRefused"
    assert receipt["position"] > 0
    assert receipt["trail"] is None


async def test_a_job_id_that_is_a_number_is_a_number(root: httpx.AsyncClient) -> None:
    numbers = await root.post("/api/v1/jobs/2147483647/cancel")
    words = await root.post("/api/v1/jobs/abc/cancel")
    assert numbers.json()["receipt"]["job_id"] == 2147483647
    assert words.json()["receipt"]["job_id"] == "abc"


async def test_a_very_long_path_breaks_nothing(root: httpx.AsyncClient) -> None:
    answer = await root.post(f"/api/v1/jobs/{'9' * 50_000}/cancel")
    is_problem(answer, 404, "unknown_job")
    assert len(answer.text) < 5_000


@pytest.mark.parametrize("verb", ["submit", "finish", "configure", "requeue"])
async def test_other_commands_on_nothing_are_unknown(root: httpx.AsyncClient, verb: str) -> None:
    is_problem(await root.post(f"/api/v1/jobs/4711/{verb}"), 404, "unknown_job")


async def test_tasks(service: Stack, root: httpx.AsyncClient) -> None:
    tasks = [{"command": "sleep 1"}, {"command": "true", "type": "NodeRelease"}]
    job_id = await submit(root, tasks=tasks)
    await service.run_job(job_id)
    path = f"/api/v1/jobs/{job_id}/tasks"
    is_problem(await root.post(f"{path}/9/cancel"), 404, "unknown_task")
    is_problem(await root.post(f"{path}/one/cancel"), 400, "malformed")
    is_problem(await root.post(f"{path}/-1/cancel"), 400, "malformed")
    is_problem(await root.post(f"{path}/99999999999/cancel"), 400, "malformed")
    is_problem(await root.post(f"{path}/2/cancel"), 422, "not_this_task_type")
    graceful = await root.post(f"{path}/1/cancel", json={"mode": "graceful"})
    is_problem(graceful, 422, "no_graceful_task_cancel")
    done = await root.post(f"{path}/1/cancel", json={"mode": "forced"})
    assert done.status_code == 200
    assert done.json()["task_id"] == 1
    assert done.json()["operation"] == "cancel_task"


async def test_a_task_is_finished_and_its_message_is_kept(
    service: Stack, root: httpx.AsyncClient
) -> None:
    tasks = [{"command": "sleep 1"}, {"command": "sleep 2"}]
    job_id = await submit(root, tasks=tasks)
    await service.run_job(job_id)
    path = f"/api/v1/jobs/{job_id}/tasks"
    done = await root.post(f"{path}/1/finish", json={"message": "good enough"})
    assert done.status_code == 200
    body = done.json()
    assert set(body) == RECEIPT_FIELDS
    assert (body["outcome"], body["operation"], body["task_id"]) == ("accepted", "finish_task", 1)
    waiting = await root.post(f"{path}/2/finish")
    assert waiting.json()["explanation"].endswith("counts as Finished and never runs")
    first, second = (await root.get(f"/api/v1/jobs/{job_id}")).json()["tasks"]
    assert (first["state"], second["state"]) == ("Finishing", "Finished")
    assert set(first["finish"]) == {
        "request_id", "message", "actor", "on_behalf_of", "at", "grace_seconds",
    }  # fmt: skip
    assert (first["finish"]["message"], first["finish"]["actor"]) == ("good enough", "root")
    assert second["finish"]["message"] == ""
    again = await root.post(f"{path}/1/finish", json={"message": "me too"})
    receipt = is_problem(again, 409, "illegal_transition")["receipt"]
    assert (receipt["task_id"], receipt["hresult"]) == (1, "0x80040209")
    steps = (await root.get(f"/api/v1/jobs/{job_id}/replay")).json()["steps"]
    assert [s["summary"] for s in steps[-3:-1]] == [
        'finish of task 1 accepted "good enough"; 15 s grace',
        "finish of task 2 accepted; it never runs",
    ]
    assert steps[-1]["summary"].startswith("refused (illegal_transition): task 1 of job")
    assert steps[-1]["summary"].endswith('"me too"')


async def test_a_task_is_queued_again(service: Stack, root: httpx.AsyncClient) -> None:
    tasks = [{"command": "sleep 1"}, {"command": "true", "type": "NodeRelease"}]
    job_id = await submit(root, tasks=tasks)
    await service.run_job(job_id)
    await service.instruct(job_id, c.RecordRunEnd(1, 1, Exit(code=1)))
    path = f"/api/v1/jobs/{job_id}/tasks"
    long = is_problem(
        await root.post(f"{path}/1/requeue", json={"message": "x" * 321}), 422, "message_too_long"
    )
    assert long["receipt"]["outcome"] == "refused"
    done = (await root.post(f"{path}/1/requeue", json={"message": "its input came"})).json()
    assert (done["outcome"], done["operation"], done["task_id"]) == ("accepted", "requeue_task", 1)
    assert done["explanation"] == f"job {job_id}: task 1 is queued again, as attempt 2"
    release = is_problem(await root.post(f"{path}/2/requeue"), 422, "not_this_task_type")
    assert release["receipt"]["hresult"] == "0x8004024D"
    step = (await root.get(f"/api/v1/jobs/{job_id}/replay")).json()["steps"][-2]
    assert step["summary"] == (
        'task 1 queued again from Failed "its input came"; its next run is attempt 2'
    )
    assert step["tasks"] == [{"task": 1, "before": "Failed", "after": "Queued", "attempt": 1}]
    waits = (await root.post(f"{path}/1/requeue")).json()
    assert waits["explanation"] == f"job {job_id}: task 1 waits already; nothing changes"
    step = (await root.get(f"/api/v1/jobs/{job_id}/replay")).json()["steps"][-1]
    assert (step["summary"], step["tasks"]) == (
        "asked to queue task 1 again; it waits already",
        [],
    )


@pytest.mark.parametrize("verb", ["finish", "requeue"])
async def test_commands_on_tasks_of_nothing_and_what_cannot_be_understood(
    root: httpx.AsyncClient, verb: str
) -> None:
    is_problem(await root.post(f"/api/v1/jobs/4711/tasks/1/{verb}"), 404, "unknown_job")
    job_id = await submit(root)
    path = f"/api/v1/jobs/{job_id}/tasks"
    unknown = is_problem(await root.post(f"{path}/9/{verb}"), 404, "unknown_task")
    assert (unknown["receipt"]["outcome"], unknown["receipt"]["task_id"]) == ("unknown", 9)
    for task in ("one", "-1", "99999999999", "1.0"):
        is_problem(await root.post(f"{path}/{task}/{verb}"), 400, "malformed")
    is_problem(await root.post(f"{path}/1/{verb}", json={"forced": True}), 400, "malformed")
    is_problem(await root.post(f"{path}/1/{verb}?forced=true"), 400, "malformed")


async def test_submit_finish_configure_requeue(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root, submit=False)
    path = f"/api/v1/jobs/{job_id}"
    is_problem(await root.post(f"{path}/finish", json={}), 409, "illegal_transition")
    assert (await root.post(f"{path}/submit", json={})).json()["job_state"] == "Submitted"
    await service.queue_job(job_id)
    assert (await root.post(f"{path}/configure")).json()["job_state"] == "Configuring"
    await root.post(f"{path}/submit")
    await service.queue_job(job_id)
    await root.post(f"{path}/cancel")
    await service.end_job(job_id)
    is_problem(await root.post(f"{path}/requeue", json={"message": 7}), 400, "malformed")
    again = await root.post(f"{path}/requeue", json={"message": "there is room again"})
    assert again.json()["job_state"] == "Submitted"
    step = (await root.get(f"{path}/replay")).json()["steps"][-1]
    assert step["summary"].startswith('queued again "there is room again"; 1 task')
    await service.run_job(job_id)
    finish = await root.post(f"{path}/finish", json={"message": "good enough"})
    assert finish.json()["outcome"] == "accepted"


async def test_a_command_job_needs_an_administrator(service: Stack) -> None:
    async with service.person("alice") as alice:
        answer = await alice.post("/api/v1/jobs", json=SLEEP | {"job_type": "Admin"})
    assert is_problem(answer, 403, "not_permitted")["receipt"]["job_id"] is None


async def test_parameters(service: Stack, root: httpx.AsyncClient) -> None:
    path = "/api/v1/parameters/taskcancelgraceperiod"
    receipt = (await root.put(path, json={"value": "30"})).json()
    assert (receipt["job_id"], receipt["trail"]) == (None, None)
    found = (await root.get("/api/v1/parameters")).json()["parameters"]
    assert {p["name"]: p["value"] for p in found}["TaskCancelGracePeriod"] == 30
    assert set(found[0]) == {
        "name", "kind", "value", "unit", "default", "minimum", "maximum", "words", "effect",
        "meaning",
    }  # fmt: skip
    mode = next(p for p in found if p["name"] == "SchedulingMode")
    assert (mode["value"], mode["words"], mode["minimum"]) == ("Queued", ["Queued"], None)
    kept = await root.put("/api/v1/parameters/AutomaticGrowthEnabled", json={"value": "false"})
    assert kept.json()["explanation"] == "AutomaticGrowthEnabled is False (was True)"
    mail = await root.put("/api/v1/parameters/EmailSmtpServer", json={"value": "mail"})
    assert "no mail is sent from here" in is_problem(mail, 404, "unknown_parameter")["detail"]
    filter_ = await root.put("/api/v1/parameters/SubmissionFilterProgram", json={"value": "f"})
    problem = is_problem(filter_, 422, "bad_parameter_value")
    assert "the absolute path of a program" in problem["detail"]
    is_problem(await root.put(path, json={"value": "-1"}), 422, "bad_parameter_value")
    is_problem(await root.put(path, json={"value": 30}), 400, "malformed")
    strange = await root.put("/api/v1/parameters/Nonsense", json={"value": "1"})
    is_problem(strange, 404, "unknown_parameter")
    async with service.person("alice") as alice:
        is_problem(await alice.put(path, json={"value": "1"}), 403, "not_permitted")


# --- request ids ----------------------------------------------------------------------------------


async def test_the_same_request_id_is_answered_by_the_same_event(root: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "run:2026-11-23_1"}
    made = [await root.post("/api/v1/jobs", json=SLEEP, headers=key) for _ in range(2)]
    assert [x.status_code for x in made] == [201, 201]
    assert made[0].json()["job_id"] == made[1].json()["job_id"]
    assert [x.json()["replayed"] for x in made] == [False, True]
    path = f"/api/v1/jobs/{made[0].json()['job_id']}/cancel"
    stopped = [await root.post(path, json={"message": "m"}, headers=key) for _ in range(2)]
    assert stopped[0].json()["event_id"] == stopped[1].json()["event_id"]
    assert [x.json()["replayed"] for x in stopped] == [False, True]
    other = await root.post(path, json={"message": "other"}, headers=key)
    is_problem(other, 422, "request_id_reused")
    new = await root.post("/api/v1/jobs", json=SLEEP | {"name": "other"}, headers=key)
    is_problem(new, 422, "request_id_reused")


async def test_without_a_request_id_the_server_makes_one(root: httpx.AsyncClient) -> None:
    answers = [await root.post("/api/v1/jobs", json=SLEEP) for _ in range(2)]
    ids = {answer.json()["request_id"] for answer in answers}
    assert len(ids) == 2
    assert {len(x) for x in ids} == {36}


@pytest.mark.parametrize("key", ["", "x" * 65, "a b", "ü".encode(), "a/b"])
async def test_a_request_id_has_its_form(root: httpx.AsyncClient, key: str | bytes) -> None:
    headers: Any = {"Idempotency-Key": key}
    is_problem(await root.post("/api/v1/jobs", json=SLEEP, headers=headers), 400, "malformed")


# --- the outside ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "status", "code"),
    [
        (outage(), 503, "unavailable"),
        (OutcomeUnknown("the answer was lost"), 503, "outcome_unknown"),
        (Corrupt("version 3 follows 1"), 500, "corrupt"),
        (Conflict("somebody appended"), 409, "conflict"),
    ],
)
async def test_trouble_with_the_store(
    service: Stack, root: httpx.AsyncClient, trouble: Exception, status: int, code: str
) -> None:
    job_id = await submit(root)
    service.log.strike(trouble)
    answer = await root.post(f"/api/v1/jobs/{job_id}/cancel")
    is_problem(answer, status, code)
    assert ("retry-after" in answer.headers) == (status == 503)
    service.log.clear()
    assert (await root.post(f"/api/v1/jobs/{job_id}/cancel")).status_code == 200


async def test_a_full_store_says_when_to_come_back(service: Stack, root: httpx.AsyncClient) -> None:
    service.full = StoreFull("the stream is full")
    answer = await root.post("/api/v1/jobs", json=SLEEP)
    body = is_problem(answer, 503, "store_full")
    assert answer.headers["retry-after"] == str(body["retry_after_seconds"]) == "30"


async def test_the_unexpected_gives_an_incident_and_nothing_else(
    service: Stack, root: httpx.AsyncClient
) -> None:
    service.log.strike(RuntimeError("secret words from the inside"))
    answer = await root.get("/api/v1/jobs/1")
    body = is_problem(answer, 500, "internal")
    assert len(body["incident"]) == 36
    assert "secret" not in answer.text


async def test_many_at_once_give_one_accepted(service: Stack, root: httpx.AsyncClient) -> None:
    job_id = await submit(root)
    await service.run_job(job_id)
    path = f"/api/v1/jobs/{job_id}/cancel"
    answers = await asyncio.gather(*(root.post(path) for _ in range(20)))
    outcomes = sorted(answer.json()["outcome"] for answer in answers)
    assert outcomes == ["accepted"] + ["repeated"] * 19


async def test_acting_for_somebody(service: Stack, root: httpx.AsyncClient) -> None:
    alice = service.person("alice")
    job_id = await submit(alice)
    as_alice = {"Countermand-As": "alice"}
    who = (await root.get("/api/v1/whoami", headers=as_alice)).json()
    assert (who["name"], who["acting_for"], who["method"]) == ("root", "alice", "unix")
    done = await root.post(f"/api/v1/jobs/{job_id}/cancel", headers=as_alice)
    assert done.status_code == 200
    job = (await root.get(f"/api/v1/jobs/{job_id}")).json()
    assert (job["cancel"]["actor"], job["cancel"]["on_behalf_of"]) == ("root", "alice")
    other = {"Countermand-As": "root"}
    mine = await submit(root)
    for path in (f"jobs/{mine}", f"jobs/{mine}/events", f"jobs/{mine}/replay", "events"):
        is_problem(await alice.get(f"/api/v1/{path}", headers=other), 403, "not_permitted")
    answer = await alice.post(f"/api/v1/jobs/{mine}/cancel", headers=other)
    is_problem(answer, 403, "not_permitted")
    nobody = await root.get("/api/v1/whoami", headers={"Countermand-As": "no-such-person"})
    is_problem(nobody, 404, "unknown_person")
    task = await root.get("/api/v1/whoami", headers={"Countermand-As": "nobody"})
    is_problem(task, 403, "not_permitted")
    is_problem(await root.get("/api/v1/whoami", headers={"Countermand-As": ""}), 400, "malformed")
    await alice.aclose()


async def test_where_a_request_came_from_stands_in_the_event(root: httpx.AsyncClient) -> None:
    headers: Any = {"Countermand-Client": "cli", "User-Agent": b"countermand/0.1 \x9b" + b"x" * 300}
    job_id = (await root.post("/api/v1/jobs", json=SLEEP, headers=headers)).json()["job_id"]
    (first, *_) = (await root.get(f"/api/v1/jobs/{job_id}/events")).json()["events"]
    event = first["event"]
    assert event["origin"] == "cli"
    assert event["clientaddress"].startswith("unix:pid=")
    assert len(event["clientprogram"]) == 200
    assert event["clientprogram"].startswith("countermand/0.1 \ufffdxxx")
    bad = await root.post("/api/v1/jobs", json=SLEEP, headers={"Countermand-Client": "web"})
    is_problem(bad, 400, "malformed")


async def test_refusals_are_throttled(tmp_path: Path) -> None:
    async with stack(tmp_path, refusals=3) as service, service.unix() as root:
        job_id = await submit(root)
        async with service.person("mallory") as mallory:
            path = f"/api/v1/jobs/{job_id}/cancel"
            answers = [await mallory.post(path) for _ in range(4)]
        assert [a.status_code for a in answers] == [403, 403, 403, 429]
        body = is_problem(answers[-1], 429, "throttled")
        assert answers[-1].headers["retry-after"] == str(body["retry_after_seconds"])
        assert (await root.post(path)).status_code == 200


# --- what is not there ----------------------------------------------------------------------------


async def test_no_such_path_and_no_such_method(root: httpx.AsyncClient) -> None:
    is_problem(await root.get("/nothing"), 404, "not_found")
    is_problem(await root.get("/api/v1/jobs/1/2/3"), 404, "not_found")
    answer = await root.delete("/api/v1/jobs/1")
    is_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]
