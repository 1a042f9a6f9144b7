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


async def test_the_node_of_the_2019_edition(alice: HpcClient) -> None:
    listed = await alice.ask("GET", "/cluster/nodes")
    (node,) = listed.value
    assert (node["Name"], node["State"], node["Health"]) == ("node-1", "Online", "OK")
    assert str(node["Cores"]) == "4"
    assert node["Groups"] == ["HeadNodes", "ComputeNodes"]
    assert (await alice.ask("GET", "/cluster/nodes/NODE-1")).value == node
    for query, there in (
        ({"names": "node-1,node-2"}, True),
        ({"names": "node-2"}, False),
        ({"state": "offline"}, False),
        ({"group": "computenodes", "health": "ok", "state": "Online"}, True),
    ):
        answer = await alice.ask("GET", "/cluster/nodes", **query)
        assert bool(answer.value) == there, query
    assert (await alice.ask("GET", "/cluster/nodes", jobs="1")).status == 501
    assert (await alice.ask("GET", "/cluster/nodes/other")).status == 404


async def test_node_groups_of_the_2019_edition(alice: HpcClient) -> None:
    groups = (await alice.ask("GET", "/cluster/nodeGroups")).value
    assert [group["Name"] for group in groups] == ["HeadNodes", "ComputeNodes"]
    one = await alice.ask("GET", "/cluster/nodeGroups/computenodes")
    assert one.value == groups[1]
    nodes = await alice.ask("GET", "/cluster/nodeGroups/ComputeNodes/nodes")
    assert nodes.value == ["node-1"]
    assert (await alice.ask("GET", "/cluster/nodeGroups/GPU")).status == 404
    assert (await alice.ask("GET", "/cluster/nodeGroups/GPU/nodes")).status == 404


async def test_nodes_and_groups_of_the_2016_edition(alice: HpcClient) -> None:
    listed = await alice.ask("GET", "/nodes", properties="Name,State")
    assert listed.value == [{"Name": "node-1", "State": "Online"}]
    offline = await alice.ask("GET", "/nodes", filter_="NodeState eq Offline")
    assert offline.value == []
    node = await alice.ask("GET", "/nodes/node-1")
    assert node.value["NumberOfCores"] == "4"
    groups = (await alice.ask("GET", "/nodes/groups")).value
    assert [group["Name"] for group in groups] == ["HeadNodes", "ComputeNodes"]
    assert (await alice.ask("GET", "/nodes/groups/HeadNodes")).value == ["node-1"]


async def test_nothing_was_done_to_nodes(alice: HpcClient) -> None:
    answer = await alice.ask("GET", "/cluster/operations", fromTime="1/1/2026", withDetail="True")
    assert (answer.status, answer.value) == (200, [])
    assert (await alice.ask("GET", "/cluster/operations", fromTime="then")).status == 400
    for path in ("first", "7"):
        assert (await alice.ask("GET", f"/cluster/operations/{path}")).status == 404
