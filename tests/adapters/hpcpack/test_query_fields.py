"""Which query fields there are: each is described, and none that there is not is passed over."""

from collections import Counter
from itertools import chain

import pytest

from adapters.hpcpack.operation import Operation
from adapters.hpcpack.operations import OPERATIONS
from adapters.hpcpack.windows_operations import WINDOWS_OPERATIONS
from ops.hpcpack_query import QUERY_FIELDS
from tests.adapters.hpcpack.client import Form, HpcClient
from tests.adapters.hpcpack.conftest import IN_JSON, People
from tests.adapters.http.stack import Stack

PARTS = {
    "job_id": "1",
    "task_id": "1",
    "subtask_id": "1",
    "name": "node-1",
    "id": "1",
}


def test_every_field_of_every_operation_is_described_once() -> None:
    told = Counter(chain.from_iterable(((x.name, of) for of in x.of) for x in QUERY_FIELDS))
    there = {(x, o.id) for o in (*OPERATIONS, *WINDOWS_OPERATIONS) for x in o.query}
    assert {pair for pair, count in told.items() if count != 1} == set()
    assert set(told) == there
    assert [x.name for x in QUERY_FIELDS if not x.of] == ["api-version", "Render"]
    assert all(x.meaning and x.allowed and x.default for x in QUERY_FIELDS)


def test_an_operation_has_the_same_fields_in_both_editions() -> None:
    new = {o.id: o.query for o in OPERATIONS}
    assert {o.id: o.query for o in WINDOWS_OPERATIONS if o.id in new and new[o.id] != o.query} == {}


@IN_JSON
@pytest.mark.parametrize("operation", [o for o in OPERATIONS if o.works], ids=lambda o: o.id)
async def test_a_field_that_an_operation_has_not_is_refused(
    alice: HpcClient, operation: Operation
) -> None:
    await alice.submitted("sleep 60")
    path = operation.path.format(**PARTS)
    answer = await alice.send(operation.method, f"/{path}", ordr="x", version_="2012-11-01.4.0")
    assert (answer.status, answer.code) == (400, 0x80040205)
    names = ", ".join((*operation.query, "api-version"))
    assert answer.message.startswith(f"{operation.id} has no query field 'ordr'; it has: {names}")
    assert (await alice.job(1, "State"))["State"] == "Submitted"


@pytest.mark.parametrize("form", [Form.XML], indirect=True)
@pytest.mark.parametrize(
    "operation", [o for o in WINDOWS_OPERATIONS if o.works], ids=lambda o: o.id
)
async def test_nor_is_one_of_the_older_edition(people: People, operation: Operation) -> None:
    headers = {"api-version": "2012-11-01.4.0"}
    old = await people.person("alice", root="/WindowsHPC", **headers)
    await (await people.person("alice")).submitted("sleep 60")
    path = operation.path.format(**PARTS)
    answer = await old.send(operation.method, f"/{path}", ordr="x", Render="RestPropRender")
    assert answer.status == 400
    names = ", ".join((*operation.query, "api-version", "Render"))
    assert answer.message.startswith(f"{operation.id} has no query field 'ordr'; it has: {names}")


@IN_JSON
async def test_finish_has_no_forced_form(service: Stack, alice: HpcClient) -> None:
    """Neither has the product's; a finish that was meant to be forced must not be another one."""
    job = await alice.submitted("sleep 60")
    await service.run_job(job)
    answer = await alice.ask("POST", f"/jobs/{job}/finish", forced="true")
    assert answer.status == 400
    assert "finishJob has no query field 'forced'" in answer.message
    assert (await alice.job(job, "State"))["State"] == "Running"


@IN_JSON
async def test_fields_are_known_in_any_case(alice: HpcClient) -> None:
    await alice.submitted("sleep 60")
    fields = {
        "Properties": "Id",
        "SORTJOBSBY": "id",
        "Asc": "True",
        "rowsperread": "1",
        "$FILTER": "jobstate eq Submitted",
        "API-Version": "2016-11-01.5.0",
    }
    answer = await alice.http.get("/jobs", params=fields)
    assert answer.json() == [{"Properties": [{"Name": "Id", "Value": "1"}]}]


@IN_JSON
async def test_what_answers_501_says_so_whatever_is_asked(alice: HpcClient) -> None:
    answer = await alice.ask("GET", "/cluster/nodes/metrics", metricNames="x", other="y")
    assert answer.status == 501
