"""Applications of the framework that are built once a process, for whoever stands behind them.

To build one takes 50 to 100 ms, and nothing in it depends on what the composition root hands in. So
each request carries those who answer it.
"""

from typing import Final, Generic, TypeVar

from litestar import Litestar
from litestar.types import HTTPScope, Receive, Send

BEHIND: Final = "behind"
"""Under this name a request's state holds who answers it."""

B = TypeVar("B")


class BuiltOnce(Generic[B]):
    """The application ``app``, with ``behind`` in every request's state."""

    def __init__(self, app: Litestar, behind: B) -> None:
        self.app = app
        self.behind = behind

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        scope["state"][BEHIND] = self.behind
        await self.app(scope, receive, send)
