"""The web application, put together from what the composition root hands in."""

from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from typing import Any, Final, TypeAlias

from litestar import Litestar, Response
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.response.base import ASGIResponse
from msgspec import Struct

from adapters.http.bodies.health import Health
from adapters.http.bodies.shapes import API
from adapters.http.contract.document import OPERATIONS
from adapters.http.contract.operation import OPEN_TO_ALL, Place, options, place_of, placed
from adapters.http.problem import answer_to
from adapters.http.reading.face import NATIVE
from adapters.http.reading.requests import BODY_BYTES_MAX
from adapters.http.routes.administration import Administrations
from adapters.http.routes.bulk import BulkCommands
from adapters.http.routes.commands import Commands
from adapters.http.routes.emergency import EmergencyCommands
from adapters.http.routes.health import health_routes
from adapters.http.routes.listings import Listings, Provenance
from adapters.http.routes.metrics import Snapshot, metrics_routes
from adapters.http.routes.nodes import Nodes
from adapters.http.routes.policy import Policies, PolicyUses
from adapters.http.routes.questions import Questions
from adapters.http.routes.schemas import Contract, Schemas
from adapters.http.routes.subtask_commands import SubtaskCommands
from adapters.http.routes.subtasks import Subtasks
from adapters.http.routes.waiting import Waiting
from adapters.http.streams.sse import StreamLimits
from adapters.web.authentication import Authenticator, Connection, Door
from adapters.web.built_once import BEHIND, BuiltOnce
from adapters.web.closing import Closing
from adapters.web.framework import PlainLitestar
from adapters.web.request_log import RequestCounts
from adapters.web.requests import WebRequest
from application.administration import Administration
from application.bulk_cancel import BulkCancels
from application.emergency import EmergencyStops
from application.listing import Listing
from application.node_use import NodeUses
from application.pending import PendingCancels
from application.ports import Ids
from application.queries import Queries
from application.reviews import Reviews
from application.scheduler import Scheduler
from application.subtasks import SubtaskQueries

FRAMEWORKS_MAX: Final = 4
Work: TypeAlias = Callable[..., Awaitable[Response[Any] | ASGIResponse]]


class Behind(Struct, frozen=True):
    """Who answers. ``works``: what is done at each place."""

    works: Mapping[Place, Work]
    door: Door
    new_id: Callable[[], str]


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
    emergency: EmergencyStops,
    policy: PolicyUses,
    pending: PendingCancels,
    reviews: Reviews,
    health: Callable[[], Awaitable[Health]],
    snapshot: Callable[[], Awaitable[Snapshot]],
    counts: RequestCounts,
    closing: Closing,
    contract: Callable[[], Contract],
    provenance: Provenance,
    stream_limits: StreamLimits = StreamLimits(),  # noqa: B008
) -> BuiltOnce[Behind]:
    """The API under /api/v1. Whatever is raised becomes a problem.

    Only health, metrics and the published contract need no name.
    """
    door = Door(authenticator, NATIVE)
    parts = (
        Commands(scheduler, ids),
        BulkCommands(bulk, ids),
        Waiting(scheduler, pending, reviews, ids),
        SubtaskCommands(scheduler, ids),
        EmergencyCommands(emergency),
        Questions(scheduler, queries, door, closing, stream_limits, ids.new),
        Listings(listing, queries, provenance),
        Subtasks(queries, SubtaskQueries(queries, listing)),
        Administrations(administration),
        Nodes(nodes),
        Policies(policy, authenticator.named, ids),
        Schemas(contract),
    )
    routes = [route for part in parts for route in part.routes()]
    routes += [*health_routes(health), *metrics_routes(snapshot, counts)]
    works: dict[Place, Work] = {place_of(route): route.fn for route in routes}
    return BuiltOnce(framework(tuple(works)), Behind(works, door, ids.new))


@lru_cache(FRAMEWORKS_MAX)
def framework(places: tuple[Place, ...]) -> Litestar:
    """Places with a door before those that need a name; each path also tells its methods.

    All of them right below the application: of a router in between the framework makes a deep copy,
    which takes longer than all the rest of a start.
    """
    return PlainLitestar(
        path=API,
        route_handlers=[*options(OPERATIONS), *(handler(place) for place in places)],
        guards=[guard],
        exception_handlers={Exception: problem, HTTPException: problem},
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )


def handler(place: Place) -> HTTPRouteHandler:
    """Has that done which is done at a place."""

    async def answer(request: WebRequest) -> Response[Any]:
        found = await behind(request).works[place](request, **request.path_params)
        return found if isinstance(found, Response) else Ready(found)

    return placed(place, answer)


class Ready(Response[None]):
    """An answer that serves its client itself, as the framework wants to be given one."""

    def __init__(self, app: ASGIResponse) -> None:
        super().__init__(None)
        self._app = app

    def to_asgi_response(self, *_: object, **__: object) -> ASGIResponse:
        """The answer itself."""
        return self._app


async def guard(connection: Connection, route: BaseRouteHandler) -> None:
    """The door, before every route but those that are noted as open to all."""
    if not route.opt.get(OPEN_TO_ALL, False):
        await behind(connection).door.guard(connection, route)


def problem(request: WebRequest, error: Exception) -> Response[bytes]:
    """The one handler for everything that is raised."""
    return answer_to(error, behind(request).new_id)


def behind(connection: Connection) -> Behind:
    """Who answers this request."""
    found = connection.scope["state"][BEHIND]
    assert isinstance(found, Behind), "what is built once has put it there"
    return found
