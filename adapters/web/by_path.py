"""Several applications on the same sockets, told apart by the first part of the path."""

from collections.abc import Mapping
from typing import Any

from litestar.types import HTTPScope, Receive, Send


class ByPath:
    """Passes a request on. ``others``: by first part of the path in lower case, such as "hpc"."""

    def __init__(self, app: Any, others: Mapping[str, Any]) -> None:
        self._app = app
        self._others = others

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """To one of the others, or else to the application."""
        first = scope["path"].lstrip("/").partition("/")[0].lower()
        await self._others.get(first, self._app)(scope, receive, send)
