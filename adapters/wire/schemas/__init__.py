"""The published contract of the event stream, made from the Structs of the facts.

A JSON Schema an event, and one AsyncAPI document for all: what is checked in under ``docs/schema``,
what the service serves and what ``countermand schema`` prints are these same bytes.
"""

from adapters.wire.schemas.asyncapi import asyncapi
from adapters.wire.schemas.entries import Entry, entries, found
from adapters.wire.schemas.events import event_schema
from adapters.wire.schemas.json_schema import pretty

__all__ = ["Entry", "asyncapi_bytes", "entries", "found", "schema_bytes"]


def schema_bytes(entry: Entry) -> bytes:
    """The JSON Schema of an event: the same bytes each time."""
    return pretty(event_schema(entry))


def asyncapi_bytes(version: str) -> bytes:
    """The AsyncAPI document of a release: the same bytes each time."""
    return pretty(asyncapi(version))
