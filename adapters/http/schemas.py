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
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec import Struct

from adapters.http.one import OneOfAKind
from adapters.http.problem import WebRequest
from adapters.http.requests import Query
from domain.errors import Unknown

SCHEMA_PATH: Final = "/api/v1/schema"
SUFFIX: Final = ".json"
JSON: Final = "application/json"
CACHE: Final = "public, no-cache"
"""Anybody may keep it; who asks again with its ETag is told whether it still is the same."""


class Document(Struct, frozen=True):
    """A document as it goes out. ``tag``: its ETag, which says what is in it."""

    raw: bytes
    media_type: str
    tag: str


def document(raw: bytes, media_type: str = JSON) -> Document:
    """A document with its tag."""
    return Document(raw, media_type, f'"{hashlib.sha256(raw).hexdigest()}"')


class EventRow(Struct, frozen=True):
    """An event in the list. ``href``: where its schema is."""

    name: str
    type: str
    aggregate: str
    subject: str
    since: str
    summary: str
    href: str


class Index(Struct, frozen=True):
    """Every event, and where the documents are that describe all of them."""

    events: tuple[EventRow, ...]
    documents: tuple[str, ...]


class Contract(Struct, frozen=True):
    """What is published.

    ``events``: a row each; ``schemas``: the schema of an event by each name that it is known by;
    ``documents``: by the name of the file.
    """

    events: tuple[EventRow, ...]
    schemas: Mapping[str, Document]
    documents: Mapping[str, Document]


class Schemas(OneOfAKind):
    """One method a kind of document."""

    def __init__(self, make: Callable[[], Contract]) -> None:
        self._make = make
        self._making = asyncio.Lock()
        self._made: Contract | None = None

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            get("/schema/events")(self.events),
            get("/schema/events/{file:str}")(self.event),
            get("/schema/{file:str}")(self.document),
        ]

    async def events(self, request: WebRequest) -> Response[bytes]:
        """Every event with a link to its schema."""
        Query(request)
        contract = await self.contract()
        documents = tuple(f"{SCHEMA_PATH}/{name}" for name in contract.documents)
        index = Index(contract.events, documents)
        return answer(request, document(msgspec.json.encode(index)))

    async def event(self, request: WebRequest, file: FromPath[str]) -> Response[bytes]:
        """The schema of one event: ``JobAdded.json``, or with ``.v1`` and ``countermand.``."""
        Query(request)
        contract = await self.contract()
        name = file.removesuffix(SUFFIX)
        if name == file or name not in contract.schemas:
            names = ", ".join(row.name + SUFFIX for row in contract.events)
            raise unknown(f"there is no schema {file[:80]!r} of an event; there are {names}")
        return answer(request, contract.schemas[name])

    async def document(self, request: WebRequest, file: FromPath[str]) -> Response[bytes]:
        """A document about all events."""
        Query(request)
        contract = await self.contract()
        if file not in contract.documents:
            names = ", ".join(("events", *contract.documents))
            raise unknown(f"there is no document {file[:80]!r} here; there are {names}")
        return answer(request, contract.documents[file])

    async def contract(self) -> Contract:
        """The contract; made in a thread, for it takes longer than others should wait."""
        async with self._making:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
            return self._made


def answer(request: WebRequest, found: Document) -> Response[bytes]:
    """The document, or only that it is still the one that the client has."""
    headers = {"ETag": found.tag, "Cache-Control": CACHE}
    if not {found.tag, "*"}.isdisjoint(known_tags(request)):
        return Response(b"", status_code=304, media_type=found.media_type, headers=headers)
    return Response(found.raw, media_type=found.media_type, headers=headers)


def known_tags(request: WebRequest) -> set[str]:
    """The tags in If-None-Match, which are compared weakly; ``*`` stands for any."""
    lines = request.headers.getall("if-none-match", [])
    return {tag.strip().removeprefix("W/") for line in lines for tag in line.split(",")}


def unknown(words: str) -> Unknown:
    """A document that there is not."""
    return Unknown(words, code="unknown_schema")
