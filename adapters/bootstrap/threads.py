"""How the threads of the service take turns on the one core that Python uses."""

import sys
from typing import Final

TURN_SECONDS: Final = 0.0005
"""Python's own is 5 ms: so long each step of a request would wait for a thread that folds views."""


def take_short_turns() -> None:
    """Who only computes gives way to who has something to answer within half a millisecond."""
    sys.setswitchinterval(TURN_SECONDS)
