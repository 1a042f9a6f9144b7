"""Lists over HTTP, on real sockets: jobs, the trail, cancels; with pages, orders and positions."""

import csv
import io
import json

import httpx
import pytest

from adapters.http.bodies.audit import AuditItem
from domain.identity import Role
from tests.adapters.http.problems import is_problem
from tests.adapters.http.stack import Stack, submit, until

API = "/api/v1"


async def up_to_date(service: Stack) -> None:
    """The views know all that was answered."""
    known = service.ledger.position
    await until(lambda: service.views.projector.position >= known)


async def canceled(service: Stack, client: httpx.AsyncClient, message: str, **body: str) -> int:
    job = await submit(client, **body)
    await service.run_job(job)
    answer = await client.post(f"{API}/jobs/{job}/cancel", json={"message": message})
    assert answer.status_code == 200, answer.text
    return job


async def test_jobs_are_listed_with_their_last_cancel(service: Stack) -> None:
    async with service.unix() as client:
        first = await canceled(service, client, "disk full", name="one")
        second = await submit(client, name="two")
        await up_to_date(service)
        answer = await client.get(f"{API}/jobs")
        body = answer.json()
        assert [job["job_id"] for job in body["jobs"]] == [second, first]
        assert body["jobs"][1]["state"] == "Canceling"
        assert body["jobs"][1]["cancel"]["message"] == "disk full"
        assert body["jobs"][1]["error_message"] == "Canceled by user. Message: disk full"
        assert body["next"] is None
        assert answer.headers["countermand-position"] == str(body["position"])
        assert body["behind"] == 0


async def test_pages_give_every_job_once(service: Stack) -> None:
    async with service.unix() as client:
        made = [await submit(client, name=f"n{n % 3}") for n in range(7)]
        await up_to_date(service)
        seen: list[int] = []
        query = {"limit": "2", "sort": "name"}
        while True:
            body = (await client.get(f"{API}/jobs", params=query)).json()
            seen += [job["job_id"] for job in body["jobs"]]
            if body["next"] is None:
                break
            query["cursor"] = body["next"]
        assert sorted(seen) == sorted(made)
        assert len(seen) == len(made)
        other = await client.get(f"{API}/jobs", params=query | {"sort": "owner"})
        is_problem(other, 404, "unknown_cursor")
        assert "another question" in other.json()["detail"]
        is_problem(await client.get(f"{API}/jobs?cursor=abc"), 404, "unknown_cursor")


async def test_the_trail_is_searched_by_word_and_value(service: Stack) -> None:
    async with service.unix() as client, service.person("bob") as bob:
        job = await canceled(service, client, "the disk is full")
        refused = await bob.post(f"{API}/jobs/{job}/cancel", json={"message": "mine"})
        assert refused.status_code == 403
        await up_to_date(service)
        found = (await client.get(f"{API}/audit", params={"words": "disk"})).json()["rows"]
        assert [row["kind"] for row in found] == ["request"]
        (row,) = (await client.get(f"{API}/audit", params={"refused": "true"})).json()["rows"]
        assert (row["actor"], row["rule"]) == ("bob", "no-rule-allows")
        event = (await client.get(row["event"])).json()
        assert event["event"]["id"] == row["event_id"]
        own = (await bob.get(f"{API}/audit")).json()
        assert own["rows"] == [], "the trail of others is not for everybody"


async def test_an_export_holds_exactly_the_filter(service: Stack) -> None:
    async with service.unix() as client:
        hostile = '=HYPERLINK("http://x")\n"two", lines\u202e'
        await canceled(service, client, hostile)
        await canceled(service, client, "harmless")
        await up_to_date(service)
        answer = await client.get(f"{API}/audit/export", params={"kind": "request"})
        rows = [json.loads(line) for line in answer.text.splitlines()]
        assert [row["message"] for row in rows] == [hostile, "harmless"]
        assert answer.headers["countermand-count"] == "2"
        assert answer.headers["countermand-first"] == str(rows[0]["position"])
        assert answer.headers["countermand-last"] == str(rows[1]["position"])
        assert set(rows[0]) == set(AuditItem.__struct_fields__) - {"event"}
        text = await client.get(f"{API}/audit/export", params={"kind": "request", "format": "csv"})
        table = list(csv.DictReader(io.StringIO(text.text)))
        assert len(text.text.splitlines()) == 3, "a row is a line"
        assert table[0]["message"] == '\'=HYPERLINK("http://x")\\n"two", lines\\u202e'
        assert table[1]["message"] == "harmless"


async def test_cancels_tell_how_far_they_have_come(service: Stack) -> None:
    async with service.unix() as client:
        job = await canceled(service, client, "why not")
        await up_to_date(service)
        (found,) = (await client.get(f"{API}/cancellations")).json()["cancellations"]
        assert (found["job_id"], found["stage"], found["open"]) == (job, "requested", True)
        assert found["steps"]["total_ms"] is None
        none = (await client.get(f"{API}/cancellations", params={"troubled": "true"})).json()
        assert none["cancellations"] == []


async def test_an_answer_can_be_asked_to_know_a_position(service: Stack) -> None:
    async with service.unix() as client:
        await submit(client)
        body = (await client.get(f"{API}/jobs", headers={"Countermand-At-Least": "2"})).json()
        assert body["position"] >= 2
        bad = await client.get(f"{API}/jobs", headers={"Countermand-At-Least": "soon"})
        assert bad.status_code == 400


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/jobs?state=Tired", "Configuring"),
        ("/jobs?limit=0", "1 to 1000"),
        ("/jobs?sort=color", "changed"),
        ("/audit?kind=party", "refusal"),
        ("/audit?words=***", "letter"),
        ("/audit?since=yesterday", "with its zone"),
        ("/audit/export?format=xml", "csv"),
        ("/cancellations?troubled=maybe", "true"),
    ],
)
async def test_what_is_wrong_says_what_is_allowed(service: Stack, path: str, says: str) -> None:
    async with service.unix() as client:
        answer = await client.get(API + path)
        assert answer.status_code == 400
        assert says in answer.json()["detail"]


async def test_upkeep_is_for_administrators(service: Stack) -> None:
    async with service.unix() as client, service.person("bob") as bob:
        assert (await bob.post(f"{API}/projections/rebuild")).status_code == 403
        assert (await bob.get(f"{API}/principals")).status_code == 403
        async with service.person("audrey", Role.AUDITOR) as audrey:
            found = (await audrey.get(f"{API}/principals")).json()["principals"]
            assert sorted(x["name"] for x in found) == ["audrey", "bob"]
        begun = await client.post(f"{API}/projections/rebuild")
        assert begun.status_code == 202
        assert begun.json()["rebuild"]["running"]


async def test_metrics_count_what_the_stream_holds(service: Stack) -> None:
    async with service.unix() as client, service.tcp() as nobody:
        await canceled(service, client, "why")
        await up_to_date(service)
        text = (await nobody.get(f"{API}/metrics")).text
        assert 'countermand_requests_total{operation="cancel",outcome="accepted"} 1.0' in text
        assert 'countermand_cancels_total{mode="normal",stage="requested"} 1.0' in text
        assert "countermand_projection_lag_events 0.0" in text
        assert "countermand_store_used_bytes 4711.0" in text
        assert 'countermand_disk_free_bytes{holds="data"} 5000.0' in text
        assert 'countermand_disk_size_bytes{holds="mark"} 70000.0' in text
        assert "countermand_disk_needed_bytes 800.0" in text
        assert "countermand_disk_reserve_bytes 80.0" in text
        assert "countermand_refused_for_room 0.0" in text
        assert 'countermand_node_slots{node="node-2"} 2.0' in text
        assert 'countermand_node_slots_in_use{node="node-1"} 0.0' in text


async def test_why_a_job_is_as_it_is(service: Stack) -> None:
    async with service.unix() as client:
        job = await canceled(service, client, "disk full")
        told = (await client.get(f"{API}/jobs/{job}/explanation")).json()
        assert "has not ended: it is Canceling" in told["sentences"][0]["text"]
        assert all(sentence["events"] for sentence in told["sentences"])
