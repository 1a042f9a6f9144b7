"""A request in the terms of the schema, and the engine asked."""

from collections.abc import Mapping
from typing import Final

import cedarpy
import msgspec
from msgspec import Struct

from domain.events import PolicyEntity, PolicyRequest, PolicyValue

ROLE: Final = "Role"
ACTION: Final = "Action"
ROLES: Final = "roles"
PEOPLE_KEPT: Final = 64
WORDS: Final = {
    "kind": "Kind",
    "origin": "Origin",
    "job_type": "JobType",
    "state": "State",
    "priority": "Priority",
    "mode": "Mode",
    "weekday": "Weekday",
}
"""Attributes whose words the schema lists, and as what."""


class Uid(Struct, frozen=True):
    """Which entity."""

    type: str
    id: str


class Reference(Struct, frozen=True, rename={"entity": "__entity"}):
    """An entity as a value."""

    entity: Uid


Value = PolicyValue | Reference | tuple[Reference, ...]


class Entity(Struct, frozen=True):
    """An entity as the engine reads it."""

    uid: Uid
    attrs: Mapping[str, Value]
    parents: tuple[Uid, ...]


def constant(schema: cedarpy.Schema) -> cedarpy.Entities:
    """What is the same for every request: the actions of the schema."""
    return cedarpy.Entities.from_json_str("[]", schema)


class People:
    """What is the same for every request of somebody, read once: the actions, and that person.

    The latest few are kept. Raises ``ValueError`` for a person that the schema does not have.
    """

    def __init__(self, base: cedarpy.Entities, schema: cedarpy.Schema) -> None:
        self._base = base
        self._schema = schema
        self._kept = dict[str, cedarpy.Entities]()

    def of(self, person: PolicyEntity) -> cedarpy.Entities:
        """With this person."""
        told = as_json(person)
        found = self._kept.get(told)
        if found is None:
            found = self._base.with_added_json_str(told, self._schema)
            if len(self._kept) >= PEOPLE_KEPT:
                self._kept.clear()
            self._kept[told] = found
        return found


def ask(
    request: PolicyRequest,
    rules: cedarpy.PolicySet,
    people: People,
    schema: cedarpy.Schema,
) -> cedarpy.AuthzResult:
    """The engine's answer. Raises ``ValueError`` for entities that the schema does not have."""
    return cedarpy.is_authorized(
        {
            "principal": uid(request.principal),
            "action": {"type": ACTION, "id": request.action},
            "resource": uid(request.resource),
            "context": msgspec.json.encode(values(request.context)).decode(),
        },
        rules,
        people.of(request.principal).with_added_json_str(as_json(request.resource), schema),
        schema,
    )


def as_json(one: PolicyEntity) -> str:
    """A list of this one, as the engine reads it."""
    return msgspec.json.encode((entity(one),)).decode()


def uid(one: PolicyEntity) -> dict[str, str]:
    """Which one."""
    return {"type": one.type, "id": one.id}


def entity(one: PolicyEntity) -> Entity:
    """Somebody or something, with what is known of it. A person is in their roles."""
    attributes = values(one.attributes)
    roles = tuple(Uid(ROLE, role) for role in one.roles)
    if one.type in ("User", "Person"):
        attributes[ROLES] = tuple(Reference(role) for role in roles)
    return Entity(Uid(one.type, one.id), attributes, roles)


def values(known: Mapping[str, PolicyValue]) -> dict[str, Value]:
    """Words that the schema lists become what it lists."""
    return {name: value(name, given) for name, given in known.items()}


def value(name: str, given: PolicyValue) -> Value:
    """One of them."""
    listed = WORDS.get(name)
    return Reference(Uid(listed, str(given))) if listed else given
