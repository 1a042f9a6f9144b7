"""The schemas that events are made of: facts, what several facts share, enumerations, the envelope.

Made by msgspec from the Structs, then completed: what fields mean, what their values keep to, and
that there are no others.
"""

from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Final

import msgspec
from msgspec import inspect
from msgspec.structs import replace

from adapters.wire.codec import Envelope
from adapters.wire.names import WIRE_NAMES
from adapters.wire.schemas.docstrings import meaning, told
from adapters.wire.schemas.json_schema import Schema
from adapters.wire.schemas.limits import limited

ENVELOPE: Final = "Envelope"


@cache
def parts() -> Mapping[str, Schema]:
    """Every part by its name; they refer to each other as ``#/$defs/<name>``."""
    kinds = {kind.__name__: kind for kind in _kinds()}
    template = "#/$defs/{name}"
    _, made = msgspec.json.schema_components([*WIRE_NAMES, Envelope], ref_template=template)
    bare = {name: msgspec.convert(schema, Schema) for name, schema in made.items()}
    return {name: _completed(kinds[name], bare[name]) for name in sorted(bare)}


@cache
def _kinds() -> tuple[type, ...]:
    roots = inspect.multi_type_info([*WIRE_NAMES, Envelope])
    return tuple(dict.fromkeys(kind for root in roots for kind in _within(root)))


def _within(node: inspect.Type) -> Iterator[type]:
    """The Structs and enumerations that a type is made of, itself included."""
    match node:
        case inspect.StructType():
            yield node.cls
            for field in node.fields:
                yield from _within(field.type)
        case inspect.EnumType():
            yield node.cls
        case inspect.VarTupleType():
            yield from _within(node.item_type)
        case inspect.DictType():
            yield from _within(node.value_type)
        case inspect.UnionType():
            for one in node.types:
                yield from _within(one)
        case _:
            pass


def _completed(kind: type, schema: Schema) -> Schema:
    name, text = kind.__name__, told(kind).text
    if issubclass(kind, Enum):
        words = [str(word.value) for word in kind]
        return replace(schema, type="string", description=text, enum=words)
    assert isinstance(schema.properties, dict)
    properties = {
        field: _described(meaning(kind, field), limited(name, field, found))
        for field, found in schema.properties.items()
    }
    return replace(schema, description=text, properties=properties, additional_properties=False)


def _described(words: str, schema: Schema) -> Schema:
    return replace(schema, description=words) if words else schema
