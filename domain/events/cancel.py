"""Requests to stop: accepted, repeated, refused."""

from msgspec import Struct

from domain.events.parts import Decision, RunSet, TaskSet
from domain.states import CancelMode, JobState, NodeRelease, TaskState


class JobCancelRequested(Struct, frozen=True):
    """A cancel was accepted and is in effect from here: Canceling.

    It turns waiting tasks Canceled and running ones Canceling (graceful: they stay Running).
    ``escalates``: the request id of the weaker cancel this one takes over from, or "", and
    ``escalates_version`` the version of its event, or 0: a request id is unique for one actor only.
    """

    request_id: str
    mode: CancelMode
    message: str
    reason_code: str
    from_state: JobState
    running: RunSet
    waiting: TaskSet
    grace_seconds: int
    node_release: NodeRelease
    escalates: str
    decision: Decision
    escalates_version: int = 0


class JobCancelRepeated(Struct, frozen=True):
    """A request on a job that is being cancelled already, in the same or a stronger mode.

    ``under_way``: the request id of that cancel, ``under_way_version`` the version of its event.
    """

    request_id: str
    mode: CancelMode
    message: str
    reason_code: str
    under_way: str
    decision: Decision
    under_way_version: int = 0


class JobCancelRefused(Struct, frozen=True):
    """The rules said no. ``message`` may be a prefix: then ``message_sha256`` is that of the whole.

    ``rule`` is the id of the rule that refused: a policy rule or a row of the state table.
    """

    request_id: str
    mode: CancelMode
    message: str
    message_units: int
    message_sha256: str
    reason_code: str
    state: JobState
    code: str
    hresult: int
    rule: str
    explanation: str
    decision: Decision
    content_sha256: str = ""


class TaskCancelRequested(Struct, frozen=True):
    """A cancel of one task was accepted: a waiting task is Canceled, a running one Canceling."""

    request_id: str
    task: int
    mode: CancelMode
    message: str
    reason_code: str
    from_state: TaskState
    running: RunSet
    waiting: TaskSet
    grace_seconds: int
    decision: Decision
    escalates: str = ""
    escalates_version: int = 0


class TaskCancelRepeated(Struct, frozen=True):
    """A request on a task that is being cancelled already, in the same or a stronger mode."""

    request_id: str
    task: int
    mode: CancelMode
    message: str
    reason_code: str
    under_way: str
    decision: Decision
    under_way_version: int = 0


class TaskCancelRefused(Struct, frozen=True):
    """The rules said no to the cancel of one task."""

    request_id: str
    task: int
    mode: CancelMode
    message: str
    message_units: int
    message_sha256: str
    reason_code: str
    job_state: JobState
    state: TaskState | None
    code: str
    hresult: int
    rule: str
    explanation: str
    decision: Decision
    content_sha256: str = ""


class JobCommandRefused(Struct, frozen=True):
    """The rules said no to another command on this job. ``message``: as in JobCancelRefused.

    ``task``: the task that the command was for, or null; ``task_state``: null also where the job
    has no such task.
    """

    request_id: str
    command: str
    state: JobState
    code: str
    hresult: int
    rule: str
    explanation: str
    decision: Decision
    content_sha256: str = ""
    message: str = ""
    message_units: int = 0
    message_sha256: str = ""
    task: int | None = None
    task_state: TaskState | None = None
