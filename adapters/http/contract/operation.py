"""One operation of the API: its place, what it takes, and everything it may answer."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from litestar import Response, get, patch, post, put
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from adapters.http.contract.fields import Field

PATH_PART: Final = re.compile(r"\{(\w+)\}")
METHODS: Final[dict[str, Callable[..., Any]]] = {
    "GET": get,
    "POST": post,
    "PUT": put,
    "PATCH": patch,
}
JSON: Final = "application/json"
OPEN_TO_ALL: Final = "open_to_all"
"""What is noted of a route that needs no known identity."""


class Parameter(Struct, frozen=True):
    """A parameter. ``many``: it may be given several times, and any of its values counts.

    ``example``: for the contract, where a value cannot be made from the schema alone.
    """

    name: str
    field: Field
    description: str
    where: str = "query"
    many: bool = False
    example: str = ""


class Reply(Struct, frozen=True):
    """An answer that is no problem. ``body``: a Struct for JSON; None for another media type.

    ``headers``: the names of headers that it has, all of them described in ``HEADERS``. ``job``:
    whether it names a job (``job_id``), with which every operation on a job can go on.
    """

    status: int
    description: str
    body: type[Struct] | None = None
    media_type: str = JSON
    headers: tuple[str, ...] = ()
    empty: bool = False
    job: bool = False


class Operation(Struct, frozen=True):
    """``id``: a name for clients that are made from the contract. ``path``: below /api/v1.

    ``problems``: statuses of problem details beside those that every operation may answer.
    ``named``: whether it needs a known identity.
    """

    id: str
    method: str
    path: str
    tag: str
    summary: str
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: type[Struct] | None = None
    replies: tuple[Reply, ...] = ()
    problems: tuple[int, ...] = ()
    named: bool = True

    def of(self, where: str) -> tuple[Parameter, ...]:
        """The parameters of one place: query, header or path."""
        return tuple(p for p in self.parameters if p.where == where)


class Place(Struct, frozen=True):
    """Where an operation is. ``path``: as the framework spells it."""

    method: str
    path: str
    open_to_all: bool


def route(operation: Operation, handler: Callable[..., Any]) -> HTTPRouteHandler:
    """The route of an operation."""
    path = PATH_PART.sub(r"{\1:str}", operation.path)
    return placed(Place(operation.method, path, not operation.named), handler)


def placed(place: Place, handler: Callable[..., Any]) -> HTTPRouteHandler:
    """The route of a place."""
    noted = {OPEN_TO_ALL: place.open_to_all}
    made: HTTPRouteHandler = METHODS[place.method](place.path, opt=noted)(handler)
    return made


def place_of(route: HTTPRouteHandler) -> Place:
    """Where a route of one method and one path is."""
    (method,), (path,) = route.http_methods, route.paths
    return Place(method, path, bool(route.opt[OPEN_TO_ALL]))


def options(operations: Iterable[Operation]) -> list[HTTPRouteHandler]:
    """A route for each path that says its methods; the framework's own leaves some of them out, and
    is there unless this is there first."""
    methods: dict[tuple[str, bool], list[str]] = {}
    for operation in operations:
        place = operation.path, operation.named
        methods.setdefault(place, ["OPTIONS"]).append(operation.method)
    return [telling(*place, ", ".join(found)) for place, found in methods.items()]


def telling(path: str, named: bool, methods: str) -> HTTPRouteHandler:
    """The route of one path."""

    async def told() -> Response[None]:
        return Response(None, status_code=204, headers={"Allow": methods})

    pattern = PATH_PART.sub(r"{\1:str}", path)
    noted = {OPEN_TO_ALL: not named}
    made: HTTPRouteHandler = HTTPRouteHandler(pattern, http_method="OPTIONS", opt=noted)(told)
    return made
