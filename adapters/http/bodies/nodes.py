"""Nodes, as they go out."""

from msgspec import Struct

from adapters.http.bodies.shapes import Count, NodeStateWord, PositionNumber
from application.node_use import NodesSeen


class NodeBody(Struct, frozen=True):
    """A node. ``state``: Online, or Removed when the settings have it no more and runs of it go on.

    ``slots``: how many runs may be there at once, 0 for a removed one. ``slots_in_use``: held by
    runs. ``runs``: all of them, also node release, which needs no slot.
    """

    name: str
    state: NodeStateWord
    slots: Count
    slots_in_use: Count
    runs: Count


class NodesBody(Struct, frozen=True):
    """All nodes in the order of the settings. ``position``: of the stream, what it is true for."""

    position: PositionNumber
    nodes: tuple[NodeBody, ...]


def nodes_body(seen: NodesSeen) -> NodesBody:
    """The nodes as they go out."""
    told = (NodeBody(n.name, n.state, n.slots, n.slots_in_use, n.runs) for n in seen.nodes)
    return NodesBody(seen.position, tuple(told))
