"""A request as every face of the web sees it."""

import math
from typing import Any, Final, TypeAlias

from litestar import Request
from litestar.datastructures import Headers
from litestar.exceptions import InternalServerException

from domain.errors import CountermandError

WebRequest: TypeAlias = Request[Any, Any, Any]
DIGITS_MAX: Final = 100
"""More than any number here has. Reading one takes a time that grows with their square."""


class Malformed(CountermandError):
    """The request itself cannot be understood. Not history."""

    code = "malformed"


async def whole_body(request: WebRequest) -> bytes:
    """The bytes of the body. ``Malformed`` when the client left in the middle of it."""
    try:
        return await request.body()
    except InternalServerException:  # which the framework makes of that, and of nothing else
        raise Malformed("the body was cut short") from None


def only(headers: Headers, name: str) -> str | None:
    """The header of this name, None without one. ``Malformed`` when there are several: which of
    them was meant, nobody can tell, and another machine on the way may have read the other."""
    given: list[str] = headers.getall(name, [])
    if len(given) > 1:
        raise Malformed(f"there are {len(given)} {name} headers; send one")
    return given[0] if given else None


def whole_number(text: str) -> int:
    """A whole number of a JSON body; ``Malformed`` for more than ``DIGITS_MAX`` digits."""
    digits = len(text.lstrip("-"))
    if digits > DIGITS_MAX:
        raise Malformed(f"a number in the body has {digits} digits; at most {DIGITS_MAX} are read")
    return int(text)


def real_number(text: str) -> float:
    """Any other number of a JSON body; ``Malformed`` for one that is beyond all that are read."""
    value = float(text)
    if not math.isfinite(value):
        raise Malformed("a number in the body is too large; at most 1.7e308 is read")
    return value
