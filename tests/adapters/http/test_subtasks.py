"""Subtasks over HTTP: a sweep is made, looked at, and some of it stopped."""

from typing import Any

import httpx
import pytest

from domain import commands as c
from domain.events import Exit, RunHandle
from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, submit

SWEEP = {
    "type": "ParametricSweep",
    "command": "work **",
    "start": 5,
    "end": 500_000,
    "increment": 5,
}
HANDLE = RunHandle("local", "boot", 4711, 1, "w1")


@pytest.fixture
async def sweep(service: Stack, root: httpx.AsyncClient) -> str:
    """The path of a sweep of 100,000 of which the first three run."""
    job = await submit(root, tasks=[SWEEP])
    await service.queue_job(job)
    await service.instruct(job, c.StartJob(("n1",)))
    for instance in (1, 2, 3):
        await service.instruct(job, c.StartTask(1, 1, "n1", HANDLE, instance))
    return f"/api/v1/jobs/{job}/tasks/1/subtasks"


async def ends(service: Stack, path: str, instance: int, code: int) -> None:
    """A subtask's run ends by itself."""
    job = int(path.split("/")[4])
    end = c.RecordRunEnd(1, 1, Exit(code=code), instance=instance)
    await service.instruct(job, end)


async def got(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    """The answer, with all that is stored."""
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_page_tells_the_index_the_command_and_how_it_went(
    service: Stack, root: httpx.AsyncClient, sweep: str
) -> None:
    await ends(service, sweep, 2, 3)
    body = await got(root, sweep)
    assert [
        (x["subtask_id"], x["index"], x["command"], x["state"], x["exit_code"])
        for x in body["subtasks"]
    ] == [
        (1, 5, "work 05", "Running", None),
        (2, 10, "work 10", "Failed", 3),
        (3, 15, "work 15", "Running", None),
    ]
    assert body["subtasks"][1]["ended_at"] > body["subtasks"][1]["started_at"]
    assert body["counts"] == {
        "total": 100_000,
        "expanded": 3,
        "waiting": 99_997,
        "running": 2,
        "finished": 0,
        "failed": 1,
        "canceled": 0,
    }
    assert (body["type"], body["next"]) == ("ParametricSweep", None)


async def test_pages_go_on_after_a_number(root: httpx.AsyncClient, sweep: str) -> None:
    first = await got(root, sweep, limit=2)
    assert ([x["subtask_id"] for x in first["subtasks"]], first["next"]) == ([1, 2], 2)
    rest = await got(root, sweep, limit=2, after=first["next"])
    assert ([x["subtask_id"] for x in rest["subtasks"]], rest["next"]) == ([3], None)


async def test_states_choose(service: Stack, root: httpx.AsyncClient, sweep: str) -> None:
    await ends(service, sweep, 1, 0)
    body = await got(root, sweep, state="Finished")
    assert [x["subtask_id"] for x in body["subtasks"]] == [1]
    is_problem(await root.get(sweep, params={"state": "Asleep"}), 400, "malformed")


async def test_one_subtask_and_those_that_nobody_can_name_yet(
    root: httpx.AsyncClient, sweep: str
) -> None:
    one = await got(root, f"{sweep}/3")
    assert (one["task_id"], one["type"], one["subtask"]["index"]) == (1, "ParametricSweep", 15)
    no = is_problem(await root.get(f"{sweep}/4"), 404, "unknown_task")
    assert "has not been expanded yet" in no["detail"]
    assert (
        "1 to 100000"
        in is_problem(await root.get(f"{sweep}/100001"), 404, "unknown_task")["detail"]
    )
    is_problem(await root.get(f"{sweep}/0"), 400, "malformed")


async def test_the_job_shows_how_far_its_sweep_is(
    service: Stack, root: httpx.AsyncClient, sweep: str
) -> None:
    await ends(service, sweep, 1, 0)
    job = sweep.partition("/tasks/")[0]
    (task,) = (await got(root, job))["tasks"]
    assert (task["start"], task["end"], task["increment"]) == (5, 500_000, 5)
    assert (task["subtasks"]["finished"], task["subtasks"]["running"]) == (1, 2)
    listed = (await got(root, "/api/v1/jobs"))["jobs"][0]["tasks"]
    assert (listed["total"], listed["waiting"], listed["finished"]) == (100_000, 99_997, 1)


async def test_a_plain_task_has_none(service: Stack, root: httpx.AsyncClient) -> None:
    job = await submit(root)
    (task,) = (await got(root, f"/api/v1/jobs/{job}"))["tasks"]
    assert task["subtasks"] is None
    no = is_problem(await root.get(f"/api/v1/jobs/{job}/tasks/1/subtasks"), 404, "unknown_task")
    assert "has no subtasks" in no["detail"]


async def test_one_is_canceled_one_finished_and_one_runs_again(
    service: Stack, root: httpx.AsyncClient, sweep: str
) -> None:
    stop = (await root.post(f"{sweep}/1/cancel", json={"forced": True})).json()
    assert (stop["outcome"], stop["task_id"], stop["subtask_id"]) == ("accepted", 1, 1)
    done = (await root.post(f"{sweep}/2/finish", json={})).json()
    assert (done["event_type"], done["subtask_id"]) == ("TaskFinishRequested", 2)
    await ends(service, sweep, 3, 1)
    again = (await root.post(f"{sweep}/3/requeue", json={})).json()
    assert (again["event_type"], again["subtask_id"]) == ("TaskRequeued", 3)
    states = [x["state"] for x in (await got(root, sweep))["subtasks"]]
    assert states == ["Canceling", "Finishing", "Queued"]
    rows = (await got(root, "/api/v1/audit", task=1, sort="position"))["rows"]
    assert [row["tasks"] for row in rows] == ["1.1", "1.2", "1.3"]
    (effect,) = (await got(root, "/api/v1/cancellations"))["cancellations"]
    assert (effect["task_id"], effect["subtask_id"]) == (1, 1)


async def test_a_command_on_one_that_was_not_reached_is_refused_and_recorded(
    root: httpx.AsyncClient, sweep: str
) -> None:
    for command in ("cancel", "finish", "requeue"):
        no = is_problem(await root.post(f"{sweep}/9/{command}", json={}), 404, "unknown_task")
        assert no["receipt"]["subtask_id"] == 9
        assert "has not been expanded yet" in no["detail"]


async def test_who_may_not_see_the_job_sees_none_of_it(service: Stack, sweep: str) -> None:
    async with service.person("eve", Role.USER) as eve:
        is_problem(await eve.get(sweep), 403, "not_permitted")
        is_problem(await eve.get(f"{sweep}/1"), 403, "not_permitted")
        is_problem(await eve.post(f"{sweep}/1/cancel", json={}), 403, "not_permitted")
