"""The web applications: ``/hpc`` and the older ``/WindowsHPC``, each a table of operations."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache, partial
from typing import Any, Final

from litestar import Litestar, Response
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import HTTPScope, Receive, Send
from msgspec import Struct

from adapters.hpcpack.answers import Answer, Nothing, Objects
from adapters.hpcpack.asked import Asked, Work
from adapters.hpcpack.bodies import Body
from adapters.hpcpack.cluster import Cluster
from adapters.hpcpack.commands import Commands
from adapters.hpcpack.face import HPC_PACK
from adapters.hpcpack.faults import Fault, NotSupported, fault_of
from adapters.hpcpack.fields import Fields
from adapters.hpcpack.forms import answer_bytes
from adapters.hpcpack.manners import Manner, Modern, Windows
from adapters.hpcpack.node_stats import NodeStats
from adapters.hpcpack.nodes import Machine, NodeQuestions
from adapters.hpcpack.operation import NOTHING, Operation
from adapters.hpcpack.operations import OPERATIONS
from adapters.hpcpack.questions import Questions
from adapters.hpcpack.task_questions import TaskQuestions
from adapters.hpcpack.windows_operations import WINDOWS_OPERATIONS
from adapters.web.authentication import Authenticator, Connection, Door, caller_of
from adapters.web.built_once import BEHIND, BuiltOnce
from adapters.web.framework import PlainLitestar
from adapters.web.on_first_use import OnFirstUse
from adapters.web.requests import WebRequest, whole_body
from application.listing import Listing
from application.ports import Ids
from application.queries import Queries
from application.scheduler import Scheduler
from application.subtasks import SubtaskQueries

HPC: Final = "/hpc"
WINDOWS_HPC: Final = "/windowshpc"
BODY_BYTES_MAX: Final = 8 * 1024 * 1024
AUTHENTICATE: Final = 'Basic realm="countermand", charset="UTF-8", Bearer realm="countermand"'
QUERY_ID: Final = "x-ms-continuation-queryId"
ROW_COUNT: Final = "x-ms-row-count"
Handler = Callable[[WebRequest], Awaitable[Response[bytes] | Response[None]]]


class Behind(Struct, frozen=True):
    """Who answers, and in which manner. ``works``: what is done for each operation."""

    works: Mapping[str, Work]
    door: Door
    manner: Manner
    new_id: Callable[[], str]


class AnyCase:
    """Paths in any case: the product's clients write ``/hpc/jobs/1/Tasks``.

    ``base`` and ``cluster``: after the base the cluster's name may stand, as it did before 2016.
    """

    def __init__(self, app: OnFirstUse[Behind], base: str, cluster: str = "") -> None:
        self._app = app
        self._base = f"{base}/"
        self._named = f"{base}/{cluster.lower()}/"

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """The application, told the path in lower case and without the cluster's name."""
        path = scope["path"].lower()
        if path.startswith(self._named):
            path = self._base + path.removeprefix(self._named)
        await self._app({**scope, "path": path, "raw_path": path.encode()}, receive, send)


class Rest(Struct, frozen=True):
    """HPC Pack's REST of both kinds."""

    hpc: AnyCase
    windows_hpc: AnyCase


def create_rest(
    *,
    scheduler: Scheduler,
    queries: Queries,
    listing: Listing,
    authenticator: Authenticator,
    ids: Ids,
    machine: Machine,
) -> Rest:
    """Whatever is raised becomes a fault; nothing is answered without a name."""
    nodes = NodeQuestions(machine)
    of_no_job = {**Cluster(machine).works(), **nodes.works(), **NodeStats(nodes).works()}
    works = {
        **Commands(scheduler, ids).works(),
        **Questions(queries, listing).works(),
        **TaskQuestions(queries, SubtaskQueries(queries, listing)).works(),
        **{name: after_acting(queries, work) for name, work in of_no_job.items()},
    }
    door = Door(authenticator, HPC_PACK)
    older = Windows(machine.head)
    new = partial(application, HPC, OPERATIONS, Behind(works, door, Modern(), ids.new))
    old = partial(application, WINDOWS_HPC, WINDOWS_OPERATIONS, Behind(works, door, older, ids.new))
    return Rest(
        AnyCase(OnFirstUse(new), HPC), AnyCase(OnFirstUse(old), WINDOWS_HPC, machine.cluster)
    )


def after_acting(queries: Queries, work: Work) -> Work:
    """The work, for who asks for nobody or may act for whom they name; where a job is named, the
    policy is asked about both anyway."""

    async def worked(asked: Asked) -> Answer:
        queries.check_acting(asked.caller)
        return await work(asked)

    return worked


def application(base: str, operations: tuple[Operation, ...], behind: Behind) -> BuiltOnce[Behind]:
    """A table of operations, served in a manner."""
    return BuiltOnce(framework(base, operations), behind)


@cache
def framework(base: str, operations: tuple[Operation, ...]) -> Litestar:
    """A table of operations, for whoever answers."""
    return PlainLitestar(
        path=base,
        route_handlers=[route(operation) for operation in operations],
        guards=[guard],
        exception_handlers={Exception: fault, HTTPException: fault},
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )


async def guard(connection: Connection, route: BaseRouteHandler) -> None:
    """The door, before everything."""
    await behind(connection).door.guard(connection, route)


def behind(connection: Connection) -> Behind:
    """Who answers this request."""
    found = connection.scope["state"][BEHIND]
    assert isinstance(found, Behind), "what is built once has put it there"
    return found


def route(operation: Operation) -> HTTPRouteHandler:
    """The route of an operation; one that cannot be honoured says so."""
    path = operation.path.lower().replace("}", ":str}")
    # The status here is a formality: each answer brings its own.
    made: Any = HTTPRouteHandler(f"/{path}", http_method=operation.method, status_code=200)
    handler: HTTPRouteHandler = made(answering(operation))
    return handler


def lacking(operation: Operation) -> Work:
    """What is done for an operation that cannot be honoured."""

    async def work(_: Asked) -> Answer:
        raise NotSupported(f"{operation.id}: {operation.lacks}")

    return work


def answering(operation: Operation) -> Handler:
    """Reads the request, has the work done, and writes the answer."""
    lacks = lacking(operation)

    async def answer(request: WebRequest) -> Response[bytes] | Response[None]:
        here = behind(request)
        manner, work = here.manner, here.works[operation.id] if operation.works else lacks
        manner.check(request)
        asked = await asked_by(request)
        if operation.works:
            asked.fields.check(operation.id, (*operation.query, *manner.query))
        found = await work(asked)
        if operation.status == NOTHING:
            return Response(None, status_code=NOTHING)
        form = manner.form(request)
        return Response(
            b"" if isinstance(found, Nothing) else answer_bytes(found, form),
            status_code=operation.status,
            media_type=form,
            headers=headers_of(found),
        )

    return answer


async def asked_by(request: WebRequest) -> Asked:
    """A request, read."""
    return Asked(
        caller=caller_of(request),
        path=request.path_params,
        fields=Fields(request.scope["query_string"]),
        body=Body(await whole_body(request), request.headers.get("content-type", "").lower()),
    )


def headers_of(answer: Answer) -> dict[str, str]:
    """The headers that page."""
    if not isinstance(answer, Objects):
        return {}
    row_count = {} if answer.row_count is None else {ROW_COUNT: str(answer.row_count)}
    return row_count | ({QUERY_ID: answer.query_id} if answer.query_id else {})


def fault(request: WebRequest, error: Exception) -> Response[bytes]:
    """The one handler for everything that is raised."""
    here = behind(request)
    said = fault_of(error, here.new_id)
    headers = {**here.manner.fault_headers(), **allowed(error), **asked_for(said)}
    return Response(
        here.manner.fault(request, said.body),
        status_code=said.status,
        media_type=here.manner.form(request),
        headers=headers,
    )


def allowed(error: Exception) -> dict[str, str]:
    """The methods that there are, when it was another."""
    headers = (error.headers if isinstance(error, HTTPException) else None) or {}
    return {k: v for k, v in headers.items() if k.lower() == "allow"}


def asked_for(said: Fault) -> dict[str, str]:
    """The headers that a status asks for."""
    told = {}
    if said.retry_after_seconds is not None:
        told["Retry-After"] = str(said.retry_after_seconds)
    if said.status == 401:
        told["WWW-Authenticate"] = AUTHENTICATE
    if said.status == 413:
        told["Connection"] = "close"
    return told
