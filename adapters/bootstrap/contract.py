"""The published contract, as the web serves it."""

from importlib.metadata import version
from typing import Final

from adapters.http.bodies.schemas import EventRow
from adapters.http.contract.document import openapi_bytes
from adapters.http.routes.schemas import SCHEMA_PATH, Contract, Document, document
from adapters.wire.schemas import Entry, asyncapi_bytes, entries, schema_bytes

SCHEMA: Final = "application/schema+json"


def contract() -> Contract:
    """A schema an event, the OpenAPI and the AsyncAPI document. Takes some tenths of a second."""
    schemas, release = dict[str, Document](), version("countermand")
    for entry in entries():
        schema = document(schema_bytes(entry), SCHEMA)
        schemas |= dict.fromkeys((entry.name, entry.stem, entry.type), schema)
    return Contract(
        events=tuple(row(entry) for entry in entries()),
        schemas=schemas,
        documents={
            "openapi.json": document(openapi_bytes(release)),
            "asyncapi.json": document(asyncapi_bytes(release)),
        },
    )


def row(entry: Entry) -> EventRow:
    """An event as the list has it."""
    return EventRow(
        name=entry.name,
        type=entry.type,
        aggregate=entry.aggregate,
        subject=entry.subject,
        since=entry.since,
        summary=entry.summary,
        href=f"{SCHEMA_PATH}/events/{entry.stem}.json",
    )
