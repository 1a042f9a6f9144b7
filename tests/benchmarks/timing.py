"""Times of single acts, for benchmarks that meet a service from outside."""

import time
from collections.abc import Callable
from typing import TypeVar

from tests.benchmarks.figures import Figure

T = TypeVar("T")


def timed(act: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what came of it."""
    began = time.perf_counter()
    done = act()
    return time.perf_counter() - began, done


def milliseconds(name: str, *seconds: float) -> Figure:
    """A figure of times."""
    return Figure(name, "ms", tuple(x * 1000 for x in seconds))
