"""Questions over HTTP: jobs now and then, events and replay, the stream, parameters, who asks."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.http.answers import json_answer
from adapters.http.bodies.cluster import ParametersBody, WhoAmI, parameter_body
from adapters.http.bodies.events import EventsBody, event_body, streamed_body
from adapters.http.bodies.explanation import explanation_body
from adapters.http.bodies.job import job_detail
from adapters.http.bodies.replay import replay_body
from adapters.http.contract import jobs, service, trail
from adapters.http.contract.operation import Operation, route
from adapters.http.problem import Problem, problem_of
from adapters.http.reading.conditions import etag, if_none_match, is_held, not_modified
from adapters.http.reading.lists import at_least
from adapters.http.reading.requests import Query, placed
from adapters.http.streams.places import Places
from adapters.http.streams.sse import EventStream, Frames, Source, StreamLimits, Telling, as_long_as
from adapters.web.authentication import Door, caller_of
from adapters.web.closing import Closing
from adapters.web.requests import WebRequest
from application.queries import Queries, Snapshot
from application.retelling import EVENTS_MAX
from application.scheduler import Scheduler
from domain.cluster import job_number

WAIT_SECONDS: Final = 30


class Questions:
    """One method a question."""

    def __init__(
        self,
        scheduler: Scheduler,
        queries: Queries,
        door: Door,
        closing: Closing,
        limits: StreamLimits,
        new_id: Callable[[], str],
    ) -> None:
        self._scheduler = scheduler
        self._queries = queries
        self._door = door
        self._closing = closing
        self._limits = limits
        self._new_id = new_id
        self._frames = Frames()
        self._places = Places(limits)

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            route(jobs.GET, self.job),
            route(jobs.EVENTS, self.events),
            route(jobs.REPLAY, self.replay),
            route(jobs.EXPLAIN, self.explanation),
            route(trail.EVENT, self.event),
            route(trail.STREAM, self.stream),
            route(service.PARAMETERS, self.parameters),
            route(service.WHOAMI, self.whoami),
        ]

    async def job(
        self, request: WebRequest, job_id: FromPath[str]
    ) -> Response[bytes] | Response[None]:
        """A job now, at a version or a time, or as soon as it has ended."""
        query, known = await self._asked(request, jobs.GET), self._queries.position
        caller, wait = caller_of(request), waiting_seconds(query)
        version, at = query.number("version"), query.moment("at")
        held = if_none_match(request)
        found: Snapshot | None = None
        if wait is not None:
            found = await self._closing.unless(self._queries.ended(caller, job_id, wait))
        if found is None or version is not None or at is not None:
            found = await self._queries.job(caller, job_id, version=version, at=at)
        known = max(known, found.position)
        if is_held(held, found.job.version):
            return not_modified(found.job.version, known)
        headers = etag(found.job.version)
        return json_answer(job_detail(found), position=known, headers=headers)

    async def events(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Events of a job, byte for byte."""
        query, known = await self._asked(request, jobs.EVENTS), self._queries.position
        after, limit = query.number("after") or 0, query.number("limit") or EVENTS_MAX
        found = await self._queries.events(caller_of(request), job_id, after=after, limit=limit)
        number = job_number(job_id)
        assert number is not None, "a job without a number is unknown"
        body = EventsBody(number, tuple(map(event_body, found.events)), found.next)
        last = found.events[-1].position if found.events else 0
        return json_answer(body, position=max(known, last))

    async def replay(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """A job told from its events."""
        query, known = await self._asked(request, jobs.REPLAY), self._queries.position
        told = await self._queries.replay(
            caller_of(request),
            job_id,
            version=query.number("version"),
            at=query.moment("at"),
            after=query.number("after") or 0,
            limit=query.number("limit") or EVENTS_MAX,
        )
        return json_answer(replay_body(told), position=max(known, told.position))

    async def explanation(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Why a job ended, in sentences that name their events."""
        query, known = await self._asked(request, jobs.EXPLAIN), self._queries.position
        caller, at = caller_of(request), query.moment("at")
        told = await self._queries.explain(caller, job_id, at=at)
        return json_answer(explanation_body(told), position=max(known, told.position))

    async def event(self, request: WebRequest, position: FromPath[str]) -> Response[bytes]:
        """The event at a position of the stream, byte for byte."""
        await self._asked(request, trail.EVENT)
        known = self._queries.position
        place = placed(trail.EVENT, "position", position)
        stored = await self._queries.event(caller_of(request), place)
        return json_answer(streamed_body(stored), position=max(known, stored.position))

    async def parameters(self, request: WebRequest) -> Response[bytes] | Response[None]:
        """Every cluster parameter with the value in force."""
        await self._asked(request, service.PARAMETERS)
        self._queries.check_acting(caller_of(request))
        known = self._queries.position
        held = if_none_match(request)
        found = await self._scheduler.parameters()
        if is_held(held, found.version):
            return not_modified(found.version, known)
        body = ParametersBody(tuple(parameter_body(p, v) for p, v in found.values))
        return json_answer(body, position=known, headers=etag(found.version))

    async def whoami(self, request: WebRequest) -> Response[bytes]:
        """Who the server takes the caller for."""
        Query(request, service.WHOAMI)
        caller = caller_of(request)
        self._queries.check_acting(caller)
        actor, person = caller.actor, caller.acted_for or None
        return json_answer(WhoAmI(actor.name, tuple(actor.roles), actor.method, person))

    async def stream(self, request: WebRequest) -> EventStream:
        """Server-sent events from a place on; what is wrong at once is a plain problem."""
        query = Query(request, trail.STREAM)
        after, since = begin_after(query), begin_since(query)
        source = self._source(request, query, after, since)
        actor = caller_of(request).actor
        self._places.take(actor)
        try:
            first = await anext(source)
        except BaseException:
            await source.aclose()
            self._places.leave(actor)
            raise
        named = after if since is None else None
        telling = Telling(first, source, named, self._frames, self._limits, self._problem_of)
        return EventStream(telling, self._closing, lambda: self._places.leave(actor))

    def _source(
        self, request: WebRequest, query: Query, after: int, since: datetime | None
    ) -> Source:
        source = self._queries.follow(
            caller_of(request),
            after,
            since=since,
            types=frozenset(query.texts("type")) or None,
            job_id=query.text("job"),
            actors=frozenset(query.texts("actor")) or None,
            follow=query.yes("follow") is not False,
            quiet_seconds=self._limits.look_seconds,
        )
        return as_long_as(
            lambda: self._door.finds_the_same(request), source, self._limits.look_seconds
        )

    async def _asked(self, request: WebRequest, operation: Operation) -> Query:
        """The parameters, when the position is known that the answer must know."""
        query = Query(request, operation)
        await self._queries.know(at_least(query))
        return query

    def _problem_of(self, error: Exception) -> Problem:
        return problem_of(error, self._new_id)


def begin_after(query: Query) -> int:
    """The position to go on from: the header ``Last-Event-ID`` counts more than ``after``."""
    last = query.number("Last-Event-ID")
    return (query.number("after") or 0) if last is None else last


def begin_since(query: Query) -> datetime | None:
    """The moment to begin at, if there is one; who comes back has a position, which counts more."""
    return query.moment("since") if query.number("Last-Event-ID") is None else None


def waiting_seconds(query: Query) -> float | None:
    """How long to wait for the end, or None for not at all."""
    seconds = query.seconds("timeout_seconds")
    if seconds is None and query.text("until") is not None:
        return WAIT_SECONDS
    return seconds
