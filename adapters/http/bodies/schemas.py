"""The list of the published contract, as it goes out."""

from msgspec import Struct

from adapters.http.bodies.shapes import Link


class EventRow(Struct, frozen=True):
    """An event in the list. ``href``: where its schema is."""

    name: str
    type: str
    aggregate: str
    subject: str
    since: str
    summary: str
    href: Link


class Index(Struct, frozen=True):
    """Every event, and where the documents are that describe all of them."""

    events: tuple[EventRow, ...]
    documents: tuple[str, ...]
