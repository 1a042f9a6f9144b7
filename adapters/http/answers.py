"""How answers are made: a body as JSON, and the position it is true for."""

from typing import Final

import msgspec
from litestar import Response

POSITION: Final = "Countermand-Position"


def json_answer(
    content: object,
    status: int = 200,
    position: int | None = None,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """``content`` as JSON; ``position`` goes into the header ``Countermand-Position``."""
    told = dict(headers or {})
    if position is not None:
        told[POSITION] = str(position)
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, media_type="application/json", headers=told)
