"""Questions over HTTP: jobs now and then, events and replay, the stream, parameters, who asks."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, get_args

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from adapters.http.answers import (
    EventsBody,
    ParametersBody,
    WhoAmI,
    event_body,
    json_answer,
    parameter_body,
    replay_body,
    streamed_body,
)
from adapters.http.authentication import caller_of
from adapters.http.closing import Closing
from adapters.http.conditions import etag, if_none_match, is_held, not_modified
from adapters.http.explanation_body import explanation_body
from adapters.http.job_answers import job_detail
from adapters.http.one import OneOfAKind
from adapters.http.problem import Malformed, Problem, WebRequest, problem_of
from adapters.http.requests import Query, whole_number
from adapters.http.sse import EventStream, Frames, Source, StreamLimits, Telling
from application.queries import Queries, Snapshot
from application.scheduler import Scheduler, job_number
from domain.errors import Throttled
from domain.events import Event
from domain.identity import Caller

VERSION_MAX: Final = 2**31 - 1
POSITION_MAX: Final = 2**63 - 1
WAIT_SECONDS_MAX: Final = 60
WAIT_SECONDS: Final = 30
EVENT_NAMES: Final = frozenset(kind.__name__ for kind in get_args(Event))


class Questions(OneOfAKind):
    """One method a question."""

    def __init__(
        self,
        scheduler: Scheduler,
        queries: Queries,
        closing: Closing,
        limits: StreamLimits,
        new_id: Callable[[], str],
    ) -> None:
        self._scheduler = scheduler
        self._queries = queries
        self._closing = closing
        self._limits = limits
        self._new_id = new_id
        self._frames = Frames()
        self._streams = 0

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            get("/jobs/{job_id:str}")(self.job),
            get("/jobs/{job_id:str}/events")(self.events),
            get("/jobs/{job_id:str}/replay")(self.replay),
            get("/jobs/{job_id:str}/explanation")(self.explanation),
            get("/events/{position:str}")(self.event),
            get("/events")(self.stream),
            get("/parameters")(self.parameters),
            get("/whoami")(self.whoami),
        ]

    async def job(
        self, request: WebRequest, job_id: FromPath[str]
    ) -> Response[bytes] | Response[None]:
        """A job now, at a version or a time, or as soon as it has ended."""
        query = Query(request, ("version", "at", "until", "timeout_seconds"))
        caller, wait = caller_of(request), waiting_seconds(query)
        version, at = query.number("version", 1, VERSION_MAX), query.moment("at")
        only_one(version is not None, at is not None, wait is not None)
        held = if_none_match(request)
        found: Snapshot | None = None
        if wait is not None:
            found = await self._closing.unless(self._queries.ended(caller, job_id, wait))
        if found is None:
            found = await self._queries.job(caller, job_id, version=version, at=at)
        if is_held(held, found.job.version):
            return not_modified(found.job.version, found.position)
        headers = etag(found.job.version)
        return json_answer(job_detail(found), position=found.position, headers=headers)

    async def events(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Every event of a job, byte for byte."""
        Query(request)
        history = await self._queries.events(caller_of(request), job_id)
        number = job_number(job_id)
        assert number is not None, "a job without a number is unknown"
        body = EventsBody(number, tuple(event_body(stored) for stored in history))
        return json_answer(body, position=history[-1].position)

    async def replay(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """A job told from its events."""
        query = Query(request, ("version", "at"))
        version, at = query.number("version", 1, VERSION_MAX), query.moment("at")
        only_one(version is not None, at is not None)
        told = await self._queries.replay(caller_of(request), job_id, version=version, at=at)
        return json_answer(replay_body(told), position=told.position)

    async def explanation(self, request: WebRequest, job_id: FromPath[str]) -> Response[bytes]:
        """Why a job ended, in sentences that name their events."""
        query = Query(request, ("at",))
        caller, at = caller_of(request), query.moment("at")
        told = await self._queries.explain(caller, job_id, at=at)
        return json_answer(explanation_body(told), position=told.position)

    async def event(self, request: WebRequest, position: FromPath[str]) -> Response[bytes]:
        """The event at a position of the stream, byte for byte."""
        Query(request)
        place = whole_number(position, "a position", 1, POSITION_MAX)
        stored = await self._queries.event(caller_of(request), place)
        return json_answer(streamed_body(stored), position=stored.position)

    async def parameters(self, request: WebRequest) -> Response[bytes] | Response[None]:
        """Every cluster parameter with the value in force."""
        Query(request)
        held = if_none_match(request)
        found = await self._scheduler.parameters()
        if is_held(held, found.version):
            return not_modified(found.version)
        body = ParametersBody(tuple(parameter_body(p, v) for p, v in found.values))
        return json_answer(body, headers=etag(found.version))

    async def whoami(self, request: WebRequest) -> Response[bytes]:
        """Who the server takes the caller for."""
        Query(request)
        caller = caller_of(request)
        person = caller.on_behalf_of.name if caller.on_behalf_of else None
        actor = caller.actor
        return json_answer(WhoAmI(actor.name, tuple(actor.roles), actor.method, person))

    async def stream(self, request: WebRequest) -> EventStream:
        """Server-sent events from a place on; what is wrong at once is a plain problem."""
        query = Query(request, ("after", "since", "job", "follow"), ("type", "actor"))
        after, since = begin_after(request, query), begin_since(request, query)
        source = self._source(caller_of(request), query, after, since)
        if self._streams >= self._limits.streams_max:
            raise Throttled("too many streams are open; close one, or come back", 5)
        self._streams += 1
        try:
            first = await anext(source)
        except BaseException:
            await source.aclose()
            self._left()
            raise
        named = after if since is None else None
        telling = Telling(first, source, named, self._frames, self._limits, self._problem_of)
        return EventStream(telling, self._closing, self._left)

    def _source(self, caller: Caller, query: Query, after: int, since: datetime | None) -> Source:
        return self._queries.follow(
            caller,
            after,
            since=since,
            types=types_of(query),
            job_id=query.text("job"),
            actors=actors_of(query),
            follow=query.word("follow", ("true", "false")) != "false",
            quiet_seconds=self._limits.look_seconds,
        )

    def _problem_of(self, error: Exception) -> Problem:
        return problem_of(error, self._new_id)

    def _left(self) -> None:
        self._streams -= 1


def begin_after(request: WebRequest, query: Query) -> int:
    """The position to go on from: the header ``Last-Event-ID`` counts more than ``after``."""
    after = query.number("after", 0, POSITION_MAX)
    last = request.headers.get("last-event-id")
    if last:
        return whole_number(last, "Last-Event-ID", 0, POSITION_MAX)
    return after or 0


def begin_since(request: WebRequest, query: Query) -> datetime | None:
    """The moment to begin at, if there is one; who comes back has a position, which counts more."""
    since = query.moment("since")
    if since is not None and query.text("after") is not None:
        raise Malformed("give after or since: each names another place to begin at")
    return None if request.headers.get("last-event-id") else since


def actors_of(query: Query) -> frozenset[str] | None:
    """The names of those whose events are asked for, or None for all. Nobody need be known."""
    actors = frozenset(query.texts("actor"))
    if "" in actors:
        raise Malformed("actor is empty; name who brought the events about, or leave it out")
    return actors or None


def types_of(query: Query) -> frozenset[str] | None:
    """The event types asked for, or None for all."""
    types = frozenset(query.texts("type"))
    strange = sorted(types - EVENT_NAMES)
    if strange:
        names = ", ".join(sorted(EVENT_NAMES))
        raise Malformed(f"there is no event type {strange[0][:80]!r}; there are {names}")
    return types or None


def waiting_seconds(query: Query) -> float | None:
    """How long to wait for the end, or None for not at all."""
    until = query.word("until", ("ended",))
    seconds = query.seconds("timeout_seconds", WAIT_SECONDS_MAX)
    if until is None and seconds is not None:
        raise Malformed("timeout_seconds goes with until=ended")
    if until is None:
        return None
    return WAIT_SECONDS if seconds is None else seconds


def only_one(*given: bool) -> None:
    """Of version, at and until, one at most."""
    if sum(given) > 1:
        raise Malformed("give one of version, at and until: each names another moment")
