"""The schema of a whole event as it lies on the stream: the envelope, and the fact as its data."""

import re
from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from adapters.wire.codec import CONTENT_TYPE, SHA256, SPECVERSION, TIME
from adapters.wire.schemas.entries import ID_PATTERN, Entry
from adapters.wire.schemas.examples import example
from adapters.wire.schemas.json_schema import DIALECT, Schema, both, refs
from adapters.wire.schemas.parts import ENVELOPE, parts
from domain.identity import Role

TOKEN: Final = "[A-Za-z0-9_-]{1,64}"
PERSON: Final = ("onbehalfof", "onbehalfoftype", "onbehalfofmethod", "onbehalfofroles")
"""Attributes that are there together or not at all."""

RULE: Final = """\
Required is what every stored event of this name has. A field with a default may be missing in an \
event of an earlier release, and then means its default; this release writes every field. A later \
release may add fields: whoever reads events ignores those that they do not know, and this schema \
lists those of this release."""


def event_schema(entry: Entry) -> Schema:
    """The schema of an event, complete by itself."""
    envelope = parts()[ENVELOPE]
    assert isinstance(envelope.properties, dict)
    exact = {name: both(x, _attribute(name, entry)) for name, x in envelope.properties.items()}
    shape = replace(
        envelope,
        dialect=DIALECT,
        id=f"urn:countermand:event:{entry.stem}",
        title=entry.type,
        description=f"{entry.text}\n\n{RULE}",
        properties=exact,
        dependent_required={name: [x for x in PERSON if x != name] for name in PERSON},
        if_=Schema(properties={"aggregateversion": Schema(const=1)}),
        then_=Schema(not_=Schema(required=["previoushash"])),
        else_=Schema(required=["previoushash"]),
        examples=[Raw(example(entry.fact, entry.aggregate))],
    )
    return replace(shape, defs=_needed(shape))


def _attribute(name: str, entry: Entry) -> Schema:
    """What an attribute of the envelope keeps to, in an event of this name."""
    roles = "|".join(Role)
    match name:
        case "specversion":
            return Schema(const=SPECVERSION)
        case "id":
            return Schema(format="uuid")
        case "source":
            return Schema(format="uri-reference", pattern=f"^/countermand/{TOKEN}$")
        case "type":
            return Schema(const=entry.type)
        case "subject":
            return Schema(pattern=f"^{entry.aggregate}/{ID_PATTERN[entry.aggregate]}$")
        case "time":
            return Schema(format="date-time", pattern=whole(TIME))
        case "datacontenttype":
            return Schema(const=CONTENT_TYPE)
        case "previoushash":
            return Schema(pattern=whole(SHA256))
        case "authroles" | "onbehalfofroles":
            return Schema(pattern=f"^(({roles})(,({roles}))*)?$")
        case "data":
            return Schema(ref=f"#/$defs/{entry.fact.__name__}")
        case _:
            return Schema()


def whole(pattern: re.Pattern[str]) -> str:
    """A pattern of Python as one of JSON Schema that the whole text must match."""
    return f"^{pattern.pattern}$".replace(r"\d", "[0-9]")


def _needed(schema: Schema) -> dict[str, Schema]:
    """The parts that a schema refers to, and those that these refer to, by name."""
    names, left = set[str](), list(refs(schema))
    while left:
        name = left.pop()
        if name not in names:
            names.add(name)
            left += refs(parts()[name])
    return {name: parts()[name] for name in sorted(names)}
