"""The operations on the cluster that a client meets first: there is one node, this machine."""

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from adapters.hpcpack.answers import (
    Groups,
    Node,
    NodeGroup,
    Nodes,
    Object,
    Objects,
    One,
    Properties,
    Property,
    Text,
    Texts,
)
from adapters.hpcpack.asked import Asked, Work
from adapters.hpcpack.faults import NotSupported
from adapters.hpcpack.fields import SHOWN, Fields
from adapters.hpcpack.filters import terms
from adapters.hpcpack.job_properties import named
from adapters.hpcpack.times import FORMAT, read_time
from domain.errors import Unknown
from domain.hresult import HResult
from domain.identity import Role

VERSION: Final = "6.0.0.0"
"""The edition whose REST this is: 2019 is 6.0. The build 0 is none of the vendor's."""

TEMPLATES: Final = ("Default",)
ONLINE: Final = "Online"
HEALTHY: Final = "OK"
ROLES: Final = ("HeadNode", "ComputeNode")
GROUPS: Final = {
    "HeadNodes": "The node that the service runs on",
    "ComputeNodes": "The nodes that tasks run on",
}
ROLE_NAMES: Final = {
    Role.USER: "User",
    Role.JOB_OPERATOR: "JobOperator",
    Role.JOB_ADMINISTRATOR: "JobAdministrator",
    Role.ADMINISTRATOR: "Administrator",
}
"""HPC Pack's names; an auditor has none there."""


class Machine(Struct, frozen=True):
    """The one node: its name, how many tasks it runs at once, and its cluster's name."""

    name: str
    slots: int
    cluster: str


NODE_PROPERTIES: Final[dict[str, tuple[str, Callable[[Machine], str]]]] = {
    "name": ("Name", lambda m: m.name),
    "id": ("Id", lambda _: "1"),
    "state": ("State", lambda _: ONLINE),
    "health": ("Health", lambda _: HEALTHY),
    "reachable": ("Reachable", lambda _: "True"),
    "numberofcores": ("NumberOfCores", lambda m: str(m.slots)),
    "nodegroups": ("NodeGroups", lambda _: ",".join(GROUPS)),
}


class Cluster:
    """One method an operation. Every person who may come in may see these."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def works(self) -> Mapping[str, Work]:
        """The operations by name."""
        return {
            "getClusterVersion": self.version,
            "getClusterActiveHeadNode": self.head_node,
            "getClusterDateTimeFormat": self.time_format,
            "getUserRoles": self.roles,
            "getClusterNodes": self.nodes,
            "getClusterNode": self.node,
            "getNodeGroups": self.groups,
            "getNodeGroup": self.group,
            "getNodesOfGroup": self.nodes_of_group,
            "getClusterOperations": self.operations,
            "getClusterFirstOperation": self.first_operation,
            "getClusterOperation": self.operation,
            "getJobTemplates": self.templates,
            "getNodes": self.old_nodes,
            "getNode": self.old_node,
            "getOldNodeGroups": self.old_groups,
            "getOldNodeGroup": self.nodes_of_group,
            "getClusters": self.clusters,
        }

    async def version(self, _: Asked) -> Text:
        """The edition."""
        return Text(VERSION)

    async def head_node(self, _: Asked) -> Text:
        """The node the service runs on."""
        return Text(self._machine.name)

    async def time_format(self, _: Asked) -> Text:
        """How times are written."""
        return Text(FORMAT)

    async def roles(self, asked: Asked) -> Texts:
        """What the person whose rights count is."""
        mine = asked.caller.subject.roles
        return Texts(tuple(n for role, n in ROLE_NAMES.items() if role in mine), "UserRole")

    async def templates(self, _: Asked) -> Texts:
        """Job templates."""
        return Texts(TEMPLATES)

    async def clusters(self, _: Asked) -> Objects:
        """The clusters of this address: there is one."""
        return Objects((Object((Property("Name", self._machine.cluster),)),))

    # --- nodes ------------------------------------------------------------------------------------

    async def nodes(self, asked: Asked) -> Nodes:
        """Nodes, of the 2019 edition."""
        return Nodes((self._node(),) if fits(self._machine, asked.fields) else ())

    async def node(self, asked: Asked) -> One:
        """One node."""
        self._check_node(asked.path["name"])
        return One(self._node())

    async def groups(self, _: Asked) -> Groups:
        """Groups of nodes."""
        return Groups(tuple(map(node_group, GROUPS)))

    async def group(self, asked: Asked) -> One:
        """One group."""
        return One(node_group(group_named(asked.path["name"])))

    async def nodes_of_group(self, asked: Asked) -> Texts:
        """The nodes of a group."""
        group_named(asked.path["name"])
        return Texts((self._machine.name,))

    async def old_nodes(self, asked: Asked) -> Objects:
        """Nodes, of the 2016 edition."""
        found = terms(asked.fields.text("$filter"), ("NodeState",))
        wanted = found.get("NodeState", ONLINE).lower()
        properties = node_properties(self._machine, asked.fields.names("properties"))
        return Objects((Object(properties),) if wanted in (ONLINE.lower(), "all") else ())

    async def old_node(self, asked: Asked) -> Properties:
        """One node, of the 2016 edition."""
        self._check_node(asked.path["name"])
        return Properties(node_properties(self._machine, asked.fields.names("properties")))

    async def old_groups(self, _: Asked) -> Objects:
        """Groups of nodes, of the 2016 edition."""
        rows = ({"Name": name, "Description": words} for name, words in GROUPS.items())
        return Objects(tuple(Object(tuple(Property(k, v) for k, v in row.items())) for row in rows))

    def _node(self) -> Node:
        return Node(
            name=self._machine.name,
            state=ONLINE,
            health=HEALTHY,
            cores=self._machine.slots,
            on_azure=False,
            groups=tuple(GROUPS),
            installed_service_roles=ROLES,
            active_service_roles=ROLES,
        )

    def _check_node(self, name: str) -> None:
        if name != self._machine.name.lower():
            raise unknown(f"there is no node {name[:SHOWN]!r}; there is {self._machine.name}")

    # --- the log of what is done to nodes, which is nothing --------------------------------------

    async def operations(self, asked: Asked) -> Objects:
        """What was done to nodes: nothing."""
        check_times(asked.fields)
        asked.fields.number("limit")
        asked.fields.yes("withDetail", default=False)
        return Objects(())

    async def first_operation(self, asked: Asked) -> Objects:
        """The first thing that was done to a node: there is none."""
        check_times(asked.fields)
        raise unknown("nothing was done to nodes here: the operation log is empty")

    async def operation(self, asked: Asked) -> Objects:
        """One thing that was done to a node: there is none."""
        raise unknown(f"there is no operation {asked.path['id'][:SHOWN]!r}: the log is empty")


def check_times(fields: Fields) -> None:
    """Pass, or raise ``Malformed``."""
    for name in ("fromTime", "toTime"):
        if fields.text(name):
            read_time(fields.text(name), name)


def fits(machine: Machine, fields: Fields) -> bool:
    """Whether the node is one of those that are asked for."""
    if fields.text("jobs"):
        raise NotSupported("nodes cannot be chosen by jobs; a job's AllocatedNodes names them")
    return all(
        not wanted or bool({one.lower() for one in wanted} & has)
        for wanted, has in (
            (fields.names("names"), {machine.name.lower()}),
            (fields.names("group"), {name.lower() for name in GROUPS}),
            (fields.names("state"), {ONLINE.lower()}),
            (fields.names("health"), {HEALTHY.lower()}),
        )
    )


def node_properties(machine: Machine, names: tuple[str, ...]) -> tuple[Property, ...]:
    """The named properties of the node, all for none."""
    chosen = [named(NODE_PROPERTIES, name) for name in names] or NODE_PROPERTIES.values()
    return tuple(Property(name, read(machine)) for name, read in chosen)


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
