"""The web application under ``/hpc``: the table of operations, each with what does it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from litestar import Litestar, Response, Router
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.types import HTTPScope, Receive, Send

from adapters.hpcpack.answers import Answer, Objects
from adapters.hpcpack.asked import Asked, Work
from adapters.hpcpack.bodies import Body
from adapters.hpcpack.cluster import Cluster, Machine
from adapters.hpcpack.commands import Commands
from adapters.hpcpack.face import HPC_PACK
from adapters.hpcpack.faults import Fault, NotSupported, fault_of
from adapters.hpcpack.fields import Fields
from adapters.hpcpack.forms import Form, answer_bytes, fault_bytes, form_of
from adapters.hpcpack.operation import NOTHING, Operation
from adapters.hpcpack.operations import OPERATIONS
from adapters.hpcpack.questions import Questions
from adapters.web.authentication import Authenticator, Door, caller_of
from adapters.web.requests import WebRequest
from application.listing import Listing
from application.ports import Ids
from application.queries import Queries
from application.scheduler import Scheduler

BASE: Final = "/hpc"
BODY_BYTES_MAX: Final = 8 * 1024 * 1024
AUTHENTICATE: Final = 'Basic realm="countermand", charset="UTF-8", Bearer realm="countermand"'
QUERY_ID: Final = "x-ms-continuation-queryId"
ROW_COUNT: Final = "x-ms-row-count"
Handler = Callable[[WebRequest], Awaitable[Response[bytes] | Response[None]]]


class AnyCase:
    """Paths in any case: the product's clients write ``/hpc/jobs/1/Tasks``."""

    def __init__(self, app: Litestar) -> None:
        self._app = app

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """The application, told the path in lower case."""
        path = scope["path"].lower()
        await self._app({**scope, "path": path, "raw_path": path.encode()}, receive, send)


def create_app(
    *,
    scheduler: Scheduler,
    queries: Queries,
    listing: Listing,
    authenticator: Authenticator,
    ids: Ids,
    machine: Machine,
) -> AnyCase:
    """HPC Pack's REST. Whatever is raised becomes a fault; nothing is answered without a name."""
    works = {
        **Commands(scheduler, ids).works(),
        **Questions(queries, listing).works(),
        **Cluster(machine).works(),
    }
    handler = exception_handler(ids.new)
    router = Router(
        BASE,
        route_handlers=[route(operation, works) for operation in OPERATIONS],
        guards=[Door(authenticator, HPC_PACK).guard],
    )
    app = Litestar(
        route_handlers=[router],
        exception_handlers={Exception: handler, HTTPException: handler},
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )
    return AnyCase(app)


def route(operation: Operation, works: Mapping[str, Work]) -> HTTPRouteHandler:
    """The route of an operation; one that cannot be honoured says so."""
    path = operation.path.lower().replace("}", ":str}")
    answer = answering(operation, works[operation.id] if operation.works else lacking(operation))
    # The status here is a formality: each answer brings its own.
    made: Any = HTTPRouteHandler(f"/{path}", http_method=operation.method, status_code=200)
    handler: HTTPRouteHandler = made(answer)
    return handler


def lacking(operation: Operation) -> Work:
    """What is done for an operation that cannot be honoured."""

    async def work(_: Asked) -> Answer:
        raise NotSupported(f"{operation.id}: {operation.lacks}")

    return work


def answering(operation: Operation, work: Work) -> Handler:
    """Reads the request, has the work done, and writes the answer."""

    async def answer(request: WebRequest) -> Response[bytes] | Response[None]:
        found = await work(await asked_by(request))
        form = form_of(request.headers.get("accept", ""))
        if operation.status == NOTHING:
            return Response(None, status_code=NOTHING)
        return Response(
            answer_bytes(found, form),
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
        body=Body(await request.body(), request.headers.get("content-type", "").lower()),
    )


def headers_of(answer: Answer) -> dict[str, str]:
    """The headers that page."""
    if not isinstance(answer, Objects):
        return {}
    row_count = {} if answer.row_count is None else {ROW_COUNT: str(answer.row_count)}
    return row_count | ({QUERY_ID: answer.query_id} if answer.query_id else {})


def exception_handler(
    new_id: Callable[[], str],
) -> Callable[[WebRequest, Exception], Response[bytes]]:
    """The one handler for everything that is raised."""

    def answer(request: WebRequest, error: Exception) -> Response[bytes]:
        said = fault_of(error, new_id)
        form = form_of(request.headers.get("accept", ""))
        headers = {k: v for k, v in allowed(error).items() if k.lower() == "allow"}
        return fault_response(said, form, headers)

    return answer


def allowed(error: Exception) -> Mapping[str, str]:
    """The headers that an error of the router has."""
    headers = error.headers if isinstance(error, HTTPException) else None
    return headers or {}


def fault_response(said: Fault, form: Form, headers: Mapping[str, str]) -> Response[bytes]:
    """A fault as an answer, with the headers that its status asks for."""
    told = dict(headers)
    if said.retry_after_seconds is not None:
        told["Retry-After"] = str(said.retry_after_seconds)
    if said.status == 401:
        told["WWW-Authenticate"] = AUTHENTICATE
    if said.status == 413:
        told["Connection"] = "close"
    body = fault_bytes(said.body, form)
    return Response(body, status_code=said.status, media_type=form, headers=told)
