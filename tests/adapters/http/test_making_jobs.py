"""A job made piece by piece over HTTP."""

import httpx
import pytest

from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, submit


async def test_tasks_are_added_one_by_one_and_the_receipt_says_their_number(
    root: httpx.AsyncClient,
) -> None:
    job = await submit(root, tasks=[], submit=False)
    path = f"/api/v1/jobs/{job}/tasks"
    one = await root.post(path, json={"tasks": [{"command": "a"}]})
    two = await root.post(path, json={"tasks": [{"command": "b"}, {"command": "c"}]})
    assert (one.status_code, two.status_code) == (200, 200)
    assert (one.json()["task_id"], two.json()["task_id"]) == (1, 2)
    assert two.json()["event_type"] == "TasksAdded"
    tasks = (await root.get(f"/api/v1/jobs/{job}")).json()["tasks"]
    assert [(t["task_id"], t["command"]) for t in tasks] == [(1, "a"), (2, "b"), (3, "c")]


async def test_properties_change_and_stay(root: httpx.AsyncClient) -> None:
    job = await submit(root, submit=False, name="before")
    path = f"/api/v1/jobs/{job}"
    answer = await root.patch(path, json={"priority": "Highest", "properties": {"a": "1"}})
    assert answer.status_code == 200
    assert answer.json()["explanation"] == f"job {job}: changed: priority, a"
    after = (await root.get(path)).json()
    assert (after["name"], after["priority"]) == ("before", "Highest")


async def test_what_stands_still_in_this_state_is_409(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job = await submit(root)
    await service.run_job(job)
    no = await root.patch(f"/api/v1/jobs/{job}", json={"run_as": "batch"})
    is_problem(no, 409, "illegal_transition")
    assert no.json()["receipt"]["hresult"] == "0x80040231"


async def test_an_account_that_no_task_may_have_is_refused_before_anything_is_stored(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job = await submit(root, submit=False)
    before = (await service.log.identity()).last
    for verb, path, body in (
        ("POST", "/api/v1/jobs", {"tasks": [{"command": "true"}], "run_as": "forbidden"}),
        ("PATCH", f"/api/v1/jobs/{job}", {"run_as": "forbidden"}),
    ):
        no = await root.request(verb, path, json=body)
        assert "nothing runs as 'forbidden'" in is_problem(no, 422, "account_not_allowed")["detail"]
    assert (await service.log.identity()).last == before


@pytest.mark.parametrize("body", [{}, {"name": None}, {"tasks": []}, {"priority": "urgent"}])
async def test_nothing_to_change_and_what_there_is_not(
    root: httpx.AsyncClient, body: dict[str, object]
) -> None:
    job = await submit(root, submit=False)
    assert (await root.patch(f"/api/v1/jobs/{job}", json=body)).status_code in (400, 422)


@pytest.mark.parametrize("body", [{}, {"tasks": []}, {"tasks": [{"command": " "}]}])
async def test_no_task_is_no_addition(root: httpx.AsyncClient, body: dict[str, object]) -> None:
    job = await submit(root, submit=False)
    assert (await root.post(f"/api/v1/jobs/{job}/tasks", json=body)).status_code in (400, 422)


NEW = {
    "environment": {"A": "1"},
    "valid_exit_codes": "0,3",
    "task_retry_count": 2,
    "hold_until": "2126-01-02T03:04:05+01:00",
    "project": "film",
    "service_name": "render",
    "client_source": "a portal",
    "progress": 40,
    "progress_message": "40 of 100",
    "max_cores": 4,
    "labels": {"env": "prod", "team": "film"},
}
TASK = {
    "name": "second",
    "command": "b",
    "work_directory": "/tmp",
    "runtime_seconds": 5,
    "depends_on": ["first"],
    "retry_count": 1,
    "valid_exit_codes": "4",
    "stdin": "in",
    "stdout": "out",
    "stderr": "err",
    "properties": {"frame": "1"},
}


async def test_what_a_job_is_given_is_told_but_its_variables_are_not(
    root: httpx.AsyncClient,
) -> None:
    made = await submit(root, submit=False, **NEW)
    changed = await submit(root, submit=False)
    answer = await root.patch(f"/api/v1/jobs/{changed}", json=NEW)
    assert answer.status_code == 200, answer.text
    for job in (made, changed):
        told = (await root.get(f"/api/v1/jobs/{job}")).json()
        assert "environment" not in told
        expected = NEW | {"hold_until": "2126-01-02T02:04:05.000000Z", "environment": None}
        assert {name: told.get(name) for name in NEW} == expected
    listed = (await root.get("/api/v1/jobs")).json()["jobs"]
    assert {(x["project"], x["progress"], x["progress_message"]) for x in listed} == {
        ("film", 40, "40 of 100")
    }
    assert [x["labels"] for x in listed] == [NEW["labels"]] * 2
    for label, count in ("team=film", 2), ("env", 2), ("env=test", 0):
        found = (await root.get("/api/v1/jobs", params={"label": label})).json()["jobs"]
        assert len(found) == count


async def test_variables_that_every_run_is_given_are_refused_everywhere(
    root: httpx.AsyncClient,
) -> None:
    job = await submit(root, submit=False)
    place, given = f"/api/v1/jobs/{job}", {"environment": {"CCP_TASKID": "77"}}
    with_task = {"tasks": [{"command": "a"} | given]}
    for answer in (
        await root.post("/api/v1/jobs", json={"tasks": [{"command": "a"}]} | given),
        await root.post("/api/v1/jobs", json=with_task),
        await root.post(f"{place}/tasks", json=with_task),
        await root.patch(place, json=given),
        await root.patch(f"{place}/tasks/1", json=given),
    ):
        detail = is_problem(answer, 422, "bad_request")["detail"]
        assert "the variable CCP_TASKID cannot be given" in detail
        assert "CCP_JOBID, CCP_JOBNAME, CCP_NODES" in detail


async def test_a_task_that_waits_is_changed(service: Stack, root: httpx.AsyncClient) -> None:
    job = await submit(root, tasks=[{"command": "a", "name": "first"}, {"command": "x"}])
    await service.run_job(job)
    place = f"/api/v1/jobs/{job}/tasks"
    answer = await root.patch(f"{place}/2", json=TASK | {"environment": {"A": "1"}})
    assert answer.status_code == 200, answer.text
    receipt = answer.json()
    assert (receipt["operation"], receipt["task_id"]) == ("change_task", 2)
    assert receipt["event_type"] == "TaskPropertiesChanged"
    task = (await root.get(f"/api/v1/jobs/{job}")).json()["tasks"][1]
    assert {name: task[name] for name in TASK} == TASK
    assert "environment" not in task
    no = await root.patch(f"{place}/1", json={"command": "y"})
    is_problem(no, 409, "illegal_transition")
    assert no.json()["receipt"]["hresult"] == "0x80040231"
    is_problem(await root.patch(f"{place}/9", json={"command": "y"}), 404, "unknown_task")


@pytest.mark.parametrize(
    "body", [{}, {"type": "NodePrep"}, {"command": None}, {"command": " "}, {"retry_count": "x"}]
)
async def test_no_change_of_a_task(root: httpx.AsyncClient, body: dict[str, object]) -> None:
    job = await submit(root, submit=False)
    answer = await root.patch(f"/api/v1/jobs/{job}/tasks/1", json=body)
    assert answer.status_code in (400, 422)


@pytest.mark.parametrize(
    "body",
    [
        {"properties": {"p" * 81: "x"}},
        {"properties": {"p": "x" * 1025}},
        {"environment": {"A-B": "x"}},
        {"hold_until": "tomorrow"},
        {"hold_until": "2020-01-01T00:00:00Z"},
        {"progress": 101},
        {"valid_exit_codes": "x"},
    ],
)
async def test_what_a_job_may_not_be_changed_to(
    root: httpx.AsyncClient, body: dict[str, object]
) -> None:
    job = await submit(root, submit=False)
    assert (await root.patch(f"/api/v1/jobs/{job}", json=body)).status_code == 422
