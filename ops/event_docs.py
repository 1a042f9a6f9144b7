"""The text of docs/events.md, made from what the Structs of the facts and their docstrings say."""

import inspect
import json
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Final

from msgspec import UNSET

from adapters.wire.schemas import Entry, entries
from adapters.wire.schemas.entries import ID_PARAMETER
from adapters.wire.schemas.events import event_schema
from adapters.wire.schemas.examples import example
from adapters.wire.schemas.json_schema import Schema, refs
from adapters.wire.schemas.parts import parts
from adapters.wire.schemas.rules import CHAIN, CONSUMING, SUBJECTS, VERSIONS
from ops.markdown import json_block, table, wrapped

SHOWN: Final = "JobCancelRequested"
"""The event that is shown whole."""

WORDS: Final = {"string": "text", "integer": "number", "boolean": "true or false", "null": "null"}
HEAD: Final = """\
# Events

Everything that Countermand does is an event before it is anything else. This page says which events
there are, what each of them means, and how to read them. It is made from the code by `make
contracts`, as are the JSON Schemas in [schema/events](schema/events) and the AsyncAPI document
[schema/asyncapi.json](schema/asyncapi.json). The service serves the same files under
`/api/v1/schema`, and `countermand schema` prints them."""

WHOLE: Final = """\
An event is a CloudEvent 1.0 in JSON (structured mode), complete by itself: it needs no header of
the NATS message. The attributes are the same for all events; `data` is what differs."""
TOGETHER: Final = """\
The four attributes that begin with `onbehalfof` are there together or not at all. An attribute that
is absent is left out, never null."""


def document() -> str:
    """The whole page."""
    sections = (
        HEAD,
        f"## How to read them\n\n{wrapped(SUBJECTS)}\n\n{wrapped(CONSUMING)}",
        whole_event(),
        f"## Order and chain\n\n{wrapped(CHAIN)}",
        f"## What may change\n\n{wrapped(VERSIONS)}",
        list_of_events(),
        *groups(),
        shared_parts(),
        words(),
    )
    return "\n\n".join(sections) + "\n"


# --- the envelope, and the list -------------------------------------------------------------------


def whole_event() -> str:
    """What stands around every fact, and one event in full."""
    entry = next(x for x in entries() if x.name == SHOWN)
    raw = json.loads(example(entry.fact, entry.aggregate))
    schema = event_schema(entry)
    return "\n\n".join(
        (
            "## A whole event",
            WHOLE,
            json_block(raw),
            table_of_fields(schema),
            TOGETHER,
        )
    )


def list_of_events() -> str:
    """Every event with a link and a line."""
    rows = ((link(x.name), x.aggregate, x.summary) for x in entries())
    return "## All events\n\n" + table(("Event", "Aggregate", "What it says"), rows)


# --- events ---------------------------------------------------------------------------------------


def groups() -> Iterator[str]:
    """The events by the modules that their facts stand in, in the order of the registry."""
    modules = dict.fromkeys(x.fact.__module__ for x in entries())
    order = {name: n for n, name in enumerate(modules)}
    ordered = sorted(entries(), key=lambda x: order[x.fact.__module__])
    for module, members in groupby(ordered, key=lambda x: x.fact.__module__):
        title = (inspect.getdoc(sys.modules[module]) or module).splitlines()[0].rstrip(".")
        yield "\n\n".join((f"## {title}", *map(event, members)))


def event(entry: Entry) -> str:
    """One event: where it lies, what it means, its fields, an example."""
    data = json.loads(example(entry.fact, entry.aggregate))["data"]
    id_ = ID_PARAMETER[entry.aggregate].removesuffix("Id")
    subject = f"countermand.<cluster>.{entry.aggregate}.<{id_}>.{entry.name}"
    return "\n\n".join(
        (
            f"### {entry.name}",
            wrapped(entry.text),
            f"`{subject}`, since {entry.since}, [schema](schema/events/{entry.stem}.json)",
            *fields_and_example(parts()[entry.fact.__name__], data),
        )
    )


def fields_and_example(schema: Schema, data: dict[str, object]) -> tuple[str, ...]:
    """The table of a fact's fields, and such a fact; a sentence when it has none."""
    if not schema.properties:
        return ("It has no fields: that it happened says everything.",)
    return table_of_fields(schema), json_block(data)


def table_of_fields(schema: Schema) -> str:
    """Name, type, whether it is always there, meaning."""
    assert isinstance(schema.properties, dict)
    required = schema.required if isinstance(schema.required, list) else []
    rows = (
        (f"`{name}`", type_of(x), presence(name, x, required), x.description or "")
        for name, x in schema.properties.items()
    )
    return table(("Field", "Type", "Required", "Meaning"), rows)


def presence(name: str, schema: Schema, required: list[str]) -> str:
    """Yes, or what its absence means."""
    if name in required:
        return "yes"
    if schema.default is UNSET:
        return "no"
    return f"no, default `{json.dumps(schema.default)}`"


def type_of(schema: Schema) -> str:
    """A type in words, with a link to what it is made of."""
    if isinstance(schema.ref, str):
        return link(schema.ref.rpartition("/")[2])
    if isinstance(schema.any_of, list):
        return ", or ".join(type_of(x) for x in schema.any_of)
    if isinstance(schema.items, Schema):
        return f"list of {type_of(schema.items)}"
    if schema.type == "object":
        values = schema.additional_properties
        mixed = isinstance(values, Schema) and isinstance(values.any_of, list)
        return "texts and numbers by name" if mixed else "texts by name"
    return f"{WORDS.get(str(schema.type), str(schema.type))}{limits(schema)}"


def limits(schema: Schema) -> str:
    """What its values keep to."""
    if schema.const is not UNSET:
        return f" `{schema.const}`"
    if schema.content_encoding is not UNSET or schema.format is not UNSET:
        return ""
    if schema.max_length is not UNSET:
        return f", at most {schema.max_length}"
    if schema.maximum is not UNSET:
        return f" from {schema.minimum} to {schema.maximum}"
    return "" if schema.minimum is UNSET else f" from {schema.minimum}"


# --- parts and words ------------------------------------------------------------------------------


def shared_parts() -> str:
    """What several facts are made of."""
    facts = {x.fact.__name__ for x in entries()}
    structs = {
        name: x
        for name, x in parts().items()
        if x.type == "object" and name not in facts and name in used(facts)
    }
    texts = (f"### {n}\n\n{about(x)}\n\n{table_of_fields(x)}" for n, x in structs.items())
    return "\n\n".join(("## What several events are made of", *texts))


def used(facts: set[str]) -> set[str]:
    """The parts that the facts refer to, and those that these refer to."""
    found, left = set[str](), list(facts)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += refs(parts()[name])
    return found


def words() -> str:
    """The enumerations: every word, and what they are about."""
    enums = {name: x for name, x in parts().items() if isinstance(x.enum, list)}
    texts = (
        f"### {name}\n\n{about(x)}\n\n{wrapped(', '.join(f'`{word}`' for word in x.enum or []))}"
        for name, x in enums.items()
    )
    return "\n\n".join(("## Words", *texts))


def about(schema: Schema) -> str:
    """What a part is."""
    return wrapped(schema.description or "")


# --- links ---------------------------------------------------------------------------------------


def link(name: str) -> str:
    """A link to the heading of an event or a part."""
    return f"[{name}](#{name.lower()})"
