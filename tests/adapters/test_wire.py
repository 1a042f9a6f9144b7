"""Event <-> bytes."""

import types
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

from adapters.wire import (
    EVENT_BYTES_MAX,
    FACTS,
    WIRE_NAMES,
    check_token,
    decode,
    encode,
    place_of,
    sha256,
    token_of,
    type_token,
)
from application.ports import Undecodable
from domain import events
from domain.errors import BadRequest
from domain.events import Aggregate, Event, JobQueued, JobRejected, NewEvent, Recorded, RunRange
from domain.identity import SYSTEM_CALLER, Caller, Principal, Role

JOB = Aggregate("job", "42")
TIME = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
HASH = "ab" * 32
PLAIN = NewEvent("id-1", TIME, SYSTEM_CALLER, "corr", "cause", JobRejected("code", "reason", 7))


def strategy(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that facts are made of."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is types.UnionType:
        return st.one_of(*map(strategy, arguments))
    if origin is tuple:
        return st.lists(strategy(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(*map(strategy, arguments), max_size=3)
    if hint is type(None):
        return st.none()
    if hint is datetime:
        return st.datetimes(timezones=st.just(UTC))
    if issubclass(hint, Struct):
        hints = get_type_hints(hint)
        return st.builds(hint, **{name: strategy(field) for name, field in hints.items()})
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    plain = {str: st.text(max_size=30), int: st.integers(-(2**63), 2**63 - 1), bool: st.booleans()}
    return plain[hint]


def new_events() -> st.SearchStrategy[NewEvent]:
    fields = {
        name: strategy(hint) for name, hint in get_type_hints(NewEvent).items() if name != "data"
    }
    return st.builds(NewEvent, **fields, data=st.sampled_from(list(WIRE_NAMES)).flatmap(strategy))


def stored(event: NewEvent = PLAIN, version: int = 1, previous: str = "") -> bytes:
    return encode(event, JOB, "hpc1", version, previous)


def changed(**attributes: Any) -> bytes:
    """The stored form of ``PLAIN`` with other attributes; None takes one away."""
    envelope = msgspec.json.decode(stored()) | attributes
    return msgspec.json.encode({k: v for k, v in envelope.items() if v is not None})


def reason(raw: bytes, token: str = "JobRejected") -> str:
    fact = decode(raw, "hpc1", JOB, token).fact
    assert isinstance(fact, Undecodable)
    return fact.reason


def test_every_event_has_exactly_one_name() -> None:
    assert set(WIRE_NAMES) == set(get_args(Event))
    assert len(FACTS) == len(WIRE_NAMES)
    tokens = [token_of(name) for name in FACTS]
    assert len(set(tokens)) == len(tokens)
    assert all(check_token(token) for token in tokens)


def test_names_follow_the_scheme() -> None:
    for fact, name in WIRE_NAMES.items():
        assert name == f"countermand.{type_token(fact)}.v1"


def test_facts_differ_by_name_not_only_by_place() -> None:
    structs = [v for v in vars(events).values() if isinstance(v, type) and issubclass(v, Struct)]
    assert {v.__name__ for v in structs} >= {fact.__name__ for fact in WIRE_NAMES}


@settings(max_examples=300, deadline=None)
@given(new_events(), st.integers(1, 2**40))
def test_what_is_encoded_is_decoded(event: NewEvent, version: int) -> None:
    previous = HASH if version > 1 else ""
    raw = encode(event, JOB, "hpc1", version, previous)
    decoded = decode(raw, "hpc1", JOB, type_token(type(event.data)))
    assert decoded.fact == Recorded(JOB, version, event)
    assert (decoded.version, decoded.previous_sha256) == (version, previous)
    assert place_of(raw) == JOB


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_reason_and_no_exception(raw: bytes) -> None:
    assert reason(raw)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_event_is_never_mistaken(data: st.DataObject) -> None:
    raw = bytearray(stored())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    fact = decode(bytes(raw), "hpc1", JOB, "JobRejected").fact
    assert fact != Recorded(JOB, 1, PLAIN)
    assert sha256(bytes(raw)) != sha256(stored())


def test_the_bytes_are_a_cloud_event_in_the_documented_order() -> None:
    person = Principal("bob", (Role.USER,), method="unix")
    caller = Caller(Principal("alice", method="unix"), person, address="::1", program="cli")
    event = NewEvent("id", TIME, caller, "corr", "cause", JobQueued())
    assert stored(event, 2, HASH) == (
        b'{"specversion":"1.0","id":"id","source":"/countermand/hpc1",'
        b'"type":"countermand.JobQueued.v1","subject":"job/42",'
        b'"time":"2026-11-23T07:00:00.000000Z","datacontenttype":"application/json",'
        b'"aggregateversion":2,"previoushash":"' + HASH.encode() + b'",'
        b'"authtype":"user","authid":"alice","authmethod":"unix","authroles":"user",'
        b'"onbehalfof":"bob","onbehalfoftype":"user","onbehalfofmethod":"unix",'
        b'"onbehalfofroles":"user","origin":"system","clientaddress":"::1","clientprogram":"cli",'
        b'"correlationid":"corr","causationid":"cause","data":{}}'
    )


def test_absent_attributes_are_left_out() -> None:
    envelope = msgspec.json.decode(stored())
    assert set(envelope).isdisjoint(
        {"previoushash", "onbehalfof", "onbehalfofroles", "clientaddress", "clientprogram"}
    )
    assert all(name.isalnum() and name.islower() for name in envelope)


def test_a_time_in_another_zone_is_stored_as_utc() -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    event = msgspec.structs.replace(PLAIN, time=TIME.astimezone(zone))
    assert b'"time":"2026-11-23T07:00:00.000000Z"' in stored(event)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"specversion": "0.3"}, "specversion is '0.3'"),
        ({"type": "countermand.JobDreamt.v1"}, "not registered"),
        ({"type": "countermand.JobRejected.v2"}, "not registered"),
        ({"type": "countermand.JobQueued.v1"}, "type in the subject"),
        ({"source": "/countermand/hpc2"}, "source"),
        ({"subject": "job/43"}, "subject is 'job/43'"),
        ({"datacontenttype": "text/plain"}, "datacontenttype"),
        ({"time": "2026-11-23T07:00:00Z"}, "time"),
        ({"time": "2026-13-23T07:00:00.000000Z"}, "time"),
        ({"time": "2026-11-23T07:00:00.000000+00:00"}, "time"),
        ({"aggregateversion": 0}, "aggregateversion is 0"),
        ({"aggregateversion": "1"}, "aggregateversion"),
        ({"aggregateversion": 2}, "previoushash must be"),
        ({"previoushash": HASH}, "previoushash must be"),
        ({"aggregateversion": 2, "previoushash": "AB" * 32}, "lower-case hex"),
        ({"authtype": "robot"}, "authtype"),
        ({"authroles": "user,god"}, "god"),
        ({"onbehalfof": "bob"}, "together"),
        ({"origin": "nowhere"}, "origin"),
        ({"surprise": 1}, "surprise"),
        ({"id": None}, "id"),
        ({"authmethod": None}, "authmethod"),
        ({"data": None}, "data"),
        ({"data": {"code": "x"}}, "data of countermand.JobRejected.v1"),
        ({"data": {"code": 1, "reason": "x"}}, "data of countermand.JobRejected.v1"),
        ({"data": []}, "data of countermand.JobRejected.v1"),
    ],
)
def test_what_is_not_an_event_of_ours_is_named(attributes: dict[str, Any], words: str) -> None:
    assert words in reason(changed(**attributes))


def test_an_undecodable_event_keeps_its_link_when_it_can_be_read() -> None:
    decoded = decode(changed(type="x", aggregateversion=9, previoushash=HASH), "hpc1", JOB, "X")
    assert isinstance(decoded.fact, Undecodable)
    assert (decoded.version, decoded.previous_sha256, decoded.fact.version) == (9, HASH, 9)
    assert decode(b"{}", "hpc1", JOB, "X").version is None


@pytest.mark.parametrize(
    "event",
    [
        msgspec.structs.replace(PLAIN, time=datetime(2026, 1, 1)),  # noqa: DTZ001
        msgspec.structs.replace(PLAIN, data=JobRejected("code", "\ud800")),
        msgspec.structs.replace(PLAIN, data=JobRejected("code", 5)),  # type: ignore[arg-type]
        msgspec.structs.replace(PLAIN, data=RunRange(1, 1, "n")),
        msgspec.structs.replace(PLAIN, data=JobRejected("code", "x" * EVENT_BYTES_MAX)),
    ],
    ids=["naive time", "lone surrogate", "wrong type", "no fact", "too large"],
)
def test_what_would_not_be_readable_is_not_encoded(event: NewEvent) -> None:
    with pytest.raises(BadRequest):
        stored(event)


@pytest.mark.parametrize("token", ["", "a.b", "a b", "*", ">", "\u00e4", "x" * 65, "a\n"])
def test_what_is_no_token_never_gets_into_a_subject(token: str) -> None:
    for aggregate, cluster in (
        (Aggregate(token, "1"), "hpc1"),
        (Aggregate("job", token), "hpc1"),
        (JOB, token),
    ):
        with pytest.raises(BadRequest):
            encode(PLAIN, aggregate, cluster, 1)
    assert place_of(msgspec.json.encode({"subject": f"job/{token}"})) is None
