"""The operations on the cluster that a client meets first; nodes have a module of their own."""

from collections.abc import Mapping
from typing import Final

from adapters.hpcpack.answers import (
    Object,
    Objects,
    Property,
    Text,
    Texts,
)
from adapters.hpcpack.asked import Asked, Work
from adapters.hpcpack.fields import SHOWN, Fields
from adapters.hpcpack.nodes import Machine, unknown
from adapters.hpcpack.times import FORMAT, read_time
from domain.identity import Role

VERSION: Final = "6.0.0.0"
"""The edition whose REST this is: 2019 is 6.0. The build 0 is none of the vendor's."""

TEMPLATES: Final = ("Default",)
ROLE_NAMES: Final = {
    Role.USER: "User",
    Role.JOB_OPERATOR: "JobOperator",
    Role.JOB_ADMINISTRATOR: "JobAdministrator",
    Role.ADMINISTRATOR: "Administrator",
}
"""HPC Pack's names; an auditor has none there."""


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
            "getClusterOperations": self.operations,
            "getClusterFirstOperation": self.first_operation,
            "getClusterOperation": self.operation,
            "getJobTemplates": self.templates,
            "getClusters": self.clusters,
        }

    async def version(self, _: Asked) -> Text:
        """The edition."""
        return Text(VERSION)

    async def head_node(self, _: Asked) -> Text:
        """The node the service runs on."""
        return Text(self._machine.head)

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
