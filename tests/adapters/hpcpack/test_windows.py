"""The older XML edition, ``/WindowsHPC``, as the product's sample clients speak to it."""

import pytest

from domain.events import job_aggregate
from tests.adapters.hpcpack.client import Form, HpcClient
from tests.adapters.hpcpack.conftest import People
from tests.adapters.http.stack import CLUSTER, Stack

pytestmark = pytest.mark.parametrize("form", [Form.XML], indirect=True)

ROOT = "/WindowsHPC"
VERSION = "2012-11-01.4.0"
JOB_FILE = (
    '<Job Name="old"><Tasks><Task CommandLine="sleep 60"/><Task CommandLine="b"/></Tasks></Job>'
)


@pytest.fixture
async def old(people: People) -> HpcClient:
    return await people.person("alice", root=ROOT, **{"api-version": VERSION})


async def from_file(client: HpcClient) -> int:
    """A job of two tasks, in Configuring."""
    headers = {"Content-Type": "text/xml"}
    made = await client.send("POST", "/Jobs/JobFile", JOB_FILE.encode(), headers)
    assert made.status == 200, made.raw
    assert isinstance(made.value, int)
    return made.value


async def ok(
    client: HpcClient, path: str, body: object = None, method: str = "POST", **query: str
) -> None:
    """A command that is done: 200, and nothing in it."""
    content = None if body is None else client.written(body)
    headers = {} if body is None else {"Content-Type": "application/xml; charset=utf-8"}
    answer = await client.http.request(
        method, path, content=content, headers=headers, params=query or None
    )
    assert (answer.status_code, answer.content) == (200, b""), answer.text


async def test_a_job_is_made_submitted_and_canceled(service: Stack, old: HpcClient) -> None:
    empty = await old.ask("POST", "/Jobs", {"Name": "empty", "Priority": "0"})
    assert empty.status == 200
    assert (await old.job_at(empty.value, "Priority")) == {"Priority": "Lowest"}
    job = await from_file(old)
    await ok(old, f"/Job/{job}/Submit", {})
    await service.run_job(job)
    await ok(old, f"/Job/{job}/Cancel", "I canceled it!", Forced="False")
    await ok(old, f"/Job/{job}/Cancel", "now", Forced="true")
    told = await old.job_at(job, "Id", "Name", "State", "ErrorMessage")
    assert (told["Id"], told["Name"], told["State"]) == (str(job), "old", "Canceling")
    assert "now" in told["ErrorMessage"]
    found = await service.ledger.job(job)
    assert found is not None
    assert found.cancel is not None
    assert found.cancel.mode == "forced"


async def test_tasks(service: Stack, old: HpcClient) -> None:
    job = await from_file(old)
    await ok(old, f"/Job/{job}/Submit")
    await service.run_job(job)
    listed = await old.ask("GET", f"/Job/{job}/Tasks", Properties="TaskId,State")
    assert [row["State"] for row in listed.value] == ["Running", "Queued"]
    await ok(old, f"/Job/{job}/Task/2/Cancel", "", Forced="False")
    task = await old.ask("GET", f"/Job/{job}/Task/2", Properties="State,CommandLine")
    assert task.value == {"State": "Canceled", "CommandLine": "b"}


async def test_lists_go_on(old: HpcClient) -> None:
    jobs = [await from_file(old) for _ in range(12)]
    seen, query = [], {"Properties": "Id,Name,State"}
    while True:
        page = await old.ask("GET", "/Jobs", **query)
        seen += [int(row["Id"]) for row in page.value]
        if "x-ms-continuation-QueryId" not in page.headers:
            break
        query["QueryId"] = page.headers["x-ms-continuation-QueryId"]
    assert seen == jobs
    canceled = await old.ask(
        "GET", "/Jobs", filter_="JobState eq Canceled", Render="RestPropRender"
    )
    assert canceled.value == []
    assert (await old.ask("GET", f"/Job/{jobs[0]}", Render="JobXml")).status == 501


async def test_the_cluster_and_its_nodes(old: HpcClient) -> None:
    assert (await old.ask("GET", "/Clusters")).value == [{"Name": CLUSTER}]
    assert (await old.ask("GET", f"/{CLUSTER}/Nodes", Properties="Name")).value == [
        {"Name": "node-1"},
        {"Name": "node-2"},
    ]
    assert (await old.ask("GET", "/Node/node-1")).value["State"] == "Online"
    groups = (await old.ask("GET", "/Nodegroups")).value
    assert (await old.ask("GET", f"/Nodegroup/{groups[0]['Name']}")).value == ["node-1"]
    assert (await old.ask("GET", "/other/Nodes")).status == 404


async def test_a_fault_is_a_fault_of_this_edition(service: Stack, old: HpcClient) -> None:
    answer = await old.ask("POST", "/Job/999/Cancel")
    assert answer.status == 404
    assert "<HpcWebServiceFault xmlns=" in answer.raw
    assert int(answer.value["Code"]) == 0x80040206 - 2**32
    assert "Operation_InvalidJobId" in answer.message
    assert answer.headers["x-ms-hpc-authoritychain"] == "node-1"
    job = await from_file(old)
    await ok(old, f"/Job/{job}/Submit")
    again = await old.ask("POST", f"/Job/{job}/Submit")
    assert (again.status, again.code) == (409, 0x80040202)
    types = [s.type for s in await service.log.load(job_aggregate(job))]
    assert types[-1] == "JobCommandRefused"


async def test_versions(people: People) -> None:
    without = await people.person("alice", root=ROOT)
    bare = await without.ask("GET", "/Job/999")
    assert bare.status == 404
    assert isinstance(bare.value, str), "a bare string, as before there were versions"
    by_query = await without.ask("GET", "/Job/999", version_="2011-11-01")
    assert int(by_query.value["Code"]) % 2**32 == 0x80040206
    unknown = await people.person("alice", root=ROOT, **{"api-version": "1999"})
    assert (await unknown.ask("GET", "/Jobs", version_=VERSION)).status == 400, "the header wins"


async def test_who_is_not_known(people: People) -> None:
    nobody = await people.client(ROOT, **{"api-version": VERSION})
    answer = await nobody.ask("GET", "/Jobs")
    assert (answer.status, answer.code) == (401, 0x8004020C)


async def test_properties_change_and_tasks_are_added(old: HpcClient) -> None:
    job = await from_file(old)
    new = {"Project": "film", "Runtime": "60", "RunUntilCanceled": "True"}
    await ok(old, f"/Job/{job}", new, "PUT")
    told = await old.job_at(job)
    assert {name: told[name] for name in new} == new
    number = len((await old.ask("GET", f"/Job/{job}/Tasks")).value) + 1
    added = await old.ask("POST", f"/Job/{job}/Tasks", {"CommandLine": "hostname"})
    assert (added.status, added.value) == (200, number)
    place = f"/Job/{job}/Task/{number}"
    await ok(old, place, {"Commandline": "hostname -f"}, "PUT")
    assert (await old.properties(place, "CommandLine"))["CommandLine"] == "hostname -f"


async def test_two_versions_or_a_query_that_cannot_be_read_are_refused(people: People) -> None:
    alice = await people.person("alice", root=ROOT)
    headers = [("api-version", VERSION), ("api-version", "2011-11-01")]
    twice = await alice.http.get("/Jobs", headers=headers)
    assert twice.status_code == 400
    assert "there are 2 api-version headers; send one" in twice.text
    torn = await alice.http.get("/Jobs", params=[("QueryId", "a"), ("queryid", "b")])
    assert torn.status_code == 400
    assert "<Message>the query field 'queryid' is given with two values" in torn.text
