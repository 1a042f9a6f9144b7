"""Health over HTTP. Asked without authentication."""

from collections.abc import Awaitable, Callable
from typing import Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler

from adapters.http.answers import json_answer
from adapters.http.bodies.health import Health, HealthStatus, Live
from adapters.http.contract import service as op
from adapters.http.contract.operation import route
from adapters.web.requests import WebRequest

UNREADY_STATUS: Final = 503


def health_routes(health: Callable[[], Awaitable[Health]]) -> list[HTTPRouteHandler]:
    """``/health/live`` and ``/health/ready``."""

    async def live(_: WebRequest) -> Response[bytes]:
        return json_answer(Live())

    async def ready(_: WebRequest) -> Response[bytes]:
        now = await health()
        status = UNREADY_STATUS if now.status is HealthStatus.NOT_READY else 200
        return json_answer(now, status=status, position=now.position)

    return [route(op.LIVE, live), route(op.READY, ready)]
