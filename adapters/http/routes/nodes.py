"""Nodes over HTTP: their slots, and how many of them are in use."""

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from adapters.http.answers import json_answer
from adapters.http.bodies.nodes import nodes_body
from adapters.http.contract import service as op
from adapters.http.contract.operation import route
from adapters.http.reading.requests import Query
from adapters.web.authentication import caller_of
from adapters.web.requests import WebRequest
from application.node_use import NodeUses


class Nodes:
    """One method a question."""

    def __init__(self, uses: NodeUses) -> None:
        self._uses = uses

    def routes(self) -> list[HTTPRouteHandler]:
        """The routes under /api/v1."""
        return [route(op.NODES, self.nodes)]

    async def nodes(self, request: WebRequest) -> Response[bytes]:
        """Every node, and what is on it."""
        Query(request, op.NODES)
        seen = self._uses.seen(caller_of(request))
        return json_answer(nodes_body(seen), position=seen.position)
