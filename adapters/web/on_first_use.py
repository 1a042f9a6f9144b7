"""Applications that are made when somebody first asks them for something."""

from collections.abc import Callable
from functools import cached_property
from typing import Generic, TypeVar

from litestar.types import HTTPScope, Receive, Send

from adapters.web.built_once import BuiltOnce

B = TypeVar("B")


class OnFirstUse(Generic[B]):
    """Making one takes some 50 ms, and most services never use HPC Pack's faces.

    ``make`` must not fail: what it makes is tested, and the same in every service.
    """

    def __init__(self, make: Callable[[], BuiltOnce[B]]) -> None:
        self._make = make

    @cached_property
    def app(self) -> BuiltOnce[B]:
        """The application itself."""
        return self._make()

    async def __call__(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        await self.app(scope, receive, send)
