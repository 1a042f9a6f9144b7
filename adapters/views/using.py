"""Who uses what is to be closed: they may go on a little, and nobody comes after them."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from domain.errors import Unavailable

PATIENCE_SECONDS: Final = 1.0
"""How long who reads may go on when the views are to be closed."""


class Users:
    """Those who use something now, from any thread."""

    def __init__(self) -> None:
        self._count = 0
        self._interrupts = set[Callable[[], object]]()
        self._retired = False
        self._left = threading.Condition()

    @contextmanager
    def using(self) -> Iterator[None]:
        """One more. Raises ``Unavailable`` when it is to be closed."""
        with self._left:
            self.check()
            self._count += 1
        try:
            yield
        finally:
            with self._left:
                self._count -= 1
                self._left.notify_all()

    @contextmanager
    def interruptible(self, interrupt: Callable[[], object]) -> Iterator[None]:
        """What ends it, when it takes long while others wait for its end."""
        self._interrupts.add(interrupt)
        try:
            yield
        finally:
            self._interrupts.discard(interrupt)

    def check(self) -> None:
        """Pass, or raise ``Unavailable``: it is closed."""
        if self._retired:
            raise Unavailable("these views are closed: others took their place")

    def retire(self) -> None:
        """Return when nobody uses it any more; who takes long is interrupted. Idempotent."""
        with self._left:
            self._retired = True
            while not self._left.wait_for(lambda: self._count == 0, PATIENCE_SECONDS):
                for interrupt in tuple(self._interrupts):
                    interrupt()
