"""The published contract: a schema an event, and the documents that describe all of them.

Asked without authentication: it holds no name of anybody. The composition root hands in how it is
made, and it is made once, when somebody first asks. A further document (``openapi.json``) is one
more entry in ``Contract.documents``.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from adapters.http.bodies.schemas import EventRow, Index
from adapters.http.bodies.shapes import API
from adapters.http.contract import service as op
from adapters.http.contract.operation import route
from adapters.http.reading.conditions import etag, if_none_match, is_held
from adapters.http.reading.requests import Query
from adapters.web.requests import WebRequest
from domain.errors import Unknown

SCHEMA_PATH: Final = f"{API}/schema"
SUFFIX: Final = ".json"
JSON: Final = "application/json"
CACHE: Final = "public, no-cache"
"""Anybody may keep it; who asks again with its ETag is told whether it still is the same."""


class Document(Struct, frozen=True):
    """A document as it goes out. ``tag``: what its ETag says in quotes, a digest of it."""

    raw: bytes
    media_type: str
    tag: str


def document(raw: bytes, media_type: str = JSON) -> Document:
    """A document with its tag."""
    return Document(raw, media_type, hashlib.sha256(raw).hexdigest())


class Contract(Struct, frozen=True):
    """What is published.

    ``events``: a row each; ``schemas``: the schema of an event by each name that it is known by;
    ``documents``: by the name of the file.
    """

    events: tuple[EventRow, ...]
    schemas: Mapping[str, Document]
    documents: Mapping[str, Document]


class Schemas:
    """One method a kind of document."""

    def __init__(self, make: Callable[[], Contract]) -> None:
        self._make = make
        self._making = asyncio.Lock()
        self._made: Contract | None = None

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            route(op.SCHEMAS, self.events),
            route(op.SCHEMA, self.event),
            route(op.DOCUMENT, self.document),
        ]

    async def events(self, request: WebRequest) -> Response[bytes]:
        """Every event with a link to its schema."""
        Query(request, op.SCHEMAS)
        contract = await self.contract()
        documents = tuple(f"{SCHEMA_PATH}/{name}" for name in contract.documents)
        index = Index(contract.events, documents)
        return answer(request, document(msgspec.json.encode(index)))

    async def event(self, request: WebRequest, name: FromPath[str]) -> Response[bytes]:
        """The schema of one event: ``JobAdded.json``, or with ``.v1`` and ``countermand.``."""
        Query(request, op.SCHEMA)
        contract = await self.contract()
        event = name.removesuffix(SUFFIX)
        if event == name or event not in contract.schemas:
            names = ", ".join(row.name + SUFFIX for row in contract.events)
            raise unknown(f"there is no schema {name[:80]!r} of an event; there are {names}")
        return answer(request, contract.schemas[event])

    async def document(self, request: WebRequest, name: FromPath[str]) -> Response[bytes]:
        """A document about all events."""
        Query(request, op.DOCUMENT)
        contract = await self.contract()
        if name not in contract.documents:
            names = ", ".join(("events", *contract.documents))
            raise unknown(f"there is no document {name[:80]!r} here; there are {names}")
        return answer(request, contract.documents[name])

    async def contract(self) -> Contract:
        """The contract; made in a thread, for it takes longer than others should wait."""
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
            return self._made


def answer(request: WebRequest, found: Document) -> Response[bytes]:
    """The document, or only that it is still the one that the client has."""
    headers = etag(found.tag) | {"Cache-Control": CACHE}
    if is_held(if_none_match(request), found.tag):
        return Response(b"", status_code=304, media_type=found.media_type, headers=headers)
    return Response(found.raw, media_type=found.media_type, headers=headers)


def unknown(words: str) -> Unknown:
    """A document that there is not."""
    return Unknown(words, code="unknown_schema")
