"""Whether the service lives and whether it can take work. Asked without authentication."""

from enum import StrEnum

from msgspec import Struct

from adapters.http.bodies.shapes import PositionNumber


class HealthStatus(StrEnum):
    """``degraded``: commands are taken, but a person is needed; ``not_ready``: none is taken."""

    READY = "ready"
    DEGRADED = "degraded"
    NOT_READY = "not_ready"


class Health(Struct, frozen=True):
    """How the service is. ``reasons``: sentences, empty when ready. ``position``: of the stream."""

    status: HealthStatus
    reasons: tuple[str, ...] = ()
    position: PositionNumber = 0


class Live(Struct, frozen=True):
    """The process answers."""

    status: str = "live"
