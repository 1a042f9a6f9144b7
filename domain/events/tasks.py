"""Commands to one task of a job that goes on: finish it, run it again."""

from msgspec import Struct

from domain.events.parts import Decision, RunSet, TaskSet
from domain.states import TaskState


class TaskFinishRequested(Struct, frozen=True):
    """A finish of one task was accepted. It is stopped as by a normal cancel: Finishing.

    TaskStopped or TaskForceStopped (cause finish, outcome Finished) says how it ended; a run that
    ends by itself before the signal keeps its own outcome. A waiting task is Finished by this very
    fact and never runs.
    ``instance``: the number of the subtask that it is about; 0 for the task itself.
    """

    request_id: str
    task: int
    message: str
    from_state: TaskState
    running: RunSet
    waiting: TaskSet
    grace_seconds: int
    decision: Decision
    instance: int = 0


class TaskRequeued(Struct, frozen=True):
    """One task waits again: Queued. Its next run is attempt ``attempt``.

    From Queued it changes nothing. ``undoes``: request id of the cancel of this task before it ran
    that is forgotten now, or "". ``undoes_version``: the version of that cancel's event, or 0.
    Where no TaskCanceled closed that request, this does.
    ``instance``: the number of the subtask that it is about; 0 for the task itself.
    """

    request_id: str
    task: int
    from_state: TaskState
    attempt: int
    decision: Decision
    undoes: str = ""
    undoes_version: int = 0
    instance: int = 0
