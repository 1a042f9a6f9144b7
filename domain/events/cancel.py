"""Requests to stop: accepted, repeated, refused."""

from msgspec import Struct

from domain.events.parts import Decision, RunSet, TaskSet
from domain.states import CancelMode, JobState, NodeRelease, TaskState


class JobCancelRequested(Struct, frozen=True):
    """A cancel was accepted and is in effect from here: Canceling.

    It turns waiting tasks Canceled and running ones Canceling (graceful: they stay Running).
    ``bulk_size``: how many jobs the request was for that this cancel is part of; 1 for this alone.
    ``held_version``: the version of the JobCancelHeld that it was until now, or 0. Then
    ``decision`` is what the rules said when they were asked again; its effect may be ``hold``, for
    what they demand has been done.
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
    bulk_size: int = 1
    held_version: int = 0


class JobCancelRepeated(Struct, frozen=True):
    """A request on a job that is being cancelled already, in the same or a stronger mode.

    It changes nothing; whoever asked is told of the cancel under way. So is a request that would
    have to wait, while one by the same person in the same mode waits already.
    """

    request_id: str
    mode: CancelMode
    message: str
    reason_code: str
    under_way: str
    decision: Decision
    under_way_version: int = 0


class JobCancelRefused(Struct, frozen=True):
    """The rules said no to the cancel of the job: it goes on as before.

    ``message``: the message, or the longest prefix of whole characters that keeps the limit.
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
    """A cancel of one task was accepted: a waiting task is Canceled, a running one Canceling.

    ``instance``: the number of the subtask that it is about; 0 for the task itself.
    """

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
    instance: int = 0


class TaskCancelRepeated(Struct, frozen=True):
    """A request on a task that is being cancelled already, in the same or a stronger mode.

    ``instance``: the number of the subtask that it is about; 0 for the task itself.
    """

    request_id: str
    task: int
    mode: CancelMode
    message: str
    reason_code: str
    under_way: str
    decision: Decision
    under_way_version: int = 0
    instance: int = 0


class TaskCancelRefused(Struct, frozen=True):
    """The rules said no to the cancel of one task: it goes on as before.

    ``message``: as in JobCancelRefused. ``task``: the number that was asked for.
    ``job_state``: the state of the job when it was asked. ``state``: the state of the task then,
    null where the job has no such task.
    ``instance``: the number of the subtask that it is about; 0 for the task itself.
    """

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
    instance: int = 0


class JobCommandRefused(Struct, frozen=True):
    """The rules said no to another command on this job. ``message``: as in JobCancelRefused.

    ``command``: its name, such as ``finish`` or ``requeue_task``. ``task``: the task that the
    command was for, or null; ``task_state``: null also where the job has no such task.
    ``instance``: the number of the subtask that the command was for, else 0. ``asked_at``: when an
    emergency stop was asked for, RFC 3339, else ""; ``unreachable``: why the stream could not be
    told then, as a sentence.
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
    instance: int = 0
    asked_at: str = ""
    unreachable: str = ""
