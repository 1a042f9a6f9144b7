"""An example of every event. The codec writes it, so it is what such an event looks like stored."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec
from msgspec import NODEFAULT, inspect
from msgspec.structs import FieldInfo, fields

from adapters.wire.codec import encode
from adapters.wire.schemas.limits import limit_of
from adapters.wire.schemas.sample_values import ALICE, CALLERS, VALUES, Value
from domain.events import (
    BULK,
    CLUSTER,
    JOB,
    POLICY,
    Aggregate,
    Event,
    NewEvent,
    RefusalEvent,
    bulk_aggregate,
)
from domain.identity import SYSTEM_CALLER, Caller

NAME: Final = "hpc1"
IDS: Final[Mapping[str, str]] = {
    JOB: "42",
    CLUSTER: NAME,
    POLICY: NAME,
    BULK: bulk_aggregate(ALICE.asker, str(VALUES["request_id"])).id,
}
DAY: Final = "20261123"
TIME: Final = datetime(2026, 11, 23, 7, 0, 0, 123456, tzinfo=UTC)
EVENT_ID: Final = "01a20734-55fb-7c31-8a52-3f6d1e0b9a17"
PREVIOUS: Final = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
VERSION: Final = 8
FIRST: Final = frozenset(
    {"JobAdded", "JobIdsReserved", "BulkCancelRequested", "PolicySchemaRecorded"}
)
"""Events that begin an aggregate; the others stand where they well may."""


def example(fact: type[Event], aggregate: str) -> bytes:
    """The stored bytes of an event with this fact; ``aggregate``: the kind that it belongs to."""
    data, version = sample(fact), 1 if fact.__name__ in FIRST else VERSION
    request = getattr(data, "request_id", "") or getattr(data, "key", "") or EVENT_ID
    event = NewEvent(EVENT_ID, TIME, _caller(fact), request, request, data)
    place = Aggregate(aggregate, IDS.get(aggregate, DAY))
    return encode(event, place, NAME, version, "" if version == 1 else PREVIOUS)


def sample(fact: type[Event]) -> Event:
    """The fact with the values of the table, and with plausible ones where it has none."""
    return msgspec.convert(_struct(fact), fact)


def _caller(fact: type[Event]) -> Caller:
    """What people ask for is theirs; what follows from it is the service's own."""
    asked = "decision" in fact.__struct_fields__ or issubclass(fact, RefusalEvent)
    asked = asked or fact.__name__ in CALLERS
    return CALLERS.get(fact.__name__, ALICE) if asked else SYSTEM_CALLER


def _struct(kind: type[msgspec.Struct]) -> dict[str, Value]:
    return {field.name: _field(kind.__name__, field) for field in fields(kind)}


def _field(struct: str, field: FieldInfo) -> Value:
    for key in (f"{struct}.{field.name}", field.name):
        if key in VALUES and _fits(VALUES[key], field.type):
            return VALUES[key]
    if field.default is not NODEFAULT:
        return msgspec.to_builtins(field.default)  # type: ignore[no-any-return]
    if field.default_factory is not NODEFAULT:
        return msgspec.to_builtins(field.default_factory())  # type: ignore[no-any-return]
    return _plausible(struct, field.name, inspect.type_info(field.type))


def _fits(value: Value, kind: object) -> bool:
    """A word may be a text in one fact, and something else in another."""
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


def _plausible(struct: str, field: str, node: inspect.Type) -> Value:
    """A value of a type, for a field that nobody has thought of."""
    match node:
        case inspect.StrType():
            return field
        case inspect.IntType():
            least = limit_of(struct, field).minimum
            return least if isinstance(least, int) else 0
        case inspect.BoolType():
            return False
        case inspect.EnumType():
            return str(next(iter(node.cls)).value)
        case inspect.StructType():
            return _struct(node.cls)
        case inspect.VarTupleType():
            return [_plausible(struct, field, node.item_type)]
        case inspect.DictType():
            return {}
        case _:
            return None
