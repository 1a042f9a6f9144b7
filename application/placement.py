"""Where the next run goes: the first of the job's nodes with a free slot; and which nodes it gets.

Deliberate: a job gets its nodes when it starts, no more than it has work for, in the order of the
settings, and keeps them until it ends; preparation and release are for these.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from application.engine import Node


class FreeSlots:
    """Free slots by node. ``taken``: the node of each run that holds one.

    False when there is none. A node that is no more counts as having one for a job that was given
    it: the engine refuses the run, and that is recorded; waiting for it would last for ever.
    """

    def __init__(self, nodes: Sequence[Node], taken: Iterable[str]) -> None:
        busy = Counter(taken)
        self._free = {node.name: max(0, node.slots - busy[node.name]) for node in nodes}

    def __bool__(self) -> bool:
        return self.total > 0

    @property
    def total(self) -> int:
        """How many are free."""
        return sum(self._free.values())

    def take(self, node: str) -> None:
        """A slot there is no longer free."""
        self._free[node] = max(0, self._free.get(node, 0) - 1)

    def best(self, nodes: Sequence[str]) -> str | None:
        """The first of these with a free slot; None when none has one."""
        return next((node for node in nodes if self._free.get(node, 1)), None)

    def choose(self, runs: int) -> tuple[str, ...]:
        """Nodes for a job with so many runs: as many as have free slots for them, at least one.

        Where there are not enough, the others too, for what waits till they are free.
        """
        there = sorted(self._free, key=lambda name: not self._free[name])
        found, room = [there[0]], self._free[there[0]]
        for node in there[1:]:
            if room >= runs or len(found) >= runs:
                break
            found.append(node)
            room += self._free[node]
        return tuple(found)

    def keep(self, runs: int) -> None:
        """So many slots are no longer free, wherever, as far as there are any."""
        for node, free in self._free.items():
            taken = min(free, runs)
            self._free[node] -= taken
            runs -= taken
