"""Lists over HTTP: jobs, tasks, the audit trail, and cancels with what became of them."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import Any, Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from adapters.http.answers import POSITION, json_answer
from adapters.http.audit_list import audit_body
from adapters.http.authentication import caller_of
from adapters.http.cancellation_list import cancellations_body
from adapters.http.cursors import cursor_text, key_of, question_digest
from adapters.http.exports import MEDIA_TYPES, PAGES, ExportForm, head
from adapters.http.job_list import jobs_body, tasks_body
from adapters.http.list_query import (
    AUDIT_MANY,
    AUDIT_SINGLE,
    ID_MAX,
    JOB_MANY,
    JOB_SINGLE,
    PAGE,
    at_least,
    audit_filter,
    cancellations_filter,
    jobs_filter,
    jobs_order,
    limit,
    task_states,
)
from adapters.http.one import OneOfAKind
from adapters.http.problem import WebRequest
from adapters.http.requests import Query, choices, whole_number
from application.listing import Listed, Listing
from application.views import Key, Page, TrailCells, job_key

COUNT: Final = "Countermand-Count"
FIRST: Final = "Countermand-First"
LAST: Final = "Countermand-Last"


class Listings(OneOfAKind):
    """One method a list."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            get("/jobs")(self.jobs),
            get("/jobs/{job_id:str}/tasks")(self.tasks),
            get("/audit")(self.audit),
            get("/audit/export")(self.export),
            get("/cancellations")(self.cancellations),
        ]

    async def jobs(self, request: WebRequest) -> Response[bytes]:
        """Jobs, the latest first unless sorted otherwise."""
        query = Query(request, JOB_SINGLE, JOB_MANY)
        which, order = jobs_filter(query), jobs_order(query)
        question = question_digest("jobs", which, order)
        page = Page(limit(query), key_of(query.text("cursor"), question))
        found = await self._listing.jobs(caller_of(request), which, order, page, at_least(request))
        keys = [job_key(row, order.by) for row in found.answer.rows[-1:]]
        body = jobs_body(found, going_on(found, keys, question))
        return json_answer(body, position=body.position)

    async def tasks(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """A job's tasks by number."""
        query = Query(request, PAGE, ("state",))
        number, states = whole_number(job_id, "a job id", 1, ID_MAX), task_states(query)
        question = question_digest("tasks", number, states)
        page = Page(limit(query), key_of(query.text("cursor"), question))
        found = await self._listing.tasks(
            caller_of(request), number, states, page, at_least(request)
        )
        keys: list[Key] = [(row.task_id,) for row in found.answer.rows[-1:]]
        body = tasks_body(number, found, going_on(found, keys, question))
        return json_answer(body, position=body.position)

    async def audit(self, request: WebRequest) -> Response[bytes]:
        """Rows of the trail, the latest first unless ``sort=position``."""
        query = Query(request, (*AUDIT_SINGLE, "sort", *PAGE), tuple(AUDIT_MANY))
        which = audit_filter(query)
        descending = query.word("sort", ("position", "-position")) != "position"
        question = question_digest("audit", which, descending)
        page = Page(limit(query), key_of(query.text("cursor"), question))
        found = await self._listing.trail(
            caller_of(request), which, page, descending, at_least(request)
        )
        keys: list[Key] = [(row.position,) for row in found.answer.rows[-1:]]
        body = audit_body(found, going_on(found, keys, question))
        return json_answer(body, position=body.position)

    async def export(self, request: WebRequest) -> Stream:
        """Every row that the filter finds, in the stream's order, as CSV or JSON lines."""
        query = Query(request, (*AUDIT_SINGLE, "format"), tuple(AUDIT_MANY))
        which, chosen = audit_filter(query), query.text("format") or ExportForm.NDJSON.value
        (form,) = choices([chosen], ExportForm, "format")
        span, pages = await self._listing.export(caller_of(request), which, at_least(request))
        headers = {POSITION: str(span.position), COUNT: str(span.count)}
        headers["Content-Disposition"] = f'attachment; filename="audit.{form}"'
        if span.first is not None and span.last is not None:
            headers |= {FIRST: str(span.first), LAST: str(span.last)}
        return Stream(lines(form, pages), media_type=MEDIA_TYPES[form], headers=headers)

    async def cancellations(self, request: WebRequest) -> Response[bytes]:
        """Accepted cancels and what became of them: what is wrong comes first."""
        query = Query(request, ("job", "troubled", "open", *PAGE), ("owner", "mode", "actor"))
        which = cancellations_filter(query)
        question = question_digest("cancellations", which)
        page = Page(limit(query), key_of(query.text("cursor"), question))
        found = await self._listing.cancellations(
            caller_of(request), which, page, at_least(request)
        )
        keys: list[Key] = [(x.group, x.row.position) for x in found.answer.rows[-1:]]
        body = cancellations_body(found, going_on(found, keys, question))
        return json_answer(body, position=body.position)


def going_on(found: Listed[Any], keys: list[Key], question: str) -> str | None:
    """The cursor of the next page, when there is one."""
    return cursor_text(keys[0], question) if found.answer.more and keys else None


async def lines(
    form: ExportForm, pages: Iterator[Sequence[TrailCells]]
) -> AsyncGenerator[bytes, None]:
    """The file, piece by piece; each page is read and written in a thread."""

    def piece() -> bytes | None:
        rows = next(pages, None)
        return None if rows is None else PAGES[form](rows)

    if head(form):
        yield head(form)
    while (text := await asyncio.to_thread(piece)) is not None:
        yield text
