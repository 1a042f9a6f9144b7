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
    """All tasks have ended; the node release task is next: Finishing.

    ``outcome``: what the job will be, Finished or Failed. ``message``: the words that go with it.
    """

    outcome: JobState
    message: str = ""
    code: str = ""
    hresult: int = 0


class JobFinished(Struct, frozen=True):
    """The job ended: Finished.

    ``request_id``: the finish that brought it about, "" for a job's own end.
    ``message``: the message of that finish, or "".
    """

    message: str = ""
    code: str = ""
    request_id: str = ""
    hresult: int = 0


class JobFailed(Struct, frozen=True):
    """The job ended because of its tasks: Failed. ``message``: how many failed, in words."""

    message: str = ""
    code: str = ""
    hresult: int = 0


class JobConfigured(Struct, frozen=True):
    """The job was taken back: Configuring."""

    request_id: str
    requeue_count: int
    queued: TaskSet
    kept: TaskSet
    decision: Decision
    from_state: JobState


class JobRequeued(Struct, frozen=True):
    """The job was taken back and submitted again in one: Submitted.

    ``message``: why it runs again, in the words of who asked.
    """

    request_id: str
    requeue_count: int
    queued: TaskSet
    kept: TaskSet
    decision: Decision
    from_state: JobState
    message: str = ""


class JobRemoved(Struct, frozen=True):
    """The job left the job view; its events stay. Nothing follows.

    ``reason``: why, ``ttl`` when TTLCompletedJobs ran out.
    """

    reason: str
