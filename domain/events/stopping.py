"""Carrying a stop out: orders, ends, node release."""

from msgspec import Struct

from domain.events.parts import Exit, RunHandle, RunRange
from domain.states import ForceReason, StopCause, StopStep, TaskState


class TaskStopOrdered(Struct, frozen=True):
    """Written before the act. ``step`` signal: ``signal``, then SIGKILL after ``grace_ms``."""

    request_id: str
    cause: StopCause
    step: StopStep
    signal: int
    grace_ms: int
    runs: tuple[RunRange, ...]


class TaskStopped(Struct, frozen=True):
    """The run ended within its grace period; ``after_ms`` from the signal to the end."""

    request_id: str
    cause: StopCause
    runs: tuple[RunRange, ...]
    exit: Exit
    after_ms: int
    outcome: TaskState


class TaskForceStopped(Struct, frozen=True):
    """The run was killed. ``killed``: processes sent SIGKILL; ``survivors``: those still there."""

    request_id: str
    cause: StopCause
    why: ForceReason
    runs: tuple[RunRange, ...]
    exit: Exit
    after_ms: int
    killed: int
    survivors: int
    outcome: TaskState


class TaskSurvivorsGone(Struct, frozen=True):
    """Processes that outlived a kill have ended."""

    runs: tuple[RunRange, ...]


class TaskCanceled(Struct, frozen=True):
    """Tasks canceled explicitly before they ran: the end of that request."""

    request_id: str
    tasks: str


class NodeReleaseStarted(Struct, frozen=True):
    """The node release task has a keeper on ``node`` that waits for the word to go."""

    node: str
    runs: tuple[RunRange, ...]
    handle: RunHandle


class NodeReleaseEnded(Struct, frozen=True):
    """The node release task ended; ``timed_out``: NodeReleaseTaskTimeout ran out, it was killed.

    ``request_id``: the forced cancel that cut it short, or "".
    """

    node: str
    runs: tuple[RunRange, ...]
    exit: Exit
    timed_out: bool
    reason: str = ""
    killed: int = 0
    survivors: int = 0
    request_id: str = ""


class NodeReleaseSkipped(Struct, frozen=True):
    """The node release task was not run, and why (a stable word)."""

    node: str
    reason: str


class JobCanceled(Struct, frozen=True):
    """The cancel was carried out to its end: Canceled.

    ``request_id``: the request in force at the end, ``request_version`` the version of its event.
    ``lasted_ms`` from the first accepted request.
    ``stopped`` and ``force_stopped``: runs that the job's cancel ended (a cancel of single tasks
    does not count); ``released``: whether node release ran.
    """

    request_id: str
    lasted_ms: int
    stopped: int
    force_stopped: int
    released: bool
    request_version: int = 0
