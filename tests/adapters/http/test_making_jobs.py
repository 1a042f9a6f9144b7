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
