"""Lists over HTTP: jobs, tasks, the audit trail, and cancels with what became of them."""

import asyncio
from typing import Any

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream
from msgspec import Struct

from adapters.http.answers import POSITION, json_answer
from adapters.http.bodies.audit import audit_body
from adapters.http.bodies.cancellations import cancellations_body
from adapters.http.bodies.jobs import jobs_body, tasks_body
from adapters.http.contract import jobs, trail
from adapters.http.contract.operation import Operation, route
from adapters.http.contract.parts import (
    BEHIND,
    COUNT,
    FIRST,
    LAST,
    OF_CLUSTER,
    OF_STREAM,
    SENTENCE_CHARACTERS_MAX,
    STOPPED,
)
from adapters.http.reading.lists import (
    at_least,
    audit_filter,
    cancellations_filter,
    jobs_filter,
    jobs_order,
    limit,
)
from adapters.http.reading.requests import Query, placed
from adapters.http.streams.exports import MEDIA_TYPES, PIECES_AT_ONCE, ExportForm, pieces
from adapters.web.authentication import caller_of
from adapters.web.cursors import cursor_text, key_of, question_digest
from adapters.web.requests import WebRequest
from adapters.web.text import ascii_line
from application.listing import Export, Listed, Listing
from application.queries import Queries
from application.views import Key, Page, job_key


class Provenance(Struct, frozen=True):
    """Of which cluster and of which stream the views are; the stream's id is no other one's."""

    cluster: str
    stream: str


class Listings:
    """One method a list."""

    def __init__(self, listing: Listing, queries: Queries, provenance: Provenance) -> None:
        self._listing = listing
        self._queries = queries
        self._provenance = provenance
        self._turn = asyncio.Semaphore(PIECES_AT_ONCE)

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            route(jobs.LIST, self.jobs),
            route(jobs.TASKS, self.tasks),
            route(trail.SEARCH, self.audit),
            route(trail.EXPORT, self.export),
            route(trail.CANCELLATIONS, self.cancellations),
        ]

    async def jobs(self, request: WebRequest) -> Response[bytes]:
        """Jobs, the latest first unless sorted otherwise."""
        query = await self._asked(request, jobs.LIST)
        which, order = jobs_filter(query), jobs_order(query)
        question = question_digest("jobs", which, order)
        page = Page(limit(query), key_of(query.text("cursor"), question))
        found = await self._listing.jobs(caller_of(request), which, order, page, at_least(query))
        keys = [job_key(row, order.by) for row in found.answer.rows[-1:]]
        body = jobs_body(found, going_on(found, keys, question))
        return json_answer(body, position=body.position)

    async def tasks(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """A job's tasks by number."""
        query = await self._asked(request, jobs.TASKS)
        number, states = placed(jobs.TASKS, "job_id", job_id), query.texts("state")
        await self._queries.check_sees(caller_of(request), number)
        question = question_digest("tasks", number, states)
        page = Page(limit(query), key_of(query.text("cursor"), question))
        found = await self._listing.tasks(caller_of(request), number, states, page, at_least(query))
        keys: list[Key] = [(row.task_id,) for row in found.answer.rows[-1:]]
        body = tasks_body(number, found, going_on(found, keys, question))
        return json_answer(body, position=body.position)

    async def audit(self, request: WebRequest) -> Response[bytes]:
        """Rows of the trail, the latest first unless ``sort=position``."""
        query = await self._asked(request, trail.SEARCH)
        which = audit_filter(query)
        descending = query.text("sort") != "position"
        question = question_digest("audit", which, descending)
        page = Page(limit(query), key_of(query.text("cursor"), question))
        found = await self._listing.trail(
            caller_of(request), which, page, descending, at_least(query)
        )
        keys: list[Key] = [(row.position,) for row in found.answer.rows[-1:]]
        body = audit_body(found, going_on(found, keys, question))
        return json_answer(body, position=body.position)

    async def export(self, request: WebRequest) -> Stream:
        """Every row that the filter finds, in the stream's order, as CSV or JSON lines."""
        query = await self._asked(request, trail.EXPORT)
        which, form = audit_filter(query), ExportForm(query.text("format") or ExportForm.NDJSON)
        found = await self._listing.export(
            caller_of(request),
            which,
            named=form is ExportForm.NDJSON,
            at_least=at_least(query),
        )
        headers = told_of(found)
        headers |= {OF_CLUSTER: self._provenance.cluster, OF_STREAM: self._provenance.stream}
        headers["Content-Disposition"] = f'attachment; filename="audit.{form}"'
        return Stream(
            pieces(form, found.pages, self._turn), media_type=MEDIA_TYPES[form], headers=headers
        )

    async def cancellations(self, request: WebRequest) -> Response[bytes]:
        """Accepted cancels and what became of them: what is wrong comes first."""
        query = await self._asked(request, trail.CANCELLATIONS)
        which = cancellations_filter(query)
        question = question_digest("cancellations", which)
        page = Page(limit(query), key_of(query.text("cursor"), question))
        found = await self._listing.cancellations(caller_of(request), which, page, at_least(query))
        keys: list[Key] = [(x.group, x.row.position) for x in found.answer.rows[-1:]]
        body = cancellations_body(found, going_on(found, keys, question))
        return json_answer(body, position=body.position)

    async def _asked(self, request: WebRequest, operation: Operation) -> Query:
        """The parameters, when the stream has the position that the answer must know."""
        query = Query(request, operation)
        await self._queries.know(at_least(query))
        return query


def told_of(found: Export) -> dict[str, str]:
    """What an export says of itself in its headers."""
    span = found.span
    headers = {POSITION: str(span.position), COUNT: str(span.count), BEHIND: str(found.behind)}
    if span.first is not None and span.last is not None:
        headers |= {FIRST: str(span.first), LAST: str(span.last)}
    if found.stopped is not None:
        headers[STOPPED] = ascii_line(found.stopped)[:SENTENCE_CHARACTERS_MAX]
    return headers


def going_on(found: Listed[Any], keys: list[Key], question: str) -> str | None:
    """The cursor of the next page, when there is one."""
    return cursor_text(keys[0], question) if found.answer.more and keys else None
