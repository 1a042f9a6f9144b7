"""What an operation answers, whatever form it goes out in."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct


class Property(Struct, frozen=True, rename="pascal"):
    """A name and its value, which is always text."""

    name: str
    value: str


class Object(Struct, frozen=True, rename="pascal"):
    """One row of a list."""

    properties: tuple[Property, ...]


class Node(Struct, frozen=True, rename="pascal"):
    """A node, as the 2019 edition has it; what is not known of it is left out."""

    name: str
    state: str
    health: str
    cores: int
    on_azure: bool
    groups: tuple[str, ...]
    installed_service_roles: tuple[str, ...]
    active_service_roles: tuple[str, ...]


class NodeGroup(Struct, frozen=True, rename="pascal"):
    """A group of nodes. ``managed``: it is the cluster's own, not made by a person."""

    name: str
    description: str
    managed: bool


class Count(Struct, frozen=True, rename="pascal"):
    """How many nodes there are of a kind."""

    name: str
    value: int


class Nothing(Struct, frozen=True):
    """Done, and nothing to say: an answer without a body."""


class Text(Struct, frozen=True):
    """A text."""

    text: str


class Number(Struct, frozen=True):
    """A whole number, such as a new job's."""

    number: int


class Texts(Struct, frozen=True):
    """A list of texts. ``item``: what one is called in XML."""

    texts: tuple[str, ...]
    item: str = "string"


class Properties(Struct, frozen=True):
    """The properties of one thing."""

    properties: tuple[Property, ...]


class Objects(Struct, frozen=True):
    """A page of a list. ``query_id``: what the next page is asked for with, "" for the last one.

    ``row_count``: of all pages; None unless a row to begin with was asked for.
    """

    objects: tuple[Object, ...]
    query_id: str = ""
    row_count: int | None = None


class Nodes(Struct, frozen=True):
    """Nodes."""

    nodes: tuple[Node, ...]


class Groups(Struct, frozen=True):
    """Groups of nodes."""

    groups: tuple[NodeGroup, ...]


class Counts(Struct, frozen=True):
    """How many there are of each kind. ``item``: what one is called in XML."""

    counts: tuple[Count, ...]
    item: str


class One(Struct, frozen=True):
    """A single node or group."""

    record: Node | NodeGroup


Answer: TypeAlias = (
    Nothing | Text | Number | Texts | Properties | Objects | Nodes | Groups | Counts | One
)


def properties(pairs: dict[str, str]) -> Properties:
    """Names and values as they go out."""
    return Properties(tuple(Property(name, value) for name, value in pairs.items()))


def chosen(values: Mapping[str, str], names: Sequence[str]) -> Properties:
    """All values; of the named ones only, "" for what is not there, as in the product."""
    by_name = {name.lower(): name for name in values}
    wanted = {name: values.get(by_name.get(name.lower(), ""), "") for name in names}
    return properties(wanted if names else dict(values))
