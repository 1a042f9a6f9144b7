"""Guessing is slow: after some wrong secrets for one name the next ones are not even looked at."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from domain.errors import Throttled

BURST: Final = 10.0
PER_SECOND: Final = 1 / 3
NAMES_MAX: Final = 10_000


class Attempts:
    """A token bucket a name: 10 failures at once, then one every three seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def check(self, what: str) -> None:
        """Pass, or raise ``Throttled``."""
        left = self._now(what)
        if left < 1:
            raise Throttled(
                "too many wrong tokens or passwords were sent for this name",
                (1 - left) / PER_SECOND,
            )

    def failed(self, what: str) -> None:
        """Count one."""
        left = self._now(what)
        self._left.pop(what, None)
        self._left[what] = (max(0.0, left - 1), self._monotonic())
        while len(self._left) > NAMES_MAX:
            self._left.popitem(last=False)

    def _now(self, what: str) -> float:
        now = self._monotonic()
        left, at = self._left.get(what, (BURST, now))
        return min(BURST, left + (now - at) * PER_SECOND)
