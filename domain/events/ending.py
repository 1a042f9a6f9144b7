"""How a job ends, runs again, and leaves the view."""

from msgspec import Struct

from domain.events.parts import Decision, RunSet, TaskSet
from domain.states import JobState, NodeRelease


class JobFinishRequested(Struct, frozen=True):
    """A finish was accepted: stopped as by a normal cancel, but the outcome is Finished."""

    request_id: str
    message: str
    from_state: JobState
    running: RunSet
    waiting: TaskSet
    grace_seconds: int
    node_release: NodeRelease
    decision: Decision


class JobEnding(Struct, frozen=True):
    """All tasks have ended; the node release task is next: Finishing."""

    outcome: JobState
    message: str = ""
    code: str = ""
    hresult: int = 0


class JobFinished(Struct, frozen=True):
    """Finished. ``request_id``: the finish that brought it about, "" for a job's own end."""

    message: str = ""
    code: str = ""
    request_id: str = ""
    hresult: int = 0


class JobFailed(Struct, frozen=True):
    """Failed, because of its tasks; ``code`` is a stable word, ``hresult`` HPC Pack's number."""

    message: str = ""
    code: str = ""
    hresult: int = 0


class JobConfigured(Struct, frozen=True):
    """Back to Configuring. ``queued``: tasks that will run (again); ``kept``: those that stay."""

    request_id: str
    requeue_count: int
    queued: TaskSet
    kept: TaskSet
    decision: Decision
    from_state: JobState


class JobRequeued(Struct, frozen=True):
    """Configured and submitted in one: Submitted."""

    request_id: str
    requeue_count: int
    queued: TaskSet
    kept: TaskSet
    decision: Decision
    from_state: JobState


class JobRemoved(Struct, frozen=True):
    """The job left the job view; its events stay. Nothing follows."""

    reason: str
