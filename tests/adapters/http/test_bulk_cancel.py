"""Many jobs canceled by one request: an answer for each, as a request for it alone would have."""

import httpx
import pytest

from adapters.http.bodies.commands import CANCEL_JOBS_MAX
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, outage, submit

PATH = "/api/v1/cancellations"
NO_JOB = 4711


async def test_each_job_has_its_own_answer(service: Stack, root: httpx.AsyncClient) -> None:
    running, canceled, waiting = [await submit(root) for _ in range(3)]
    await service.run_job(running)
    await root.post(f"/api/v1/jobs/{canceled}/cancel", json={"forced": True})
    jobs = [int(n) for n in (running, NO_JOB, canceled, waiting)]
    answer = await root.post(PATH, json={"jobs": jobs, "message": "the power goes"})
    assert answer.status_code == 200
    body = answer.json()
    assert [job["job_id"] for job in body["jobs"]] == jobs
    assert [job["problem"] is None for job in body["jobs"]] == [
        job["receipt"] is not None for job in body["jobs"]
    ]
    by_number = {job["job_id"]: job for job in body["jobs"]}
    assert by_number[NO_JOB]["problem"]["code"] == "unknown_job"
    assert by_number[NO_JOB]["problem"]["receipt"]["event_type"] == "CancelRefused"
    receipt = by_number[int(running)]["receipt"]
    assert (receipt["outcome"], receipt["under_way"]["message"]) == ("accepted", "the power goes")
    assert by_number[int(waiting)]["receipt"]["outcome"] == "accepted"
    assert (body["done"], body["failed"]) == (
        sum(job["receipt"] is not None for job in body["jobs"]),
        sum(job["problem"] is not None for job in body["jobs"]),
    )
    positions = [job["receipt"]["position"] for job in body["jobs"] if job["receipt"]]
    assert int(answer.headers["countermand-position"]) >= max(positions)


async def test_the_same_request_again_is_answered_as_before_and_does_the_rest(
    root: httpx.AsyncClient,
) -> None:
    first, second = int(await submit(root)), int(await submit(root))
    key = {"Idempotency-Key": "power-1"}
    before = (await root.post(PATH, json={"jobs": [first]}, headers=key)).json()
    after = (await root.post(PATH, json={"jobs": [first, second]}, headers=key)).json()
    old, new = after["jobs"]
    assert old["receipt"]["replayed"]
    assert old["receipt"]["event_id"] == before["jobs"][0]["receipt"]["event_id"]
    assert not new["receipt"]["replayed"]
    assert {job["receipt"]["request_id"] for job in after["jobs"]} == {"power-1"}


async def test_many_are_all_answered_in_their_order(root: httpx.AsyncClient) -> None:
    jobs = [int(await submit(root)) for _ in range(20)]
    jobs += range(NO_JOB, NO_JOB + 280)
    body = (await root.post(PATH, json={"jobs": jobs, "mode": "forced"})).json()
    assert [job["job_id"] for job in body["jobs"]] == jobs
    assert (body["done"], body["failed"]) == (20, 280)


async def test_who_may_not_is_refused_for_each_on_the_record(
    service: Stack, root: httpx.AsyncClient
) -> None:
    theirs = int(await submit(root))
    async with service.person("alice") as alice:
        hers = int(await submit(alice))
        body = (await alice.post(PATH, json={"jobs": [theirs, hers]})).json()
    refused, done = body["jobs"]
    assert refused["problem"]["code"] == "not_permitted"
    assert refused["problem"]["receipt"]["event_type"] == "JobCancelRefused"
    assert done["receipt"]["outcome"] == "accepted"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"jobs": []}, "from 1 to"),
        ({"jobs": list(range(1, CANCEL_JOBS_MAX + 2))}, "from 1 to"),
        ({"jobs": [1, 2, 1]}, "job 1 is named twice"),
        ({}, "jobs"),
        ({"jobs": [0]}, "jobs"),
        ({"jobs": ["x"]}, "jobs"),
        ({"jobs": [1], "mode": "gentle"}, "normal"),
        ({"jobs": [1], "mode": "normal", "forced": True}, "contradict"),
    ],
)
async def test_what_is_no_such_request_is_refused_whole(
    root: httpx.AsyncClient, body: dict[str, object], words: str
) -> None:
    answer = await root.post(PATH, json=body)
    problem = is_problem(answer, 400, "malformed")
    assert words in problem["detail"]


async def test_a_condition_has_no_meaning_for_many(root: httpx.AsyncClient) -> None:
    answer = await root.post(PATH, json={"jobs": [1]}, headers={"If-Match": '"3"'})
    assert answer.status_code == 400


async def test_an_outage_is_the_answer_of_each(service: Stack, root: httpx.AsyncClient) -> None:
    jobs = [int(await submit(root)) for _ in range(3)]
    service.log.strike(outage())
    body = (await root.post(PATH, json={"jobs": jobs})).json()
    assert {job["problem"]["code"] for job in body["jobs"]} == {"unavailable"}
    assert all(job["problem"]["retry_after_seconds"] > 0 for job in body["jobs"])
    assert body["failed"] == len(jobs)
