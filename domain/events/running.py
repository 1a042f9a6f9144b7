"""Runs that start, and end by themselves."""

from msgspec import Struct

from domain.events.parts import Exit, RunHandle, RunRange


class JobStarted(Struct, frozen=True):
    """The first node was allocated: Running."""

    nodes: tuple[str, ...]


class TaskStarted(Struct, frozen=True):
    """A keeper for the run exists and waits for the word to go: Running. Nothing ran before."""

    runs: tuple[RunRange, ...]
    handle: RunHandle


class TaskFinished(Struct, frozen=True):
    """The run ended by itself with exit code 0."""

    runs: tuple[RunRange, ...]
    exit: Exit
    code: str = ""
    reason: str = ""


class TaskFailed(Struct, frozen=True):
    """The run ended without an order to stop, and not well. ``code`` is a stable word.

    ``killed`` and ``survivors``: processes that the engine killed on its own account, as on
    TaskForceStopped.
    """

    runs: tuple[RunRange, ...]
    exit: Exit
    code: str
    reason: str
    killed: int = 0
    survivors: int = 0
