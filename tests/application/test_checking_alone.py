"""What is wrong with an event by itself: who it is by, its ids, and what its bytes hold."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from adapters.policy import default_policy
from adapters.wire import decode
from application.checking import Damage
from application.ports import Stored
from domain import events as e
from domain.identity import Caller, Origin, Principal, Role
from domain.policy import Action, Question
from domain.policy_table import TablePolicy
from tests.domain.builders import add, cancel, specs
from tests.support.author import Author
from tests.support.checked import damage_among

CLUSTER = "hpc1"
BOB = Caller(Principal("bob", method="unix"), origin=Origin.CLI)
FOR_BOB = Caller(
    Principal("olga", (Role.JOB_OPERATOR,), method="token"), BOB.actor, origin=Origin.HTTP
)


def stream(caller: Caller = BOB) -> list[Stored]:
    """A job, and a cancel of it as its last event, decided by the policy of this release."""
    author = Author(CLUSTER)
    author.reserve()
    author.add(replace(add(specs(1), submit=True, request_id="a1"), job_id=1))
    decision = default_policy().decide(Question(caller, Action.CANCEL, "alice"))
    author.ask_as(caller, 1, cancel("r1", decision=decision))
    return author.events


def read_as(stored: Stored, raw: bytes) -> Stored:
    """Other bytes in the same place, read as they are read from a stream."""
    fact = decode(raw, CLUSTER, stored.aggregate, stored.type).fact
    return replace(stored, raw=raw, fact=fact)


def last_changed(events: list[Stored], change: Callable[[dict[str, Any]], object]) -> list[Damage]:
    """What is found when the last event's JSON is another one."""
    body = msgspec.json.decode(events[-1].raw)
    change(body)
    return damage_among([*events[:-1], read_as(events[-1], msgspec.json.encode(body))], CLUSTER)


def last_bytes(events: list[Stored], old: bytes, new: bytes) -> list[Damage]:
    """What is found when some bytes of the last event are others."""
    assert events[-1].raw.count(old) == 1, events[-1].raw
    return damage_among(
        [*events[:-1], read_as(events[-1], events[-1].raw.replace(old, new))], CLUSTER
    )


def told(found: list[Damage]) -> list[tuple[str, str, str]]:
    """What matters of it."""
    return [(x.kind, x.expected, x.found) for x in found]


# --- by whom --------------------------------------------------------------------------------------


def test_events_by_people_who_act_for_others_are_whole() -> None:
    assert damage_among(stream(), CLUSTER) == []
    assert damage_among(stream(FOR_BOB), CLUSTER) == []


BY_OTHERS = {
    "authid": ("alice", "authid 'bob', as its decision has it", "authid 'alice'"),
    "authroles": (
        "administrator",
        "authroles 'user', as its decision has it",
        "authroles 'administrator'",
    ),
    "authtype": (
        "service_account",
        "authtype 'user', as its decision has it",
        "authtype 'service_account'",
    ),
    "origin": ("http", "origin 'cli', as its decision has it", "origin 'http'"),
    "authmethod": (
        "magic",
        "authmethod basic or internal or named or token or unix",
        "authmethod 'magic'",
    ),
}


@pytest.mark.parametrize("name", BY_OTHERS)
def test_an_event_by_another_than_its_decision_says_is_named(name: str) -> None:
    value, expected, found = BY_OTHERS[name]
    events = stream()
    damage = last_changed(events, lambda body: body.update({name: value}))
    assert told(damage)[0] == ("caller", expected, found)
    first = damage[0]
    assert isinstance(events[-1].fact, e.Recorded)
    assert (first.position, first.event_id) == (events[-1].position, events[-1].fact.event.id)
    assert {x.kind for x in damage} == {"caller"}


ON_BEHALF = {
    "onbehalfof": ("carol", "onbehalfof 'bob'", "onbehalfof 'carol'"),
    "onbehalfofroles": ("auditor", "onbehalfofroles 'user'", "onbehalfofroles 'auditor'"),
    "onbehalfoftype": (
        "service_account",
        "onbehalfoftype 'user'",
        "onbehalfoftype 'service_account'",
    ),
    "authid": ("mallory", "authid 'olga'", "authid 'mallory'"),
}


@pytest.mark.parametrize("name", ON_BEHALF)
def test_so_is_one_for_another_person(name: str) -> None:
    value, expected, found = ON_BEHALF[name]
    damage = last_changed(stream(FOR_BOB), lambda body: body.update({name: value}))
    assert told(damage)[0] == ("caller", f"{expected}, as its decision has it", found)


def test_somebody_acted_for_who_is_taken_out_or_put_in_is_named() -> None:
    def out(body: dict[str, Any]) -> None:
        for name in [x for x in body if x.startswith("onbehalfof")]:
            del body[name]

    damage = last_changed(stream(FOR_BOB), out)
    assert ("caller", "authid 'bob', as its decision has it", "authid 'olga'") in told(damage)
    more = {"onbehalfof": "eve", "onbehalfoftype": "user", "onbehalfofmethod": "unix"}
    damage = last_changed(stream(), lambda body: body.update(more | {"onbehalfofroles": "user"}))
    assert ("caller", "onbehalfof 'bob', as its decision has it", "onbehalfof 'eve'") in told(
        damage
    )


def test_a_decision_that_names_nobody_is_named() -> None:
    damage = last_changed(stream(), lambda body: body["data"]["decision"]["facts"].clear())
    assert told(damage)[0] == ("caller", "authid nobody, as its decision has it", "authid 'bob'")


def test_a_decision_of_the_table_that_came_before_is_compared_too() -> None:
    decision = TablePolicy().decide(Question(BOB, Action.CANCEL, "alice"))
    assert decision.requests == ()
    author = Author(CLUSTER)
    author.reserve()
    author.add(replace(add(specs(1), submit=True, request_id="a1"), job_id=1))
    author.ask_as(BOB, 1, cancel("r1", decision=decision))
    assert damage_among(author.events, CLUSTER) == []
    damage = last_changed(author.events, lambda body: body.update(authid="alice"))
    assert {x.kind for x in damage} == {"caller"}


def test_tasks_that_came_with_a_job_are_by_whom_the_job_is() -> None:
    author = Author(CLUSTER)
    author.reserve()
    tasks = tuple(replace(task, environment={"A": "x" * 20_000}) for task in specs(4))
    author.add(replace(add(tasks, request_id="a1"), job_id=1))
    assert author.events[-1].type == "TasksAdded"
    assert damage_among(author.events, CLUSTER) == []
    damage = last_changed(author.events, lambda body: body.update(authid="mallory"))
    assert damage[-1].kind == "rules"
    assert damage[-1].found == "it follows no fact that it could have come with"


def test_nobody_else_is_the_service() -> None:
    events = stream()
    damage = last_changed(events, lambda body: body.update(authtype="system"))
    assert told(damage)[0] == (
        "caller",
        "authtype system of 'countermand' alone",
        "authtype system of 'bob'",
    )


# --- ids ------------------------------------------------------------------------------------------


def test_an_id_of_another_form_is_named() -> None:
    damage = last_changed(stream(), lambda body: body.update(id="forged"))
    assert told(damage) == [("id", "id: a UUID of version 7", "id 'forged'")]


@pytest.mark.parametrize("name", ["correlationid", "causationid"])
@pytest.mark.parametrize("value", ["", "two words", "x" * 65])
def test_a_cause_of_another_form_is_named(name: str, value: str) -> None:
    damage = last_changed(stream(), lambda body: body.update({name: value}))
    expected = f"{name}: the id of an event or of a request, 1 to 64 letters, digits and . _ : -"
    assert told(damage) == [("id", expected, f"{name} {value!r}")]


@pytest.mark.parametrize("whose", [1, 3])
def test_an_id_that_another_event_has_is_named(whose: int) -> None:
    events = stream()
    fact = events[whose - 1].fact
    assert isinstance(fact, e.Recorded)
    damage = last_changed(events, lambda body: body.update(id=fact.event.id))
    found = f"the id {fact.event.id!r} of event {whose}"
    assert told(damage) == [("id", "an id that no other event has", found)]
    assert damage[0].position == len(events)


# --- bytes ----------------------------------------------------------------------------------------


def test_an_unknown_field_in_the_data_is_named() -> None:
    damage = last_changed(stream(), lambda body: body["data"].update(secret="x"))
    expected = "an event of this contract"
    assert told(damage) == [("form", expected, "the unknown field data.secret")]
    damage = last_changed(stream(), lambda body: body["data"]["decision"].update({"a b": {}}))
    assert told(damage) == [("form", expected, "the unknown field data.decision.'a b'")]


def test_an_unknown_field_in_a_list_is_named() -> None:
    damage = last_changed(
        stream(), lambda body: body["data"]["decision"]["requests"][0]["principal"].update(x=1)
    )
    path = "data.decision.requests[0].principal.x"
    assert [x.found for x in damage] == [f"the unknown field {path}"]


def test_an_unknown_attribute_is_named() -> None:
    damage = last_changed(stream(), lambda body: body.update(secret="x"))
    assert [(x.kind, x.found) for x in damage] == [
        ("form", "envelope: Object contains unknown field `secret`")
    ]


TWICE = {
    "authid": (b'"authid":"bob"', b'"authid":"eve","authid":"bob"'),
    "data.message": (b'"message":', b'"message":"other","message":'),
    "data.mode": (b'"mode":', b'"m\\u006fde":"forced","mode":'),
    "data.decision.facts.owner": (b'"owner":"alice","', b'"owner":"eve","owner":"alice","'),
}


@pytest.mark.parametrize("path", TWICE)
def test_a_member_that_stands_there_twice_is_named(path: str) -> None:
    events = stream()
    if path == "data.decision.facts.owner":
        facts = json.dumps(msgspec.json.decode(events[-1].raw)["data"]["decision"]["facts"])
        assert '"owner": "alice"' in facts
        raw = events[-1].raw.replace(b'"facts":{', b'"facts":{"owner":"eve",')
        damage = damage_among([*events[:-1], read_as(events[-1], raw)], CLUSTER)
    else:
        damage = last_bytes(events, *TWICE[path])
    assert told(damage) == [("form", "an event of this contract", f"{path} twice")]


def test_bytes_of_another_writer_that_say_the_same_are_whole() -> None:
    """White space, and defaults that are left out, as of a release before a field."""
    events = stream()
    body = msgspec.json.decode(events[-1].raw)
    del body["data"]["decision"]["errors"]
    raw = json.dumps(body, indent=1).encode()
    assert raw != events[-1].raw
    assert damage_among([*events[:-1], read_as(events[-1], raw)], CLUSTER) == []
