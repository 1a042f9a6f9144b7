"""Python's garbage collector of cycles, in a process that holds many states or reads many facts."""

import gc
from typing import Final

THRESHOLDS: Final = (50_000, 20, 20)
"""Python's own are made for small programs: 700 new objects, and every look at the old ones goes
through all jobs in memory while requests wait."""


def relax_collector() -> None:
    """Leave alone what is there now (the code), and look for cycles among the rest seldom.

    Facts and states are frozen and have no cycles: they go when nobody holds them, as before.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
