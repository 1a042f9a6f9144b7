"""How many nodes are in each state and health, over HPC Pack's REST."""

from tests.adapters.hpcpack.client import HpcClient, Reply


def counts(answer: Reply) -> dict[str, int]:
    """Names and numbers, in either form."""
    assert answer.status == 200, answer.raw
    rows = answer.value
    pairs = rows.items() if isinstance(rows, dict) else [(x["Name"], x["Value"]) for x in rows]
    return {name: int(value) for name, value in pairs}


async def test_all_nodes_are_counted_as_they_are_listed(alice: HpcClient) -> None:
    nodes = (await alice.ask("GET", "/cluster/nodes")).value
    states = counts(await alice.ask("GET", "/cluster/nodes/stats/state"))
    health = counts(await alice.ask("GET", "/Cluster/Nodes/Stats/Health"))
    assert states == {"Online": len(nodes)}
    assert health == {"OK": len(nodes)}


async def test_they_are_counted_whole_and_a_choice_of_them_is_refused(alice: HpcClient) -> None:
    answer = await alice.ask("GET", "/cluster/nodes/stats/state", state="Offline")
    assert answer.status == 400
    assert "has no query field 'state'" in answer.message
