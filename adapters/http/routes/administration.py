"""Upkeep over HTTP: the views and their rebuilding, and who may act."""

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from adapters.http.answers import json_answer
from adapters.http.bodies.administration import PrincipalsBody, principal_item, projections_body
from adapters.http.bodies.commands import NothingBody
from adapters.http.contract import service as op
from adapters.http.contract.operation import route
from adapters.http.reading.requests import Query
from adapters.http.routes.commands import said
from adapters.web.authentication import caller_of
from adapters.web.requests import WebRequest
from application.administration import Administration


class Administrations:
    """One method a question or command."""

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [
            route(op.PROJECTIONS, self.projections),
            route(op.REBUILD, self.rebuild),
            route(op.PRINCIPALS, self.principals),
        ]

    async def projections(self, request: WebRequest) -> Response[bytes]:
        """How the views are."""
        Query(request, op.PROJECTIONS)
        body = projections_body(self._administration.views(caller_of(request)))
        return json_answer(body, position=body.position)

    async def rebuild(self, request: WebRequest) -> Response[bytes]:
        """Begin to build the views anew: 202, and GET /projections tells how it goes."""
        await said(request, op.REBUILD, NothingBody)
        await self._administration.rebuild(caller_of(request))
        return json_answer(projections_body(self._administration.views(caller_of(request))), 202)

    async def principals(self, request: WebRequest) -> Response[bytes]:
        """Who may act."""
        Query(request, op.PRINCIPALS)
        known = await self._administration.principals(caller_of(request))
        return json_answer(PrincipalsBody(tuple(map(principal_item, known))))
