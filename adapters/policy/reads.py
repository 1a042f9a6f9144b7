"""What the answers of a policy can depend on: of each request only what some rule reads.

Rules that never ask for the name of a job answer alike for jobs of all names. What is told here is
never too little: a way of asking that is not known counts as asking for everything.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from cedarpy import pst
from msgspec import Struct

from domain.events import PolicyEntity, PolicyRequest, PolicyValue
from domain.policy_requests import JOB


class Reads(Struct, frozen=True):
    """``resource``, ``context``: attributes that some rule names, of these or of what cannot be
    told from them. ``which_job``: whether it matters which job it is, by its number.
    ``all_context``: whether the context is taken whole. The principal always counts whole."""

    resource: frozenset[str]
    context: frozenset[str]
    which_job: bool
    all_context: bool


def reads_of(rules: pst.PolicySet) -> Reads:
    """What the rules read."""
    nodes = tuple(x for rule in rules.static_policies.values() for x in within(rule))
    return Reads(
        resource=frozenset(name for node in nodes for name in named(node, "resource")),
        context=frozenset(name for node in nodes for name in named(node, "context")),
        which_job=taken_whole(nodes, "resource") or any(names_a_job(node) for node in nodes),
        all_context=taken_whole(nodes, "context"),
    )


def part_read(request: PolicyRequest, reads: Reads) -> PolicyRequest:
    """The part of a request that its answer depends on: the same part, the same answer.

    What the schema wants of every request may be missing in it.
    """
    resource, context = request.resource, request.context
    if resource.type == JOB:
        attributes = only(resource.attributes, reads.resource)
        resource_id = resource.id if reads.which_job else ""
        resource = PolicyEntity(resource.type, resource_id, attributes, resource.roles)
    if not reads.all_context:
        context = only(context, reads.context)
    return PolicyRequest(request.principal, request.action, resource, context)


def only(known: Mapping[str, PolicyValue], names: frozenset[str]) -> dict[str, PolicyValue]:
    """Those of these names."""
    return {name: value for name, value in known.items() if name in names}


def named(node: object, of: str) -> tuple[str, ...]:
    """The attributes that an expression names, unless it asks another variable than ``of``."""
    match node:
        case pst.GetAttr(base, attribute):
            return () if is_another(base, of) else (attribute,)
        case pst.HasAttr(base, attributes):
            return () if is_another(base, of) else attributes
        case _:
            return ()


def is_another(node: object, name: str) -> bool:
    """Whether it is a variable, and not this one."""
    return isinstance(node, pst.Var) and node.name != name


def names_a_job(node: object) -> bool:
    """Whether it is a job, named by its number."""
    return isinstance(node, pst.EntityUid) and str(node.type) == JOB


def taken_whole(nodes: tuple[object, ...], name: str) -> bool:
    """Whether a variable is used otherwise than to ask for an attribute, its type or its groups."""
    used = sum(1 for node in nodes if is_variable(node, name))
    harmless = sum(1 for node in nodes if reads_part(node, name))
    return used != harmless


def reads_part(node: object, name: str) -> bool:
    """Whether it asks for an attribute, the type or the groups of the variable."""
    match node:
        case pst.GetAttr(base, _) | pst.HasAttr(base, _) | pst.Is(base, _, _):
            return is_variable(base, name)
        case pst.BinaryOp("in", left, _):
            return is_variable(left, name)
        case _:
            return False


def is_variable(node: object, name: str) -> bool:
    """Whether it is this variable."""
    return isinstance(node, pst.Var) and node.name == name


def within(node: object) -> Iterator[object]:
    """A node and all that is in it."""
    if isinstance(node, tuple):
        for one in node:
            yield from within(one)
    elif isinstance(node, Mapping):
        for one in node.values():
            yield from within(one)
    elif is_dataclass(node):
        yield node
        for field in fields(node):
            yield from within(getattr(node, field.name))
