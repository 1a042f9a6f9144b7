"""How many nodes are in each state and health, over HPC Pack's REST."""

import pytest

from tests.adapters.hpcpack.client import HpcClient, Reply


def counts(answer: Reply) -> dict[str, int]:
    """Names and numbers, in either form."""
    assert answer.status == 200, answer.raw
    rows = answer.value
    pairs = rows.items() if isinstance(rows, dict) else [(x["Name"], x["Value"]) for x in rows]
    return {name: int(value) for name, value in pairs}


@pytest.mark.parametrize("query", [{}, {"state": "Offline", "names": "x", "jobs": "1"}])
async def test_all_nodes_are_counted_as_they_are_listed(
    alice: HpcClient, query: dict[str, str]
) -> None:
    nodes = (await alice.ask("GET", "/cluster/nodes")).value
    states = counts(await alice.ask("GET", "/cluster/nodes/stats/state", **query))
    health = counts(await alice.ask("GET", "/Cluster/Nodes/Stats/Health", **query))
    assert states == {"Online": len(nodes)}
    assert health == {"OK": len(nodes)}
