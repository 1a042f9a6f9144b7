"""nodes: a table for people, JSON for programs."""

import json

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_server import StandIn
from tests.support.stand_in_views import node


def test_nodes_and_how_busy_they_are(server: StandIn, cli: Cli) -> None:
    server.nodes = [node("n1", in_use=3), node("old", 2, state="Removed", slots=0, runs=3)]
    done = cli("nodes")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["NODE", "STATE", "SLOTS", "IN", "USE", "RUNS"],
        ["n1", "Online", "4", "3", "3"],
        ["old", "Removed", "0", "2", "3"],
    ]
    assert json.loads(cli("nodes", "-o", "json").stdout) == server.nodes
    assert cli("nodes", "-o", "csv", "--fields", "name,slots").stdout == "name,slots\nn1,4\nold,0\n"
