"""Directories that are made once in a run of the tests, whichever of its workers is first."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

VARIABLE: Final = "COUNTERMAND_TESTS_SHELF"
"""The environment's name for the directory that all workers of a run share."""


def share(own: Path) -> None:
    """Say once where this process keeps what it makes: beside ``own``, the directory of one worker
    of several, or in it."""
    shelf = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    os.environ[VARIABLE] = str(shelf / "made-once")


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The directory of this name, which is only read. Where it is not there yet, ``make`` makes it,
    while all others who want it wait; one that could not be made whole is not kept."""
    shelf = Path(os.environ[VARIABLE])
    shelf.mkdir(exist_ok=True)
    found = shelf / name
    with (shelf / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not found.exists():
            half = shelf / f"{name}.{os.getpid()}"
            make(half)
            half.rename(found)
    return found
