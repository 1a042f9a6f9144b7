"""What runs on each node now, as the stream tells it."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from application.board import Board
from application.engine import Node
from application.ports import Policy
from application.visibility import Visibility
from application.waiting_line import Occupied
from domain.identity import Caller


class NodeState(StrEnum):
    """Online: it takes runs. Removed: the settings have it no more, and runs of it go on."""

    ONLINE = "Online"
    REMOVED = "Removed"


class NodeUse(Struct, frozen=True):
    """A node now.

    ``slots``: 0 for one that was removed. ``slots_in_use``: held by runs, more than ``slots`` where
    the settings gave the node fewer than it had. ``runs``: all of them, also node release, which
    needs no slot.
    """

    name: str
    state: NodeState
    slots: int
    slots_in_use: int
    runs: int


class NodesSeen(Struct, frozen=True):
    """All nodes, and the position of the stream that it is true for."""

    nodes: tuple[NodeUse, ...]
    position: int


class NodeUses:
    """Asks the board. Whoever may come in may see the nodes: it says nothing of whose runs."""

    def __init__(self, nodes: Sequence[Node], board: Board, policy: Policy) -> None:
        self._nodes = nodes
        self._board = board
        self._visibility = Visibility(policy)

    def seen(self, caller: Caller) -> NodesSeen:
        """For a person. Raises ``NotPermitted`` for who may not act for the person they name."""
        self._visibility.check_acting(caller)
        return NodesSeen(self.now(), self._board.position)

    def now(self) -> tuple[NodeUse, ...]:
        """The nodes of the settings in their order, then removed ones that still have runs."""
        return node_uses(self._nodes, self._board.occupied)


def node_uses(nodes: Sequence[Node], occupied: Occupied) -> tuple[NodeUse, ...]:
    """Each node with what is on it."""
    held = Counter(occupied.runs.values())
    runs = held + Counter(occupied.releases.values())
    removed = sorted(set(runs) - {node.name for node in nodes})
    places = [(node.name, NodeState.ONLINE, node.slots) for node in nodes]
    places += [(name, NodeState.REMOVED, 0) for name in removed]
    return tuple(NodeUse(name, state, n, held[name], runs[name]) for name, state, n in places)
