"""How many refused requests a principal may leave in the history: the rest are turned away.

A refusal is a stored event, so without a limit anybody who may ask could fill the store and slow a
cancel down.
"""

from collections import OrderedDict
from datetime import datetime
from typing import Final

from domain.errors import Throttled

PRINCIPALS_MAX: Final = 10_000


class RefusalLimit:
    """A token bucket a principal: ``burst`` at once, refilled with ``per_minute``."""

    def __init__(self, per_minute: int, burst: int) -> None:
        self._per_second = per_minute / 60
        self._burst = float(burst)
        self._left: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def take(self, principal: str, now: datetime) -> None:
        """Count one refusal. Raises ``Throttled`` with the seconds until the next is allowed."""
        left, at = self._left.pop(principal, (self._burst, now))
        elapsed = max(0.0, (now - at).total_seconds())
        left = min(self._burst, left + elapsed * self._per_second)
        allowed = left >= 1
        self._left[principal] = (left - 1 if allowed else left, now)
        while len(self._left) > PRINCIPALS_MAX:
            self._left.popitem(last=False)
        if not allowed:
            raise Throttled(
                f"{principal} had too many requests refused; wait before the next one",
                retry_after_seconds=(1 - left) / self._per_second,
            )
