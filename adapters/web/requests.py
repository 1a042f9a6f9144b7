"""A request as every face of the web sees it."""

from typing import Any, TypeAlias

from litestar import Request

from domain.errors import CountermandError

WebRequest: TypeAlias = Request[Any, Any, Any]


class Malformed(CountermandError):
    """The request itself cannot be understood. Not history."""

    code = "malformed"
