"""The service ends a job or a run on its own account, by a rule that its owner set."""

from msgspec import Struct

from domain.events.parts import RunRange, RunSet, TaskSet
from domain.states import JobState, NodeRelease, StopCause


class JobFailing(Struct, frozen=True):
    """The job is stopped as by a normal cancel, and ends Failed: Finishing.

    Waiting tasks are Canceled by this very fact, and run again when the job is queued again.
    ``cause``: ``run_limit``, or ``task_failure`` for FailOnTaskFailure. ``message``: why, in words.
    Orders and stops that follow have the id of this event as their request id.
    """

    cause: StopCause
    message: str
    code: str
    hresult: int
    from_state: JobState
    running: RunSet
    waiting: TaskSet
    grace_seconds: int
    node_release: NodeRelease


class TaskRuntimeExpired(Struct, frozen=True):
    """The run-time limit of runs ran out. They are stopped as by a normal cancel: Canceling.

    TaskStopped or TaskForceStopped (cause run_limit, outcome Failed) says how each ended; they and
    their orders have the id of this event as their request id.
    ``runtime_seconds``: the limit.
    """

    runs: tuple[RunRange, ...]
    runtime_seconds: int
    grace_seconds: int
