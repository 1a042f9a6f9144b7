"""The cluster over HPC Pack's REST, and that every operation of both editions has an answer."""

import pytest

from adapters.hpcpack.operations import OPERATIONS
from domain.identity import Role
from tests.adapters.hpcpack.client import HpcClient
from tests.adapters.hpcpack.conftest import People

LACKING = [operation for operation in OPERATIONS if not operation.works]


def test_every_operation_of_both_editions_is_there() -> None:
    assert len([o for o in OPERATIONS if o.editions != "2016"]) == 53, "the 2019 specification"
    assert len([o for o in OPERATIONS if o.path.startswith("jobs") and "2016" in o.editions]) == 30
    assert len({(o.method, o.path) for o in OPERATIONS}) == len(OPERATIONS)
    assert len({o.id for o in OPERATIONS}) == len(OPERATIONS)


async def test_what_cannot_be_honoured_says_so(alice: HpcClient) -> None:
    job = await alice.create("sleep 60")
    parts = {"job_id": job, "task_id": 1, "subtask_id": 1, "name": "x", "operation": "reboot"}
    for operation in LACKING:
        answer = await alice.ask(operation.method, "/" + operation.path.format(**parts))
        assert answer.status == 501, operation.id
        assert operation.lacks in answer.message
    assert len((await alice.ask("GET", f"/jobs/{job}/tasks")).value) == 1, "nothing was done"


async def test_what_a_client_asks_first(alice: HpcClient) -> None:
    assert (await alice.ask("GET", "/cluster/version")).value == "6.0.0.0"
    assert (await alice.ask("GET", "/cluster/activeHeadNode")).value == "node-1"
    assert (await alice.ask("GET", "/cluster/info/dateTimeFormat")).value == "M/d/yyyy h:mm:ss tt"
    assert (await alice.ask("GET", "/jobs/templates")).value == ["Default"]


@pytest.mark.parametrize(
    ("role", "names"),
    [
        (Role.USER, ["User"]),
        (Role.JOB_OPERATOR, ["JobOperator"]),
        (Role.JOB_ADMINISTRATOR, ["JobAdministrator"]),
        (Role.ADMINISTRATOR, ["Administrator"]),
        (Role.AUDITOR, []),
    ],
)
async def test_roles_have_the_product_s_names(people: People, role: Role, names: list[str]) -> None:
    somebody = await people.person("somebody", role)
    assert (await somebody.ask("GET", "/cluster/userRoles")).value == names


async def test_roles_are_those_of_the_person_acted_for(people: People, alice: HpcClient) -> None:
    ada = await people.person("ada", Role.ADMINISTRATOR, **{"x-ms-as-user": "alice"})
    assert (await ada.ask("GET", "/cluster/userRoles")).value == ["User"]


async def test_the_nodes_of_the_2019_edition(alice: HpcClient) -> None:
    first, second = (await alice.ask("GET", "/cluster/nodes")).value
    assert (first["Name"], first["State"], first["Health"]) == ("node-1", "Online", "OK")
    assert (second["Name"], second["State"], second["Health"]) == ("node-2", "Online", "OK")
    assert (str(first["Cores"]), str(second["Cores"])) == ("4", "2")
    assert first["Groups"] == ["HeadNodes", "ComputeNodes"]
    assert second["Groups"] == ["ComputeNodes"]
    assert (await alice.ask("GET", "/cluster/nodes/NODE-1")).value == first
    assert (await alice.ask("GET", "/cluster/nodes/node-2")).value == second
    for query, names in (
        ({"names": "node-1,NODE-2"}, ["node-1", "node-2"]),
        ({"names": "node-2,node-3"}, ["node-2"]),
        ({"names": "node-3"}, []),
        ({"state": "offline"}, []),
        ({"group": "headnodes"}, ["node-1"]),
        ({"group": "computenodes", "health": "ok", "state": "Online"}, ["node-1", "node-2"]),
    ):
        answer = await alice.ask("GET", "/cluster/nodes", **query)
        assert [node["Name"] for node in answer.value] == names, query
    for query, sentence in (
        ({"state": "Online,Bogus"}, "state cannot be 'Bogus': it is one of Unknown, Provisioning,"),
        ({"names": "node-3", "health": "well"}, "health cannot be 'well': it is one of OK, Warn"),
    ):
        no = await alice.ask("GET", "/cluster/nodes", **query)
        assert (no.status, no.code) == (400, 0x80040205), query
        assert sentence in no.message
    assert (await alice.ask("GET", "/cluster/nodes", jobs="1")).status == 501
    other = await alice.ask("GET", "/cluster/nodes/other")
    assert other.status == 404
    assert other.message.startswith("there is no node 'other'; there is node-1, node-2 (")


async def test_node_groups_of_the_2019_edition(alice: HpcClient) -> None:
    groups = (await alice.ask("GET", "/cluster/nodeGroups")).value
    assert [group["Name"] for group in groups] == ["HeadNodes", "ComputeNodes"]
    one = await alice.ask("GET", "/cluster/nodeGroups/computenodes")
    assert one.value == groups[1]
    nodes = await alice.ask("GET", "/cluster/nodeGroups/ComputeNodes/nodes")
    assert nodes.value == ["node-1", "node-2"]
    nodes = await alice.ask("GET", "/cluster/nodeGroups/HeadNodes/nodes")
    assert nodes.value == ["node-1"]
    assert (await alice.ask("GET", "/cluster/nodeGroups/GPU")).status == 404
    assert (await alice.ask("GET", "/cluster/nodeGroups/GPU/nodes")).status == 404


async def test_nodes_and_groups_of_the_2016_edition(alice: HpcClient) -> None:
    listed = await alice.ask("GET", "/nodes", properties="Name,State")
    assert listed.value == [
        {"Name": "node-1", "State": "Online"},
        {"Name": "node-2", "State": "Online"},
    ]
    offline = await alice.ask("GET", "/nodes", filter_="NodeState eq Offline")
    assert offline.value == []
    node = await alice.ask("GET", "/nodes/node-1")
    assert (node.value["Id"], node.value["NumberOfCores"]) == ("1", "4")
    node = await alice.ask("GET", "/nodes/node-2", properties="NodeGroups,NumberOfCores")
    assert node.value == {"NodeGroups": "ComputeNodes", "NumberOfCores": "2"}
    assert (await alice.ask("GET", "/nodes/node-3")).status == 404
    groups = (await alice.ask("GET", "/nodes/groups")).value
    assert [group["Name"] for group in groups] == ["HeadNodes", "ComputeNodes"]
    assert (await alice.ask("GET", "/nodes/groups/HeadNodes")).value == ["node-1"]
    assert (await alice.ask("GET", "/nodes/groups/ComputeNodes")).value == ["node-1", "node-2"]


async def test_pages_of_nodes(alice: HpcClient) -> None:
    query = {"rowsPerRead": "1", "sortNodesBy": "numberofcores", "properties": "Name"}
    first = await alice.ask("GET", "/nodes", **query)
    assert first.value == [{"Name": "node-2"}], "the one with fewer cores"
    going_on = first.headers["x-ms-continuation-queryId"]
    last = await alice.ask("GET", "/nodes", **query, queryId=going_on)
    assert last.value == [{"Name": "node-1"}]
    assert "x-ms-continuation-queryId" not in last.headers
    numbered = await alice.ask("GET", "/nodes", startRow="1", asc="False", properties="Name")
    assert numbered.value == [{"Name": "node-1"}]
    assert numbered.headers["x-ms-row-count"] == "2"
    assert (await alice.ask("GET", "/nodes", sortNodesBy="Health")).status == 501
    assert (await alice.ask("GET", "/nodes", queryId=going_on)).status == 404


async def test_nothing_was_done_to_nodes(alice: HpcClient) -> None:
    answer = await alice.ask("GET", "/cluster/operations", fromTime="1/1/2026", withDetail="True")
    assert (answer.status, answer.value) == (200, [])
    assert (await alice.ask("GET", "/cluster/operations", fromTime="then")).status == 400
    for path in ("first", "7"):
        assert (await alice.ask("GET", f"/cluster/operations/{path}")).status == 404
