"""Write the golden file of every registered event that has none yet.

    python -m tests.golden.write

A golden file is the stored form of one event under a released name. It is written once and never
again: an existing file is not touched. ``tests/adapters/test_golden.py`` reads all of them always.
"""

import sys
import types
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from msgspec import Struct

from adapters.wire import WIRE_NAMES, encode
from domain.events import Aggregate, Event, NewEvent
from domain.identity import Caller, Origin, Principal, PrincipalKind, Role

DIRECTORY = Path(__file__).parent
CLUSTER = "hpc1"
AGGREGATE = Aggregate("job", "42")
VERSION = 7
PREVIOUS = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
TIME = datetime(2026, 11, 23, 7, 0, 0, 123456, tzinfo=UTC)
CALLER = Caller(
    actor=Principal("alice", (Role.JOB_ADMINISTRATOR, Role.USER), PrincipalKind.USER, "unix"),
    on_behalf_of=Principal("b\u00f6b", (Role.USER,), PrincipalKind.USER, "unix"),
    origin=Origin.CLI,
    address="192.0.2.7",
    program="countermand 0.1.0",
)


def missing() -> Iterator[type[Event]]:
    """Registered events without a golden file."""
    return (fact for fact, name in WIRE_NAMES.items() if not path_of(name).exists())


def path_of(wire_name: str) -> Path:
    """Where the golden file of a wire name is."""
    return DIRECTORY / f"{wire_name}.json"


def example(fact: type[Event]) -> NewEvent:
    """An event with every attribute and every field set."""
    ids = ("0193571e-9a40-7000-8000-000000000001", "request-1", "request-1")
    return NewEvent(ids[0], TIME, CALLER, ids[1], ids[2], _struct(fact))


def _struct(kind: type[Any]) -> Any:
    hints = get_type_hints(kind)
    return kind(**{name: _value(hint, name) for name, hint in hints.items()})


def _value(hint: Any, name: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, types.NoneType):
        return _value(arguments[0], name)
    if origin is tuple:
        return (_value(arguments[0], name),)
    if origin is dict:
        return {_value(arguments[0], "key"): _value(arguments[1], "value")}
    if issubclass(hint, Struct):
        return _struct(hint)
    if issubclass(hint, Enum):
        return next(iter(hint))
    return {str: f"{name} \u2713", int: len(name), bool: True}[hint]


def main() -> None:
    """Write what is missing, and say which."""
    for fact in missing():
        path = path_of(WIRE_NAMES[fact])
        with path.open("xb") as file:
            file.write(encode(example(fact), AGGREGATE, CLUSTER, VERSION, PREVIOUS))
        sys.stdout.write(f"written once: {path.name}\n")


if __name__ == "__main__":
    main()
