"""A request as every face of the web sees it."""

from typing import Any, TypeAlias

from litestar import Request
from litestar.exceptions import InternalServerException

from domain.errors import CountermandError

WebRequest: TypeAlias = Request[Any, Any, Any]


class Malformed(CountermandError):
    """The request itself cannot be understood. Not history."""

    code = "malformed"


async def whole_body(request: WebRequest) -> bytes:
    """The bytes of the body. ``Malformed`` when the client left in the middle of it."""
    try:
        return await request.body()
    except InternalServerException:  # which the framework makes of that, and of nothing else
        raise Malformed("the body was cut short") from None
