"""Whether the service lives and whether it can take work. Asked without authentication."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from adapters.http.answers import json_answer


class HealthStatus(StrEnum):
    """``degraded``: commands are taken, but something needs a person."""

    READY = "ready"
    DEGRADED = "degraded"
    NOT_READY = "not_ready"


class Health(Struct, frozen=True):
    """How the service is. ``reasons``: sentences, empty when ready. ``position``: of the stream."""

    status: HealthStatus
    reasons: tuple[str, ...] = ()
    position: int = 0


class Live(Struct, frozen=True):
    """The process answers."""

    status: str = "live"


UNREADY_STATUS: Final = 503


def health_routes(health: Callable[[], Awaitable[Health]]) -> list[HTTPRouteHandler]:
    """``/health/live`` and ``/health/ready``."""

    async def live() -> Response[bytes]:
        return json_answer(Live())

    async def ready() -> Response[bytes]:
        now = await health()
        status = UNREADY_STATUS if now.status is HealthStatus.NOT_READY else 200
        return json_answer(now, status=status, position=now.position)

    return [get("/health/live")(live), get("/health/ready")(ready)]
