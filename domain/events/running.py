"""Runs that start, and end by themselves."""

from msgspec import Struct

from domain.events.parts import Exit, RunHandle, RunRange


class JobStarted(Struct, frozen=True):
    """The first node was allocated: Running. ``nodes``: the names of the nodes.

    ``runtime_seconds``: how long it may run from now on; 0 for no limit.
    ``filter``: the activation filter that was asked before, "" for none. ``filter_outcome``:
    ``passed``, or ``timed_out`` where it gave no answer in time, which starts a job too.
    """

    nodes: tuple[str, ...]
    runtime_seconds: int = 0
    filter: str = ""
    filter_outcome: str = ""


class TaskStarted(Struct, frozen=True):
    """A keeper for the run exists and waits for the word to go: Running. Nothing ran before."""

    runs: tuple[RunRange, ...]
    handle: RunHandle


class TaskFinished(Struct, frozen=True):
    """The run ended by itself with exit code 0. ``code`` and ``reason``: "", nothing to explain.

    ``runs_again``: whether it waits again, Queued: an instance of a service, which is replaced.
    """

    runs: tuple[RunRange, ...]
    exit: Exit
    code: str = ""
    reason: str = ""
    runs_again: bool = False


class TaskFailed(Struct, frozen=True):
    """The run ended without an order to stop, and not well, or it could not be started at all.

    ``code``: why, as a stable word: ``task_failure``, ``run_lost``, ``stopped_by_engine``, or the
    engine's word for a run that it cannot start.
    ``killed``: how many processes the engine sent SIGKILL on its own account.
    ``runs_again``: whether the task waits again, Queued, for its next attempt.
    """

    runs: tuple[RunRange, ...]
    exit: Exit
    code: str
    reason: str
    killed: int = 0
    survivors: int = 0
    runs_again: bool = False
