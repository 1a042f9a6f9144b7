"""The web application, put together from what the composition root hands in."""

from collections.abc import Awaitable, Callable

from litestar import Litestar, Router
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from adapters.http.bodies.health import Health
from adapters.http.bodies.shapes import API
from adapters.http.contract.document import OPERATIONS
from adapters.http.contract.operation import options
from adapters.http.problem import exception_handler
from adapters.http.reading.face import NATIVE
from adapters.http.reading.requests import BODY_BYTES_MAX
from adapters.http.routes.administration import Administrations
from adapters.http.routes.commands import Commands
from adapters.http.routes.health import health_routes
from adapters.http.routes.listings import Listings, Provenance
from adapters.http.routes.metrics import Snapshot, metrics_routes
from adapters.http.routes.nodes import Nodes
from adapters.http.routes.questions import Questions
from adapters.http.routes.schemas import Contract, Schemas
from adapters.http.routes.subtask_commands import SubtaskCommands
from adapters.http.routes.subtasks import Subtasks
from adapters.http.streams.sse import StreamLimits
from adapters.web.authentication import Authenticator, Door
from adapters.web.closing import Closing
from adapters.web.request_log import RequestCounts
from application.administration import Administration
from application.listing import Listing
from application.node_use import NodeUses
from application.ports import Ids
from application.queries import Queries
from application.scheduler import Scheduler
from application.subtasks import SubtaskQueries


def create_app(
    *,
    scheduler: Scheduler,
    queries: Queries,
    authenticator: Authenticator,
    ids: Ids,
    listing: Listing,
    administration: Administration,
    nodes: NodeUses,
    health: Callable[[], Awaitable[Health]],
    snapshot: Callable[[], Awaitable[Snapshot]],
    counts: RequestCounts,
    closing: Closing,
    contract: Callable[[], Contract],
    provenance: Provenance,
    stream_limits: StreamLimits = StreamLimits(),  # noqa: B008
) -> Litestar:
    """The API under /api/v1. Whatever is raised becomes a problem.

    Only health, metrics and the published contract need no name.
    """
    door = Door(authenticator, NATIVE)
    guarded = (
        Commands(scheduler, ids),
        SubtaskCommands(scheduler, ids),
        Questions(scheduler, queries, door, closing, stream_limits, ids.new),
        Listings(listing, queries, provenance),
        Subtasks(queries, SubtaskQueries(queries, listing)),
        Administrations(administration),
        Nodes(nodes),
    )
    routes = [route for part in guarded for route in part.routes()]
    open_to_all = [
        *health_routes(health),
        *metrics_routes(snapshot, counts),
        *Schemas(contract).routes(),
    ]
    return application(routes, open_to_all, door, ids)


def application(
    guarded: list[HTTPRouteHandler], open_to_all: list[HTTPRouteHandler], door: Door, ids: Ids
) -> Litestar:
    """Routes with a door before them, and others without; each path also tells its methods."""
    handler = exception_handler(ids.new)
    named, unnamed = (options(x for x in OPERATIONS if x.named is need) for need in (True, False))
    return Litestar(
        route_handlers=[
            Router(API, route_handlers=[*named, *guarded], guards=[door.guard]),
            Router(API, route_handlers=[*unnamed, *open_to_all]),
        ],
        exception_handlers={Exception: handler, HTTPException: handler},
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )
