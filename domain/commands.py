"""Imperative requests as frozen Structs: what people ask, and what the service tells the job.

Time, ids and identity arrive in the command: ``decide`` has no clock and no chance.
"""

import hashlib
from datetime import datetime

from msgspec import Struct

from domain.events import Decision, Exit, RunHandle, TaskSpec
from domain.message import MESSAGE_UNITS_MAX
from domain.states import CancelMode, FilterHow, JobPriority, JobType, StopStep

# --- what people ask ------------------------------------------------------------------------------


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
    submit: bool = True


class AddTasks(Struct, frozen=True):
    """More tasks for a job. They are numbered after those it has, in their order."""

    asked: Asked
    tasks: tuple[TaskSpec, ...]


class JobChanges(Struct, frozen=True, omit_defaults=True):
    """New values of a job's properties; None for one that stays as it is.

    ``properties``, ``environment``: by name, added or given another value; "" takes one away.
    ``hold_until``: RFC 3339 in UTC, "" for no hold any more.
    """

    name: str | None = None
    priority: JobPriority | None = None
    run_as: str | None = None
    properties: dict[str, str] | None = None
    fail_on_task_failure: bool | None = None
    run_until_canceled: bool | None = None
    runtime_seconds: int | None = None
    environment: dict[str, str] | None = None
    valid_exit_codes: str | None = None
    task_retry_count: int | None = None
    hold_until: str | None = None
    project: str | None = None
    service_name: str | None = None
    client_source: str | None = None
    progress: int | None = None
    progress_message: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """What is given a new value."""
        return tuple(x for x in self.__struct_fields__ if getattr(self, x) is not None)


class ChangeJob(Struct, frozen=True):
    """Give properties of a job new values."""

    asked: Asked
    changes: JobChanges


class TaskChanges(Struct, frozen=True, omit_defaults=True):
    """New values of a task's properties; None for one that stays as it is.

    ``environment``, ``properties``: by name, added or given another value; "" takes one away.
    """

    name: str | None = None
    command: str | None = None
    work_directory: str | None = None
    runtime_seconds: int | None = None
    depends_on: tuple[str, ...] | None = None
    retry_count: int | None = None
    valid_exit_codes: str | None = None
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    environment: dict[str, str] | None = None
    properties: dict[str, str] | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """What is given a new value."""
        return tuple(x for x in self.__struct_fields__ if getattr(self, x) is not None)


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


class CancelJob(Struct, frozen=True):
    """Stop a job. ``grace_seconds``: TaskCancelGracePeriod now."""

    asked: Asked
    mode: CancelMode
    message: str
    grace_seconds: int
    reason_code: str = ""
    message_units_max: int = MESSAGE_UNITS_MAX


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


class RequeueTask(Struct, frozen=True):
    """Run one task again in a job that goes on.

    ``instance``: a subtask's number, or 0 for the task itself.
    """

    asked: Asked
    task: int
    instance: int = 0


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
)

# --- what the service tells the job ---------------------------------------------------------------


class StartValidation(Struct, frozen=True):
    """Submitted -> Validating."""


class EndValidation(Struct, frozen=True):
    """Validating -> Queued, or Failed when ``reason`` says why not."""

    code: str = ""
    reason: str = ""


class StartExternalValidation(Struct, frozen=True):
    """Validating -> ExternalValidation: the submission filter of this path is about to run."""

    filter: str


class FilterEnd(Struct, frozen=True):
    """How a filter program ended.

    ``exit_code``: null when a ``signal`` ended it, or it did not run. ``words``: the first lines
    that it wrote, on one line, or why it could not be run; "" for none.
    """

    how: FilterHow
    exit_code: int | None = None
    signal: int | None = None
    words: str = ""


class JobTerms(Struct, frozen=True):
    """What a submission filter did to the job's file.

    ``changes``: new values that a filter may give; None for none. ``not_taken``: a sentence about a
    change that cannot be taken over, or "".
    """

    changes: JobChanges | None = None
    not_taken: str = ""


class EndExternalValidation(Struct, frozen=True):
    """ExternalValidation -> Queued, with the filter's changes, or Failed."""

    filter: str
    end: FilterEnd
    terms: JobTerms = JobTerms()


class EndActivation(Struct, frozen=True):
    """An activation filter did not let the job start, at ``at``.

    ``again_seconds``: how soon it is asked again at the earliest.
    """

    filter: str
    end: FilterEnd
    at: datetime
    again_seconds: int


class StartJob(Struct, frozen=True):
    """Queued -> Running on ``nodes``.

    ``runtime_seconds_default``: JobRuntime now, for a job without a limit of its own. ``filter``,
    ``filter_outcome``: as in JobStarted.
    """

    nodes: tuple[str, ...]
    runtime_seconds_default: int = 0
    filter: str = ""
    filter_outcome: str = ""


class StartTask(Struct, frozen=True):
    """The next attempt of a queued task has a keeper on ``node``; ``handle`` finds it again."""

    task: int
    attempt: int
    node: str
    handle: RunHandle
    instance: int = 0


class StartRelease(Struct, frozen=True):
    """The node release task has a keeper on ``node``."""

    attempt: int
    node: str
    handle: RunHandle
    instance: int = 0


class RefuseTask(Struct, frozen=True):
    """The engine can never start this attempt, and why."""

    task: int
    attempt: int
    node: str
    code: str
    reason: str
    instance: int = 0


class SkipRelease(Struct, frozen=True):
    """The node release task is not going to run."""


class OrderStop(Struct, frozen=True):
    """Write down the orders that are due now. ``signal``: number of the stop signal."""

    signal: int


class StopSeen(Struct, frozen=True):
    """What the engine noted of the order that ended a run."""

    request_id: str
    step: StopStep
    grace_expired: bool
    after_ms: int
    killed: int
    survivors: int


class RecordRunEnd(Struct, frozen=True):
    """A run ended. ``lost`` says why nobody can tell how; ``stop`` when an order ended it.

    ``retry_count``: TaskRetryCount now.
    """

    task: int
    attempt: int
    exit: Exit
    stop: StopSeen | None = None
    timed_out: bool = False
    killed: int = 0
    survivors: int = 0
    lost: str = ""
    retry_count: int = 0
    instance: int = 0


class RecordSurvivorsGone(Struct, frozen=True):
    """Processes that outlived a kill have ended."""

    task: int
    attempt: int
    instance: int = 0


class RecordTaskCanceled(Struct, frozen=True):
    """Close the requests on tasks that were canceled before they ran."""


class FailJob(Struct, frozen=True):
    """A task failed in a job with FailOnTaskFailure. ``grace_seconds``: as in ``CancelJob``."""

    grace_seconds: int


class ExpireRuntime(Struct, frozen=True):
    """Run-time limits that have run out at ``at``. ``grace_seconds``: as in ``CancelJob``."""

    at: datetime
    grace_seconds: int


class EndJob(Struct, frozen=True):
    """Write down the end that is due: JobEnding, JobFinished, JobFailed or JobCanceled."""

    at: datetime


class RemoveJob(Struct, frozen=True):
    """TTLCompletedJobs ran out."""

    reason: str = "ttl"


Instruction = (
    StartValidation
    | EndValidation
    | StartExternalValidation
    | EndExternalValidation
    | EndActivation
    | StartJob
    | StartTask
    | StartRelease
    | RefuseTask
    | SkipRelease
    | OrderStop
    | RecordRunEnd
    | RecordSurvivorsGone
    | RecordTaskCanceled
    | FailJob
    | ExpireRuntime
    | EndJob
    | RemoveJob
)
Command = Request | Instruction


def content_sha256(*parts: str) -> str:
    """A digest of what a request asks for, to tell a retry from another request of the same id."""
    whole = "\x00".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()


def on_task(operation: str, task: int, instance: int) -> str:
    """The name of an operation on one task or subtask: ``cancel_task/3``, ``cancel_task/3.17``."""
    return f"{operation}/{task}.{instance}" if instance else f"{operation}/{task}"
