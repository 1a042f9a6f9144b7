"""Is a fact by whom its decision was made for? The envelope and the decision both say who asked."""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from domain import events as e
from domain.identity import SYSTEM, Caller, Principal, PrincipalKind
from domain.policy import Action
from domain.policy_requests import PERSON, USER, told_of, who

NOBODY: Final = "nobody"
METHODS: Final = frozenset({"unix", "token", "basic", "named", "internal"})
"""How the server can know somebody. Source: ``Principal``; a person acted for may be named only."""


class Other(Struct, frozen=True):
    """An attribute of an event that says something else than its decision, or than it may."""

    attribute: str
    expected: str
    found: str


def caller_differs(recorded: e.Recorded) -> Iterator[Other]:
    """Where the attributes that say who asked are other than the decision in the data has them."""
    caller, data = recorded.event.caller, recorded.data
    yield from by_itself(caller)
    decision: e.Decision | None = getattr(data, "decision", None)
    if decision is None or by_filter(caller, data) or for_another(caller, data):
        return
    yield from by_facts(caller, decision.facts)
    for request in decision.requests:
        yield from by_request(caller, request)


def by_itself(caller: Caller) -> Iterator[Other]:
    """The service is one actor, known by itself, and acts for nobody; all others are no system."""
    actor = caller.actor
    for attribute, person in (("authmethod", actor), ("onbehalfofmethod", caller.on_behalf_of)):
        if person is not None and person.method not in METHODS:
            yield Other(attribute, " or ".join(sorted(METHODS)), repr(person.method))
    if actor.kind is PrincipalKind.SYSTEM and actor != SYSTEM:
        yield Other("authtype", f"system of {SYSTEM.name!r} alone", f"system of {actor.name!r}")
    if actor == SYSTEM and caller.on_behalf_of is not None:
        yield Other("onbehalfof", NOBODY, repr(caller.acted_for))


def by_filter(caller: Caller, data: e.Event) -> bool:
    """Whether a submission filter decided: no policy was asked, and the rules check the rest."""
    changes = isinstance(data, e.JobPropertiesChanged) and not data.request_id
    return changes and caller.actor == SYSTEM


def for_another(caller: Caller, data: e.Event) -> bool:
    """Whether the service writes what was decided for somebody else: that a cancel lapsed. Who had
    asked for that cancel is looked at in ``remaking_waiting``."""
    return isinstance(data, e.JobCancelLapsed) and caller.actor == SYSTEM


def by_facts(caller: Caller, facts: dict[str, str]) -> Iterator[Other]:
    """What the policy was told, in words."""
    acts, actor, subject = caller.on_behalf_of is not None, caller.actor, caller.subject
    of_subject = "onbehalfof" if acts else "auth"
    told = [
        ("authid", facts.get("actor"), actor.name),
        ("onbehalfof" if acts else "authid", facts.get("person"), subject.name),
        (f"{of_subject}roles", facts.get("roles"), roles(subject)),
    ]
    if acts:
        told.append(("authroles", facts.get("actor_roles"), roles(actor)))
    elif "actor_roles" in facts:
        told.append(("onbehalfof", facts.get("person"), ""))
    yield from (decided(*one) for one in told if one[1] != one[2])


def by_request(caller: Caller, request: e.PolicyRequest) -> Iterator[Other]:
    """What the policy's engine was asked."""
    acts, acting = caller.on_behalf_of is not None, request.action == Action.ACT_FOR_OTHERS
    subject = caller.actor if acting else caller.subject
    begin = "onbehalfof" if acts and not acting else "auth"
    yield from by_entity(begin, request.principal, who(USER, subject))
    if acting and caller.on_behalf_of is not None:
        yield from by_entity("onbehalfof", request.resource, who(PERSON, caller.on_behalf_of))
    for name, found in told_of(caller).items():
        asked = request.context.get(name)
        if asked != found:
            yield decided("authid" if name == "actor" else name, asked, found)


def by_entity(begin: str, told: e.PolicyEntity, found: e.PolicyEntity) -> Iterator[Other]:
    """Somebody, as the engine was told of them, and as the event has them."""
    if told == found:
        return
    name = "onbehalfof" if begin == "onbehalfof" else "authid"
    pairs = {
        name: (told.id, found.id),
        f"{begin}type": (told.attributes.get("kind"), found.attributes["kind"]),
        f"{begin}roles": (",".join(told.roles), ",".join(found.roles)),
    }
    other = [decided(x, a, b) for x, (a, b) in pairs.items() if a != b]
    yield from other or [decided(name, repr(told), repr(found))]


def decided(attribute: str, by_decision: e.PolicyValue | None, found: e.PolicyValue) -> Other:
    """An attribute, as the decision has it and as it is."""
    expected = NOBODY if by_decision is None else repr(by_decision)
    return Other(attribute, f"{expected}, as its decision has it", repr(found))


def roles(person: Principal) -> str:
    """As a decision has them."""
    return ",".join(sorted(person.roles))
