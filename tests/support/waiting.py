"""Waiting for conditions, each with a deadline that fails the test."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

PATIENCE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.02
LOOK_SECONDS_MAX: Final = 0.05
"""After a second: a look is often a request to a service, and costs both some milliseconds."""
LOOKS_A_TIME: Final = 20
"""So many in the time that was waited: nothing is seen much later than it came true."""
DEADLINE_SECONDS: Final = 10.0
OFTEN_SECONDS: Final = 0.005

T = TypeVar("T")


def until(look: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """What ``look`` gives as soon as it is something; fails the test after ``seconds``.

    It looks often at first, and less often the longer it takes.
    """
    began = time.monotonic()
    while True:
        found = look()
        if found:
            return found
        waited = time.monotonic() - began
        assert waited < seconds, f"{what} did not come true in {seconds:.0f} s"
        time.sleep(min(max(LOOK_SECONDS, waited / LOOKS_A_TIME), LOOK_SECONDS_MAX))


@contextmanager
def again_and_again(step: Callable[[], object], pause_seconds: float = 0.0) -> Iterator[None]:
    """A step in a thread of its own, with pauses, until the block is over."""
    over = threading.Event()

    def steps() -> None:
        while not over.wait(pause_seconds):
            step()

    thread = threading.Thread(target=steps)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


async def eventually(
    condition: Callable[[], object],
    what: str = "the condition",
    seconds: float = DEADLINE_SECONDS,
    look_seconds: float = OFTEN_SECONDS,
) -> None:
    """Return as soon as ``condition`` holds; fail the test after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        await asyncio.sleep(look_seconds)
