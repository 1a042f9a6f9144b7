"""Events to hold against the published contract, and the validator that does it."""

import types
from collections.abc import Iterator
from datetime import UTC
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin

import msgspec
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import Struct

from adapters.wire import encode
from adapters.wire.schemas import Entry, found, schema_bytes
from adapters.wire.schemas.limits import limit_of
from domain.events import BULK, CLUSTER, JOB, POLICY, Aggregate, Event, NewEvent
from domain.identity import Caller, Origin, Principal, PrincipalKind, Role

Path = tuple[str | int, ...]
HASH = "ab" * 32


def entry_named(name: str) -> Entry:
    """The entry of an event that there is."""
    entry = found(name)
    assert entry is not None
    return entry


def entry_of(raw: bytes) -> Entry:
    """The entry of a stored event."""
    return entry_named(msgspec.json.decode(raw)["type"])


@cache
def validator(entry: Entry) -> Draft202012Validator:
    """The published schema of an event, formats included."""
    schema = msgspec.json.decode(schema_bytes(entry))
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def complaints(entry: Entry, raw: bytes) -> list[tuple[str, str]]:
    """Where an event does not fit its schema, and which keyword says so; [] when it fits."""
    found = validator(entry).iter_errors(msgspec.json.decode(raw))
    return sorted(("/".join(map(str, x.absolute_path)), str(x.validator)) for x in found)


# --- events as the codec writes them --------------------------------------------------------------


def stored_events(entry: Entry) -> st.SearchStrategy[bytes]:
    """Events of a name, of any aggregate of theirs, with any fact that keeps the limits."""
    return st.builds(_encoded, st.just(entry), new_events(entry.fact), ids(entry), versions)


versions = st.sampled_from((1, 2, 3, 2**31))
names = st.text("abcXYZ019_-", min_size=1, max_size=64)
principals = st.builds(
    Principal,
    st.text(max_size=20),
    st.lists(st.sampled_from(Role), unique=True).map(tuple),
    st.sampled_from(PrincipalKind),
    st.sampled_from(("unix", "token", "basic", "internal")),
)
callers = st.builds(
    Caller,
    principals,
    st.none() | principals,
    st.sampled_from(Origin),
    st.text(max_size=20),
    st.text(max_size=20),
)


def _encoded(entry: Entry, event: NewEvent, id_: str, version: int) -> bytes:
    place = Aggregate(entry.aggregate, id_)
    return encode(event, place, "hpc1", version, HASH if version > 1 else "")


def ids(entry: Entry) -> st.SearchStrategy[str]:
    """Ids of the aggregates that an event belongs to."""
    if entry.aggregate == JOB:
        return st.integers(1, 2**31 - 1).map(str)
    if entry.aggregate in (CLUSTER, POLICY):
        return names
    if entry.aggregate == BULK:
        return st.text("0123456789abcdef", min_size=32, max_size=32)
    return st.dates().map(lambda day: f"{day:%Y}".zfill(4) + f"{day:%m%d}")


def new_events(fact: type[Event]) -> st.SearchStrategy[NewEvent]:
    """Decided facts with their envelopes."""
    uuids = st.uuids().map(str)
    times = st.datetimes(timezones=st.just(UTC))
    text = st.text(max_size=20)
    return st.builds(NewEvent, uuids, times, callers, text, text, structs(fact))


def structs(kind: type[Struct]) -> st.SearchStrategy[Any]:
    """Any value of a Struct whose fields keep their limits."""
    fields = msgspec.structs.fields(kind)
    return st.builds(kind, **{x.name: _values(kind.__name__, x.name, x.type) for x in fields})


def _values(struct: str, field: str, hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is types.UnionType:
        return st.one_of(*(_values(struct, field, x) for x in arguments))
    if origin is tuple:
        return st.lists(_values(struct, field, arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=3)
    if hint is type(None):
        return st.none()
    if issubclass(hint, Struct):
        return structs(hint)
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    limit = msgspec.to_builtins(limit_of(struct, field))
    if hint is str:
        return st.text(max_size=min(30, limit.get("maxLength", 30)))
    whole = st.integers(limit.get("minimum", -(2**53)), limit.get("maximum", 2**53))
    return {int: whole, bool: st.booleans()}[hint]


# --- events that nobody writes --------------------------------------------------------------------


def paths(value: object, here: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every place inside a JSON value, with what stands there; not the value itself."""
    if isinstance(value, dict):
        inside: list[tuple[str | int, object]] = list(value.items())
    else:
        inside = list(enumerate(value)) if isinstance(value, list) else []
    for key, one in inside:
        yield (*here, key), one
        yield from paths(one, (*here, key))


def put(event: Any, path: Path, value: object) -> None:
    """Put a value to a place inside an event."""
    for key in path[:-1]:
        event = event[key]
    event[path[-1]] = value


def take(event: Any, path: Path) -> None:
    """Take away what stands at a place inside an event."""
    for key in path[:-1]:
        event = event[key]
    del event[path[-1]]
