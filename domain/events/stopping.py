"""Carrying a stop out: orders, ends, node release."""

from msgspec import Struct

from domain.events.parts import Exit, RunHandle, RunRange, SubtaskSet
from domain.states import ForceReason, StopCause, StopStep, TaskState


class TaskStopOrdered(Struct, frozen=True):
    """An order to stop runs, written before the act.

    ``step``: a signal and then SIGKILL, or SIGKILL at once. ``signal``: the number of the first
    signal. ``grace_ms``: milliseconds from that signal to SIGKILL; 0 for SIGKILL at once.
    """

    request_id: str
    cause: StopCause
    step: StopStep
    signal: int
    grace_ms: int
    runs: tuple[RunRange, ...]


class TaskStopped(Struct, frozen=True):
    """The run ended within its grace period. ``after_ms``: milliseconds from signal to end.

    ``outcome``: Failed, or Finished when a finish stopped it.
    ``runs_again``: whether it waits again, Queued: an instance of a service, which is replaced.
    """

    request_id: str
    cause: StopCause
    runs: tuple[RunRange, ...]
    exit: Exit
    after_ms: int
    outcome: TaskState
    runs_again: bool = False


class TaskForceStopped(Struct, frozen=True):
    """The run was killed. ``killed``: processes sent SIGKILL; ``survivors``: those still there.

    ``why``: by force from the start, or because the grace period ran out. ``outcome``: as in
    TaskStopped.
    ``runs_again``: as in TaskStopped.
    """

    request_id: str
    cause: StopCause
    why: ForceReason
    runs: tuple[RunRange, ...]
    exit: Exit
    after_ms: int
    killed: int
    survivors: int
    outcome: TaskState
    runs_again: bool = False


class TaskSurvivorsGone(Struct, frozen=True):
    """Processes that outlived a kill have ended."""

    runs: tuple[RunRange, ...]


class TaskCanceled(Struct, frozen=True):
    """Tasks canceled explicitly before they ran: the end of that request.

    ``tasks``: their numbers as ranges, such as "1-3,7".
    ``subtasks``: which subtasks, of those tasks of which it is only some.
    """

    request_id: str
    tasks: str
    subtasks: tuple[SubtaskSet, ...] = ()


class NodeReleaseStarted(Struct, frozen=True):
    """The node release task has a keeper that waits for the word to go. Nothing ran before."""

    node: str
    runs: tuple[RunRange, ...]
    handle: RunHandle


class NodeReleaseEnded(Struct, frozen=True):
    """The node release task ended. ``timed_out``: NodeReleaseTaskTimeout ran out, it was killed.

    ``request_id``: the forced cancel that cut it short, or "".
    ``reason``: why it ended early or was not run, or "".
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
    """The node release task was not run. ``reason``: why, as a stable word: ``forced``."""

    node: str
    reason: str


class JobCanceled(Struct, frozen=True):
    """The cancel was carried out to its end: Canceled.

    ``request_id``: the request in force at the end. ``request_version``: the version of its event.
    ``lasted_ms``: milliseconds since the first accepted request.
    ``stopped``: runs that the job's cancel ended within their grace period; the cancel of a single
    task does not count. ``force_stopped``: runs that it killed, those of node release among them.
    ``released``: whether node release ran, and none of it was killed by the cancel.
    """

    request_id: str
    lasted_ms: int
    stopped: int
    force_stopped: int
    released: bool
    request_version: int = 0
