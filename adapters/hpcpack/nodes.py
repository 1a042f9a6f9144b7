"""Nodes and their groups in HPC Pack's REST: names with slots, every one on this machine."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from adapters.hpcpack.answers import (
    Groups,
    NodeGroup,
    Nodes,
    Object,
    Objects,
    One,
    Properties,
    Property,
    Texts,
)
from adapters.hpcpack.answers import Node as NodeAnswer
from adapters.hpcpack.asked import Asked, Work
from adapters.hpcpack.faults import NotSupported
from adapters.hpcpack.fields import SHOWN, Fields, shown
from adapters.hpcpack.filters import terms
from adapters.hpcpack.job_properties import named
from adapters.hpcpack.paging import paging_of
from adapters.web.cursors import cursor_text, key_of, question_digest
from adapters.web.requests import Malformed
from application.engine import Node
from domain.errors import Unknown
from domain.hresult import HResult

ONLINE: Final = "Online"
HEALTHY: Final = "OK"
STATES: Final = (
    "Unknown",
    "Provisioning",
    "Offline",
    "Starting",
    ONLINE,
    "Draining",
    "Rejected",
    "Removing",
    "NotDeployed",
    "Stopping",
)
HEALTHS: Final = (HEALTHY, "Warning", "Error", "Transitional", "Unapproved")
"""What nodes can be in the product, by its page on Get-HpcNode. Here they are Online and OK."""

HEAD_NODES: Final = "HeadNodes"
COMPUTE_NODES: Final = "ComputeNodes"
GROUPS: Final = {
    HEAD_NODES: "The node that the service counts as its own: the first of the settings",
    COMPUTE_NODES: "The nodes that tasks run on",
}
ROLES: Final = {HEAD_NODES: "HeadNode", COMPUTE_NODES: "ComputeNode"}
NAMES_SHOWN_MAX: Final = 8


class Machine(Struct, frozen=True):
    """The nodes, at least one, and their cluster's name."""

    nodes: tuple[Node, ...]
    cluster: str

    @property
    def head(self) -> str:
        """The node that answers for the service."""
        return self.nodes[0].name

    def groups_of(self, name: str) -> tuple[str, ...]:
        """The groups that a node is in."""
        return tuple(GROUPS) if name == self.head else (COMPUTE_NODES,)


class Place(Struct, frozen=True):
    """A node where it stands. ``number``: in the settings, from 1."""

    number: int
    node: Node
    groups: tuple[str, ...]


NODE_PROPERTIES: Final[dict[str, tuple[str, Callable[[Place], str]]]] = {
    "name": ("Name", lambda p: p.node.name),
    "id": ("Id", lambda p: str(p.number)),
    "state": ("State", lambda _: ONLINE),
    "health": ("Health", lambda _: HEALTHY),
    "reachable": ("Reachable", lambda _: "True"),
    "numberofcores": ("NumberOfCores", lambda p: str(p.node.slots)),
    "nodegroups": ("NodeGroups", lambda p: ",".join(p.groups)),
}
Sort = Callable[[Place], tuple[str | int, ...]]
SORTS: Final[dict[str, Sort]] = {
    "id": lambda p: (p.number,),
    "name": lambda p: (p.node.name.lower(),),
    "numberofcores": lambda p: (p.node.slots, p.number),
}


class NodeQuestions:
    """One method an operation. Nodes are always Online: they cannot be taken offline here."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._places = tuple(
            Place(number, node, machine.groups_of(node.name))
            for number, node in enumerate(machine.nodes, start=1)
        )

    def works(self) -> Mapping[str, Work]:
        """The operations by name."""
        return {
            "getClusterNodes": self.nodes,
            "getClusterNode": self.node,
            "getNodeGroups": self.groups,
            "getNodeGroup": self.group,
            "getNodesOfGroup": self.nodes_of_group,
            "getNodes": self.old_nodes,
            "getNode": self.old_node,
            "getOldNodeGroups": self.old_groups,
            "getOldNodeGroup": self.nodes_of_group,
        }

    async def nodes(self, asked: Asked) -> Nodes:
        """Nodes, of the 2019 edition."""
        check_words(asked.fields, "state", STATES)
        check_words(asked.fields, "health", HEALTHS)
        return Nodes(tuple(told(place) for place in self._places if fits(place, asked.fields)))

    async def node(self, asked: Asked) -> One:
        """One node."""
        return One(told(self._place(asked.path["name"])))

    async def groups(self, _: Asked) -> Groups:
        """Groups of nodes."""
        return Groups(tuple(map(node_group, GROUPS)))

    async def group(self, asked: Asked) -> One:
        """One group."""
        return One(node_group(group_named(asked.path["name"])))

    async def nodes_of_group(self, asked: Asked) -> Texts:
        """The nodes of a group."""
        group = group_named(asked.path["name"])
        return Texts(tuple(p.node.name for p in self._places if group in p.groups))

    async def old_nodes(self, asked: Asked) -> Objects:
        """A page of nodes, of the 2016 edition."""
        fields = asked.fields
        order, ascending = fields.text("sortNodesBy").lower(), fields.yes("asc", default=True)
        wanted = terms(fields.text("$filter"), ("NodeState",)).get("NodeState", ONLINE).lower()
        there = self._places if wanted in (ONLINE.lower(), "all") else ()
        rows = sorted(there, key=sort_of(order), reverse=not ascending)
        return page(rows, fields, question_digest("hpcpack nodes", wanted, order, ascending))

    async def old_node(self, asked: Asked) -> Properties:
        """One node, of the 2016 edition."""
        place = self._place(asked.path["name"])
        return Properties(node_properties(place, asked.fields.names("properties")))

    async def old_groups(self, _: Asked) -> Objects:
        """Groups of nodes, of the 2016 edition."""
        rows = ({"Name": name, "Description": words} for name, words in GROUPS.items())
        return Objects(tuple(Object(tuple(Property(k, v) for k, v in row.items())) for row in rows))

    def _place(self, name: str) -> Place:
        """The node of that name, in any case."""
        found = next((p for p in self._places if p.node.name.lower() == name.lower()), None)
        if found is None:
            names = [node.name for node in self._machine.nodes]
            more = ["..."] if len(names) > NAMES_SHOWN_MAX else []
            there = shown(names[:NAMES_SHOWN_MAX] + more)
            raise unknown(f"there is no node {name[:SHOWN]!r}; there is {there}")
        return found


def told(place: Place) -> NodeAnswer:
    """A node as it goes out in the 2019 edition."""
    roles = tuple(ROLES[group] for group in place.groups)
    return NodeAnswer(
        name=place.node.name,
        state=ONLINE,
        health=HEALTHY,
        cores=place.node.slots,
        on_azure=False,
        groups=place.groups,
        installed_service_roles=roles,
        active_service_roles=roles,
    )


def fits(place: Place, fields: Fields) -> bool:
    """Whether a node is one of those that are asked for."""
    if fields.text("jobs"):
        raise NotSupported("nodes cannot be chosen by jobs; a job's AllocatedNodes names them")
    return all(
        not wanted or bool({one.lower() for one in wanted} & {one.lower() for one in has})
        for wanted, has in (
            (fields.names("names"), (place.node.name,)),
            (fields.names("group"), place.groups),
            (fields.names("state"), (ONLINE,)),
            (fields.names("health"), (HEALTHY,)),
        )
    )


def check_words(fields: Fields, name: str, allowed: Sequence[str]) -> None:
    """Pass, or raise ``Malformed`` for a word in a field that the product does not have."""
    for word in fields.names(name):
        if word.lower() not in {one.lower() for one in allowed}:
            raise Malformed(
                f"{name} cannot be {word[:SHOWN]!r}: it is one of {shown(allowed)}, or several "
                "with commas between them"
            )


def page(rows: Sequence[Place], fields: Fields, digest: str) -> Objects:
    """The rows that the query asks for, and how to go on."""
    paging = paging_of(fields)
    names = fields.names("properties")
    key = key_of(paging.query_id or None, digest)
    after = next((x for x in key if isinstance(x, int)), 0)
    start = after if paging.start_row is None else paging.start_row
    end = min(start + paging.rows, len(rows))
    more = paging.start_row is None and end < len(rows)
    return Objects(
        tuple(Object(node_properties(place, names)) for place in rows[start:end]),
        query_id=cursor_text((end,), digest) if more else "",
        row_count=None if paging.start_row is None else len(rows),
    )


def sort_of(name: str) -> Sort:
    """How nodes are sorted; by number for a property that there is not, as in the product."""
    found = SORTS.get(name)
    if found is None and name in NODE_PROPERTIES:
        raise NotSupported(f"nodes cannot be sorted by {name}; they can by {shown(tuple(SORTS))}")
    return found or SORTS["id"]


def node_properties(place: Place, names: tuple[str, ...]) -> tuple[Property, ...]:
    """The named properties of a node, all for none."""
    chosen = [named(NODE_PROPERTIES, name) for name in names] or NODE_PROPERTIES.values()
    return tuple(Property(name, read(place)) for name, read in chosen)


def node_group(name: str) -> NodeGroup:
    """A group as it goes out."""
    return NodeGroup(name, GROUPS[name], managed=True)


def group_named(name: str) -> str:
    """A group's name as it is spelled; ``Unknown`` for none."""
    found = {known.lower(): known for known in GROUPS}.get(name.lower())
    if found is None:
        raise unknown(f"there is no node group {name[:SHOWN]!r}; there are {', '.join(GROUPS)}")
    return found


def unknown(sentence: str) -> Unknown:
    """There is no such thing."""
    return Unknown(sentence, hresult=HResult.ARGUMENT_OUT_OF_RANGE)
