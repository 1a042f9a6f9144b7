"""``countermand nodes``: the nodes and what is on them."""

from typing import Final

import click

from adapters.cli.exits import DONE
from adapters.cli.reaching.view_shapes import NodeItem
from adapters.cli.typed import options as o

HEADINGS: Final = ("NODE", "STATE", "SLOTS", "IN USE", "RUNS")


@click.command("nodes")
@o.talks
def verb(asked: o.Asked) -> int:
    """Show the nodes: their slots, how many of them are in use, and how many runs there are.

    Node release is a run that needs no slot. The settings name the nodes; one that they have no
    more is Removed, and is shown as long as runs of it go on.

    \b
      countermand nodes
    """
    out = asked.out
    out.check(NodeItem)
    out.listed(asked.server.nodes()["nodes"], NodeItem, HEADINGS, row)
    return DONE


def row(x: NodeItem) -> tuple[object, ...]:
    """A node as a row."""
    return x["name"], x["state"], x["slots"], x["slots_in_use"], x["runs"]
