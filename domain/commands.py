"""Imperative requests as frozen Structs: what people ask; what the service tells the job is in
``instructions``, and has its names here too.

Time, ids and identity arrive in the command: ``decide`` has no clock and no chance.
"""

import hashlib
from datetime import datetime
from typing import Final

from msgspec import Struct

from domain.events import Decision, EmergencyStop, TaskSpec
from domain.identity import Caller
from domain.instructions import (
    EndActivation,
    EndExternalValidation,
    EndJob,
    EndValidation,
    ExpireRuntime,
    FailJob,
    FilterEnd,
    Instruction,
    JobTerms,
    OrderStop,
    RecordRunEnd,
    RecordSurvivorsGone,
    RecordTaskCanceled,
    RefuseTask,
    RemoveJob,
    SkipRelease,
    StartExternalValidation,
    StartJob,
    StartRelease,
    StartTask,
    StartValidation,
    StopSeen,
)
from domain.message import MESSAGE_UNITS_MAX
from domain.new_values import JobChanges, TaskChanges
from domain.states import CancelMode, JobMark, JobPriority, JobType

__all__ = [
    "AddJob",
    "AddTasks",
    "ApproveCancel",
    "Asked",
    "CancelJob",
    "CancelTask",
    "ChangeJob",
    "ChangeTask",
    "Command",
    "ConfigureJob",
    "EndActivation",
    "EndExternalValidation",
    "EndJob",
    "EndValidation",
    "ExpireRuntime",
    "FailJob",
    "FilterEnd",
    "FinishJob",
    "FinishTask",
    "IfVersions",
    "Instruction",
    "JobChanges",
    "JobTerms",
    "MarkJob",
    "OrderStop",
    "Overrides",
    "RecordEmergencyStop",
    "RecordRefusedStop",
    "RecordRunEnd",
    "RecordSurvivorsGone",
    "RecordTaskCanceled",
    "RefuseTask",
    "RemoveJob",
    "Request",
    "RequeueJob",
    "RequeueTask",
    "ReviewUse",
    "SettleCancel",
    "SkipRelease",
    "StartExternalValidation",
    "StartJob",
    "StartRelease",
    "StartTask",
    "StartValidation",
    "StopSeen",
    "SubmitJob",
    "TaskChanges",
    "WithdrawCancel",
    "content_sha256",
    "emergency_sha256",
    "marking",
    "on_task",
    "requeue_sha256",
]

APPROVAL_SECONDS: Final = 86_400
"""How long approvals may take, unless the settings say otherwise."""

REVIEW_SECONDS: Final = 3 * 86_400
"""How long a review may take, unless the settings say otherwise."""

IfVersions = tuple[int, ...] | None
"""Versions at which a request is to be done; None: at any."""


class Asked(Struct, frozen=True):
    """By whom (``Caller.asker``), when and under which request id a person asked.

    ``decision`` is the policy's answer, computed before. ``if_versions``: to be done only when what
    is asked about is at one of these versions at the moment of decision; None: at any.
    """

    request_id: str
    asker: str
    at: datetime
    decision: Decision
    if_versions: IfVersions = None


class AddJob(Struct, frozen=True):
    """Create a job; with ``submit`` hand it to the scheduler in the same breath.

    Limits on names, commands and environments are checked by ``domain.submission``.
    """

    asked: Asked
    job_id: int
    name: str
    owner: str
    tasks: tuple[TaskSpec, ...]
    job_type: JobType = JobType.BATCH
    priority: JobPriority = JobPriority.NORMAL
    run_as: str = ""
    properties: dict[str, str] = {}
    fail_on_task_failure: bool = False
    run_until_canceled: bool = False
    runtime_seconds: int = 0
    environment: dict[str, str] = {}
    valid_exit_codes: str = ""
    task_retry_count: int = 0
    hold_until: str = ""
    project: str = ""
    service_name: str = ""
    client_source: str = ""
    progress: int = 0
    progress_message: str = ""
    max_cores: int = 0
    submit: bool = True
    labels: dict[str, str] = {}


class AddTasks(Struct, frozen=True):
    """More tasks for a job. They are numbered after those it has, in their order."""

    asked: Asked
    tasks: tuple[TaskSpec, ...]


class ChangeJob(Struct, frozen=True):
    """Give properties of a job new values."""

    asked: Asked
    changes: JobChanges


class ChangeTask(Struct, frozen=True):
    """Give properties of a task new values; its subtasks (``instance``) have none of their own."""

    asked: Asked
    task: int
    changes: TaskChanges
    instance: int = 0


class SubmitJob(Struct, frozen=True):
    """Configuring -> Submitted."""

    asked: Asked
    run_as: str = ""


class Overrides(Struct, frozen=True):
    """What a cancel overrides: what the rules said to it. ``review_seconds``: how long another
    person has to review that. ``by``: who does, and whom they act for."""

    decision: Decision
    review_seconds: int
    by: Caller


class CancelJob(Struct, frozen=True):
    """Stop a job. ``grace_seconds``: TaskCancelGracePeriod now. ``approval_seconds``: how long its
    approvals may take, where the rules demand some. ``overrides``: what it passes over;
    ``asked.decision`` is then whether this person may do that.

    ``bulk_size``: how many jobs the request is for that this is part of.
    """

    asked: Asked
    mode: CancelMode
    message: str
    grace_seconds: int
    reason_code: str = ""
    message_units_max: int = MESSAGE_UNITS_MAX
    bulk_size: int = 1
    approval_seconds: int = APPROVAL_SECONDS
    overrides: Overrides | None = None


class CancelTask(Struct, frozen=True):
    """Stop one task: normal or forced, never graceful.

    ``instance``: a subtask's number, or 0 for the task itself.
    """

    asked: Asked
    task: int
    mode: CancelMode
    message: str
    grace_seconds: int
    reason_code: str = ""
    message_units_max: int = MESSAGE_UNITS_MAX
    instance: int = 0


class FinishJob(Struct, frozen=True):
    """Stop a job as a normal cancel does, but with the outcome Finished."""

    asked: Asked
    message: str
    grace_seconds: int
    message_units_max: int = MESSAGE_UNITS_MAX


class FinishTask(Struct, frozen=True):
    """Stop one task as a normal cancel does, but with the outcome Finished.

    ``instance``: a subtask's number, or 0 for the task itself.
    """

    asked: Asked
    task: int
    message: str
    grace_seconds: int
    message_units_max: int = MESSAGE_UNITS_MAX
    instance: int = 0


class ConfigureJob(Struct, frozen=True):
    """Back to Configuring."""

    asked: Asked


class RequeueJob(Struct, frozen=True):
    """Configure and submit in one."""

    asked: Asked
    message: str = ""
    message_units_max: int = MESSAGE_UNITS_MAX


class RequeueTask(Struct, frozen=True):
    """Run one task again in a job that goes on.

    ``instance``: a subtask's number, or 0 for the task itself.
    """

    asked: Asked
    task: int
    instance: int = 0
    message: str = ""
    message_units_max: int = MESSAGE_UNITS_MAX


class MarkJob(Struct, frozen=True):
    """Mark a job, or take the mark back (``placed`` False)."""

    asked: Asked
    mark: JobMark
    placed: bool
    message: str
    message_units_max: int = MESSAGE_UNITS_MAX


class RecordEmergencyStop(Struct, frozen=True):
    """Record what was stopped while the stream could not be reached. It is never refused.

    ``review_seconds``: how long another person has to review it.
    """

    asked: Asked
    message: str
    reason_code: str
    stop: EmergencyStop
    review_seconds: int


class RecordRefusedStop(Struct, frozen=True):
    """Record that an emergency stop was refused while the stream could not be reached.

    ``asked_at``: when it was asked for, RFC 3339. ``unreachable``: why the stream was not told.
    """

    asked: Asked
    message: str
    asked_at: str
    unreachable: str
    message_units_max: int = MESSAGE_UNITS_MAX


class ApproveCancel(Struct, frozen=True):
    """Approve a cancel that waits. ``by``: who does, and whom they act for."""

    asked: Asked
    cancel_id: str
    by: Caller
    message: str = ""
    message_units_max: int = MESSAGE_UNITS_MAX


class WithdrawCancel(Struct, frozen=True):
    """Take back a cancel that waits."""

    asked: Asked
    cancel_id: str
    message: str
    message_units_max: int = MESSAGE_UNITS_MAX


class ReviewUse(Struct, frozen=True):
    """Review what overrode the rules, by the request id of that. ``by``: who does."""

    asked: Asked
    reviewed: str
    by: Caller
    message: str
    message_units_max: int = MESSAGE_UNITS_MAX


class SettleCancel(Struct, frozen=True):
    """Something is due on a cancel that waits. ``decision``: what the rules say to it now, as far
    as they were asked. ``grace_seconds``: TaskCancelGracePeriod now.

    ``unknown``: who asked for it, or whom they acted for, and is not known any more; "" for nobody.
    ``uncounted``: who approved it and does not count any more, "" for nobody; ``decision`` is then
    what the rules say to an approval by them, None where they are not known any more.
    """

    cancel_id: str
    at: datetime
    decision: Decision | None
    grace_seconds: int
    unknown: str = ""
    uncounted: str = ""


Request = (
    AddJob
    | AddTasks
    | ChangeJob
    | ChangeTask
    | SubmitJob
    | CancelJob
    | CancelTask
    | FinishJob
    | FinishTask
    | ConfigureJob
    | RequeueJob
    | RequeueTask
    | MarkJob
    | RecordEmergencyStop
    | RecordRefusedStop
    | ApproveCancel
    | WithdrawCancel
    | ReviewUse
)

Command = Request | Instruction


def content_sha256(*parts: str) -> str:
    """A digest of what a request asks for, to tell a retry from another request of the same id."""
    whole = "\x00".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()


def emergency_sha256(spool_sha256: str) -> str:
    """The digest of an emergency stop: of its whole file in the spool."""
    return content_sha256("emergency_stop", spool_sha256)


def requeue_sha256(operation: str, message: str) -> str:
    """The digest of a requeue; without a message as before there could be one."""
    return content_sha256(operation, message) if message else content_sha256(operation)


MARKING: Final = {
    (JobMark.PROTECTION, True): "protect",
    (JobMark.PROTECTION, False): "unprotect",
    (JobMark.LEGAL_HOLD, True): "legal_hold",
    (JobMark.LEGAL_HOLD, False): "release_legal_hold",
}


def marking(mark: JobMark, placed: bool) -> str:
    """The name of the operation that places a mark, or takes it back."""
    return MARKING[mark, placed]


def on_task(operation: str, task: int, instance: int) -> str:
    """The name of an operation on one task or subtask: ``cancel_task/3``, ``cancel_task/3.17``."""
    return f"{operation}/{task}.{instance}" if instance else f"{operation}/{task}"
