"""The web application, put together from what the composition root hands in."""

from collections.abc import Awaitable, Callable

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.types import Guard

from adapters.http.bodies.health import Health
from adapters.http.bodies.shapes import API
from adapters.http.contract.document import OPERATIONS
from adapters.http.contract.operation import OPEN_TO_ALL, options
from adapters.http.problem import exception_handler
from adapters.http.reading.face import NATIVE
from adapters.http.reading.requests import BODY_BYTES_MAX
from adapters.http.routes.administration import Administrations
from adapters.http.routes.bulk import BulkCommands
from adapters.http.routes.commands import Commands
from adapters.http.routes.health import health_routes
from adapters.http.routes.listings import Listings, Provenance
from adapters.http.routes.metrics import Snapshot, metrics_routes
from adapters.http.routes.nodes import Nodes
from adapters.http.routes.questions import Questions
from adapters.http.routes.schemas import Contract, Schemas
from adapters.http.routes.subtask_commands import SubtaskCommands
from adapters.http.routes.subtasks import Subtasks
from adapters.http.routes.waiting import Waiting
from adapters.http.streams.sse import StreamLimits
from adapters.web.authentication import Authenticator, Connection, Door
from adapters.web.closing import Closing
from adapters.web.request_log import RequestCounts
from application.administration import Administration
from application.bulk_cancel import BulkCancels
from application.listing import Listing
from application.node_use import NodeUses
from application.pending import PendingCancels
from application.ports import Ids
from application.queries import Queries
from application.reviews import Reviews
from application.scheduler import Scheduler
from application.subtasks import SubtaskQueries


def create_app(
    *,
    scheduler: Scheduler,
    bulk: BulkCancels,
    queries: Queries,
    authenticator: Authenticator,
    ids: Ids,
    listing: Listing,
    administration: Administration,
    nodes: NodeUses,
    pending: PendingCancels,
    reviews: Reviews,
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
    parts = (
        Commands(scheduler, ids),
        BulkCommands(bulk, ids),
        Waiting(scheduler, pending, reviews, ids),
        SubtaskCommands(scheduler, ids),
        Questions(scheduler, queries, door, closing, stream_limits, ids.new),
        Listings(listing, queries, provenance),
        Subtasks(queries, SubtaskQueries(queries, listing)),
        Administrations(administration),
        Nodes(nodes),
        Schemas(contract),
    )
    routes = [route for part in parts for route in part.routes()]
    routes += [*health_routes(health), *metrics_routes(snapshot, counts)]
    return application(routes, door, ids)


def application(routes: list[HTTPRouteHandler], door: Door, ids: Ids) -> Litestar:
    """Routes with a door before those that need a name; each path also tells its methods.

    All of them right below the application: of a router in between the framework makes a deep copy,
    which takes longer than all the rest of a start.
    """
    handler = exception_handler(ids.new)
    return Litestar(
        path=API,
        route_handlers=[*options(OPERATIONS), *routes],
        guards=[where_named(door)],
        exception_handlers={Exception: handler, HTTPException: handler},
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )


def where_named(door: Door) -> Guard:
    """The door, before every route but those that are noted as open to all."""

    async def guard(connection: Connection, route: BaseRouteHandler) -> None:
        if not route.opt.get(OPEN_TO_ALL, False):
            await door.guard(connection, route)

    return guard
