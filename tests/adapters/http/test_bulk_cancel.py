"""Many jobs canceled by one request: an answer for each, as a request for it alone would have."""

import httpx
import pytest

from adapters.http.bulk import OPEN_STATES
from domain.bulk import BULK_JOBS_MAX
from domain.cluster import JOB_ID_MAX
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, outage, submit

PATH = "/api/v1/cancellations"
NO_JOB = 4711
EVERY = {"states": list(OPEN_STATES)}


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
    body = {"jobs": [first, second]}
    before = (await root.post(PATH, json={**body, "take": 1}, headers=key)).json()
    assert (before["total"], len(before["jobs"])) == (2, 1)
    after = (await root.post(PATH, json=body, headers=key)).json()
    old, new = after["jobs"]
    assert old["receipt"]["replayed"]
    assert old["receipt"]["event_id"] == before["jobs"][0]["receipt"]["event_id"]
    assert not new["receipt"]["replayed"]
    assert {job["receipt"]["request_id"] for job in after["jobs"]} == {"power-1"}
    other = await root.post(PATH, json={"jobs": [first]}, headers=key)
    is_problem(other, 422, "request_id_reused")


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
        ({"jobs": list(range(1, BULK_JOBS_MAX + 2))}, "from 1 to"),
        ({"jobs": [JOB_ID_MAX + 1]}, "jobs"),
        ({"jobs": [1], "wanted": {}}, "one of the two"),
        ({"wanted": {"states": ["Canceled"]}}, "is over"),
        ({"wanted": {"states": ["running"]}}, "states"),
        ({"wanted": {"colour": "red"}}, "colour"),
        ({"jobs": [1], "take": 0}, "take from 1"),
        ({"jobs": [1], "skip": -1}, "skip is from 0"),
        ({"jobs": [1, 2, 1]}, "job 1 is named twice"),
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


@pytest.mark.parametrize("path", [PATH, f"{PATH}/plans"])
@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"jobs": []}, "jobs is empty"),
        ({"wanted": {}}, "wanted is empty"),
        ({"wanted": {"owners": [], "states": [], "name": ""}}, "wanted is empty"),
        ({}, "neither jobs nor wanted is given"),
        ({"jobs": None, "wanted": None}, "neither jobs nor wanted is given"),
    ],
)
async def test_nothing_named_is_never_everything(
    service: Stack, root: httpx.AsyncClient, path: str, body: dict[str, object], why: str
) -> None:
    await submit(root)
    last = service.ledger.position
    problem = is_problem(await root.post(path, json=body), 422, "no_jobs_named")
    assert problem["detail"].startswith(f"{why}, which never means every job: give the numbers")
    assert "owners, states" in problem["detail"]
    assert service.ledger.position == last


async def test_jobs_are_found_by_their_labels(service: Stack, root: httpx.AsyncClient) -> None:
    both = {"env": "test", "team": "red"}
    red, other, plain = [await submit(root, labels=x) for x in (both, {"env": "test"}, {})]
    await service.copied()
    for wanted, found in ((["env"], [red, other]), (["env=test", "team=red"], [red])):
        body = {"wanted": {"labels": wanted}}
        planned = (await root.post(f"{PATH}/plans", json=body)).json()
        assert [job["job_id"] for job in planned["jobs"]] == found
    done = (await root.post(PATH, json={"wanted": {"labels": ["team"]}})).json()
    assert [job["job_id"] for job in done["jobs"]] == [red]
    states = [(await root.get(f"/api/v1/jobs/{x}")).json()["state"] for x in (red, other, plain)]
    assert states == ["Canceled", "Submitted", "Submitted"]
    rows = (await root.get("/api/v1/audit", params={"operation": "cancel_jobs"})).json()["rows"]
    assert "by labels team" in rows[0]["detail"]
    no = await root.post(PATH, json={"wanted": {"labels": ["env="]}})
    assert "the label env has no value" in is_problem(no, 422, "bad_request")["detail"]


async def test_a_condition_has_no_meaning_for_many(root: httpx.AsyncClient) -> None:
    answer = await root.post(PATH, json={"jobs": [1]}, headers={"If-Match": '"3"'})
    assert answer.status_code == 400


async def test_in_an_outage_nothing_is_begun(service: Stack, root: httpx.AsyncClient) -> None:
    jobs = [int(await submit(root)) for _ in range(3)]
    key = {"Idempotency-Key": "power-2"}
    service.log.strike(outage())
    is_problem(await root.post(PATH, json={"jobs": jobs}, headers=key), 503, "unavailable")
    service.log.clear()
    body = (await root.post(PATH, json={"jobs": jobs}, headers=key)).json()
    assert (body["done"], body["failed"]) == (3, 0)


async def test_an_outage_half_way_is_the_answer_of_each(
    service: Stack, root: httpx.AsyncClient
) -> None:
    jobs = [int(await submit(root)) for _ in range(3)]
    key = {"Idempotency-Key": "power-3"}
    await root.post(PATH, json={"jobs": jobs, "take": 1}, headers=key)
    service.log.strike(outage())
    body = (await root.post(PATH, json={"jobs": jobs, "skip": 1}, headers=key)).json()
    assert {job["problem"]["code"] for job in body["jobs"]} == {"unavailable"}
    assert all(job["problem"]["retry_after_seconds"] > 0 for job in body["jobs"])
    assert body["failed"] == 2


# --- jobs that are found --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "query"),
    [
        (EVERY, ""),
        ({"owners": ["alice", "nobody"]}, "owner=alice&owner=nobody"),
        ({"states": ["Running", "Queued"]}, "state=Running&state=Queued"),
        ({"name": "NIGHT"}, "name=NIGHT"),
        ({"nodes": ["N1"]}, "node=N1"),
        ({"job_types": ["Admin"]}, "job_type=Admin"),
        ({"priorities": ["Highest"]}, "priority=Highest"),
        ({"owners": ["alice"], "name": "night"}, "owner=alice&name=night"),
    ],
)
async def test_found_are_the_jobs_of_the_list_that_are_not_over(
    service: Stack, root: httpx.AsyncClient, wanted: dict[str, object], query: str
) -> None:
    running = await submit(root, name="Nightly")
    await service.run_job(running)
    await service.queue_job(await submit(root, priority="Highest"))
    over = await submit(root)
    await root.post(f"/api/v1/jobs/{over}/cancel", json={"forced": True})
    await service.end_job(over)
    async with service.person("alice") as alice:
        await submit(alice, name="nightly too")
    listed = (await root.get(f"/api/v1/jobs?{query}")).json()["jobs"]
    ended = ("Finished", "Failed", "Canceled")
    meant = sorted(job["job_id"] for job in listed if job["state"] not in ended)
    plan = (await root.post(f"{PATH}/plans", json={"wanted": wanted})).json()
    assert [job["job_id"] for job in plan["jobs"]] == meant
    body = (await root.post(PATH, json={"wanted": wanted})).json()
    assert [job["job_id"] for job in body["jobs"]] == meant
    assert body["total"] == len(meant)


async def test_who_does_not_see_all_jobs_means_their_own(
    service: Stack, root: httpx.AsyncClient
) -> None:
    await submit(root)
    async with service.person("alice") as alice:
        hers = int(await submit(alice))
        body = (await alice.post(PATH, json={"wanted": EVERY})).json()
    assert [job["job_id"] for job in body["jobs"]] == [hers]


async def test_none_found_is_no_job_and_no_record(service: Stack, root: httpx.AsyncClient) -> None:
    last = service.ledger.position
    body = (await root.post(PATH, json={"wanted": {"owners": ["nobody"]}})).json()
    assert (body["total"], body["jobs"]) == (0, [])
    assert service.ledger.position == last


async def test_the_set_is_recorded_where_auditors_look(
    service: Stack, root: httpx.AsyncClient
) -> None:
    jobs = [int(await submit(root)) for _ in range(2)]
    key = {"Idempotency-Key": "power-4"}
    body = {"wanted": {"states": ["Submitted"]}, "message": "the power goes"}
    done = (await root.post(PATH, json=body, headers=key)).json()
    query = {"operation": "cancel_jobs", "request_id": "power-4"}
    (row,) = (await root.get("/api/v1/audit", params=query)).json()["rows"]
    assert (row["type"], row["message"]) == ("BulkCancelRequested", "the power goes")
    stored = (await root.get(f"/api/v1/events/{row['position']}")).json()
    data = stored["event"]["data"]
    assert data["jobs"] == {"count": 2, "jobs": f"{jobs[0]}-{jobs[1]}"}
    assert data["resolved_at"] == done["position"] < row["position"]


# --- plans ----------------------------------------------------------------------------------------


async def test_a_plan_is_applied_to_exactly_its_jobs(
    service: Stack, root: httpx.AsyncClient
) -> None:
    first, second = int(await submit(root)), int(await submit(root))
    how = {"message": "planned", "mode": "forced", "reason_code": "power"}
    answer = await root.post(f"{PATH}/plans", json={"wanted": EVERY, **how})
    plan = answer.json()
    assert int(answer.headers["countermand-position"]) == plan["position"]
    assert [(x["outcome"], x["state"], x["owner"]) for x in plan["jobs"]] == [
        ("accepted", "Submitted", "root")
    ] * 2
    await service.queue_job(second)
    later = int(await submit(root))
    body = (await root.post(f"{PATH}/plans/{plan['digest']}", json={})).json()
    assert [job["job_id"] for job in body["jobs"]] == [first, second]
    assert {job["receipt"]["under_way"]["message"] for job in body["jobs"]} == {"planned"}
    assert body["changed"] == {"count": 1, "jobs": str(second)}
    assert body["joined"] == {"count": 1, "jobs": str(later)}
    assert body["request_id"] == f"plan-{plan['digest'][:40]}"
    again = (await root.post(f"{PATH}/plans/{plan['digest']}", json={})).json()
    assert all(job["receipt"]["replayed"] for job in again["jobs"])
    assert (again["changed"], again["joined"]) == (body["changed"], body["joined"])


async def test_a_plan_is_its_makers_own(service: Stack, root: httpx.AsyncClient) -> None:
    await submit(root)
    plan = (await root.post(f"{PATH}/plans", json={"wanted": EVERY})).json()
    async with service.person("bob") as bob:
        answer = await bob.post(f"{PATH}/plans/{plan['digest']}", json={})
    is_problem(answer, 404, "unknown_plan")


@pytest.mark.parametrize("digest", ["abc", "0" * 65, "G" * 64])
async def test_what_is_no_digest_is_refused(root: httpx.AsyncClient, digest: str) -> None:
    is_problem(await root.post(f"{PATH}/plans/{digest}", json={}), 400, "malformed")


async def test_a_message_that_no_job_would_take_is_refused_whole(
    service: Stack, root: httpx.AsyncClient
) -> None:
    job = int(await submit(root))
    last = service.ledger.position
    for path in (PATH, f"{PATH}/plans"):
        answer = await root.post(path, json={"jobs": [job], "message": "x" * 321})
        is_problem(answer, 422, "message_too_long")
    assert service.ledger.position == last
