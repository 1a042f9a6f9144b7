"""JSON Schema 2020-12, as far as events need it: typed, and its keywords always in one order."""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import asdict, replace

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

KEYWORDS: Final = {
    "dialect": "$schema",
    "id": "$id",
    "ref": "$ref",
    "content_encoding": "contentEncoding",
    "max_length": "maxLength",
    "any_of": "anyOf",
    "all_of": "allOf",
    "dependent_required": "dependentRequired",
    "additional_properties": "additionalProperties",
    "not_": "not",
    "if_": "if",
    "then_": "then",
    "else_": "else",
    "defs": "$defs",
}
Default: TypeAlias = str | int | bool | list[str] | dict[str, str] | UnsetType | None


class Schema(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=KEYWORDS):
    """One schema. A keyword that is not set is not there."""

    dialect: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    ref: str | UnsetType = UNSET
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    const: str | int | UnsetType = UNSET
    enum: list[str] | UnsetType = UNSET
    format: str | UnsetType = UNSET
    pattern: str | UnsetType = UNSET
    content_encoding: str | UnsetType = UNSET
    minimum: int | UnsetType = UNSET
    maximum: int | UnsetType = UNSET
    max_length: int | UnsetType = UNSET
    any_of: "list[Schema] | UnsetType" = UNSET
    all_of: "list[Schema] | UnsetType" = UNSET
    items: "Schema | UnsetType" = UNSET
    properties: "dict[str, Schema] | UnsetType" = UNSET
    required: list[str] | UnsetType = UNSET
    dependent_required: dict[str, list[str]] | UnsetType = UNSET
    dependencies: dict[str, list[str]] | UnsetType = UNSET
    additional_properties: "Schema | bool | UnsetType" = UNSET
    not_: "Schema | UnsetType" = UNSET
    if_: "Schema | UnsetType" = UNSET
    then_: "Schema | UnsetType" = UNSET
    else_: "Schema | UnsetType" = UNSET
    default: Default = UNSET
    examples: list[Raw] | UnsetType = UNSET
    defs: "dict[str, Schema] | UnsetType" = UNSET


def both(schema: Schema, more: Schema) -> Schema:
    """``schema`` with the keywords of ``more`` added; those of ``more`` count."""
    return replace(schema, **{k: v for k, v in asdict(more).items() if v is not UNSET})


def mapped(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """``schema`` with ``change`` done to it, and before that to every schema inside it."""
    inside: dict[str, object] = {}
    for keyword, value in asdict(schema).items():
        if isinstance(value, Schema):
            inside[keyword] = mapped(value, change)
        elif isinstance(value, list) and value and isinstance(value[0], Schema):
            inside[keyword] = [mapped(x, change) for x in value]
        elif isinstance(value, dict) and keyword in ("properties", "defs"):
            inside[keyword] = {name: mapped(x, change) for name, x in value.items()}
    return change(replace(schema, **inside))


def refs(schema: Schema) -> Iterator[str]:
    """The names that ``schema`` and the schemas inside it refer to."""
    found: list[str] = []

    def note(one: Schema) -> Schema:
        if isinstance(one.ref, str):
            found.append(one.ref.rpartition("/")[2])
        return one

    mapped(schema, note)
    return iter(found)


def pretty(document: Struct) -> bytes:
    """A document as it is published: the same bytes each time, two blanks a level, a line end."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
