"""What the bytes of a stored event hold beside the event that is read of them.

A reader passes over a field of ``data`` that it does not know, and takes the last of two members of
one name: a newer release may have added the one, and JSON allows the other. Whoever looks for
damage does not.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from msgspec import Struct, inspect

from adapters.wire.codec import Envelope
from adapters.wire.names import WIRE_NAMES
from domain.events import Recorded

SHOWN_CHARACTERS: Final = 60


class Members(list[tuple[str, object]]):
    """A JSON object with every member that stands in it, in order."""


class Shape(Struct, frozen=True):
    """What may be in a value: ``fields`` of a Struct, ``values`` of a mapping, ``items`` of a list.

    None where it is no such thing.
    """

    fields: "dict[str, Shape] | None" = None
    values: "Shape | None" = None
    items: "Shape | None" = None


PLAIN: Final = Shape()


def strange_in(raw: bytes, fact: Recorded) -> str:
    """The first thing of that kind in bytes that were read as ``fact``, in words; "" for nothing.

    Takes a while: bytes that are exactly what is written for the fact need not be looked at.
    """
    try:
        parsed = json.loads(raw, object_pairs_hook=Members)
        return next(found_in(parsed, shape_of_event(type(fact.data)), ""), "")
    except RecursionError:
        return "members that are nested too deeply"


def found_in(value: object, shape: Shape, path: str) -> Iterator[str]:
    """What is wrong in a value of this shape, which it has."""
    if isinstance(value, Members):
        yield from found_in_object(value, shape, path)
    elif isinstance(value, list):
        for n, item in enumerate(value):
            yield from found_in(item, shape.items or PLAIN, f"{path}[{n}]")


def found_in_object(members: Members, shape: Shape, path: str) -> Iterator[str]:
    """The same of an object: a Struct, which knows its fields, or names with values of one kind."""
    fields, rest, seen = shape.fields, shape.values or PLAIN, set[str]()
    for name, value in members:
        where = f"{path}.{shown(name)}" if path else shown(name)
        if name in seen:
            yield f"{where} twice"
        seen.add(name)
        if fields is not None and name not in fields:
            yield f"the unknown field {where}"
        else:
            yield from found_in(value, rest if fields is None else fields[name], where)


def shown(name: str) -> str:
    """A name that may be anything, in words."""
    plain = name.isascii() and name.isidentifier()
    return name[:SHOWN_CHARACTERS] if plain else repr(name[:SHOWN_CHARACTERS])


# --- shapes ---------------------------------------------------------------------------------------


@lru_cache(len(WIRE_NAMES))
def shape_of_event(fact: type) -> Shape:
    """What may be in a whole event with this fact as its data."""
    fields = shape_of(inspect.type_info(Envelope)).fields or {}
    return Shape(fields | {"data": shape_of(inspect.type_info(fact))})


def shape_of(kind: inspect.Type) -> Shape:
    """What may be in a value of a type; the choices of a union are of different kinds."""
    fields, values, items = None, None, None
    for one in kind.types if isinstance(kind, inspect.UnionType) else (kind,):
        match one:
            case inspect.StructType():
                fields = {x.encode_name: shape_of(x.type) for x in one.fields}
            case inspect.DictType():
                values = shape_of(one.value_type)
            case inspect.VarTupleType() | inspect.ListType():
                items = shape_of(one.item_type)
            case _:
                pass
    return Shape(fields, values, items)
