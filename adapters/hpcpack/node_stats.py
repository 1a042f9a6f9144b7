"""How many nodes are in each state, and in each health: what the product's first page shows."""

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from adapters.hpcpack.answers import Count, Counts
from adapters.hpcpack.asked import Asked, Work
from adapters.hpcpack.fields import Fields
from adapters.hpcpack.nodes import NodeQuestions


class NodeStats:
    """One method an operation. The nodes are counted as the list of them shows them."""

    def __init__(self, nodes: NodeQuestions) -> None:
        self._nodes = nodes

    def works(self) -> Mapping[str, Work]:
        """The operations by name."""
        return {
            "getClusterNodeStatOfState": self.of_state,
            "getClusterNodeStatOfHealth": self.of_health,
        }

    async def of_state(self, asked: Asked) -> Counts:
        """How many nodes are in each state; a state that none is in is left out."""
        nodes = (await self._nodes.nodes(all_of_them(asked))).nodes
        return counted((node.state for node in nodes), "NodeStatOfState")

    async def of_health(self, asked: Asked) -> Counts:
        """How many nodes are as well; a health that none has is left out."""
        nodes = (await self._nodes.nodes(all_of_them(asked))).nodes
        return counted((node.health for node in nodes), "NodeStatOfHealth")


def all_of_them(asked: Asked) -> Asked:
    """The same without fields: these operations have none that choose."""
    return replace(asked, fields=Fields(b""))


def counted(values: Iterable[str], item: str) -> Counts:
    """How often each value is there, by name."""
    return Counts(tuple(Count(name, n) for name, n in sorted(Counter(values).items())), item)
