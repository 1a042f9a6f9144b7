"""Making a job and handing it to the scheduler."""

from typing import Final

from msgspec import Struct

from domain.events.parts import Decision, TaskSpec
from domain.states import JobPriority, JobType


class JobAdded(Struct, frozen=True):
    """A job was created: Configuring. More tasks may follow in TasksAdded of the same append.

    ``job_id``: the number of the job, for ever. ``name``: what its owner calls it, or "".
    ``owner``: whose job it is: who asked, or whom they acted for. ``job_type``: an ordinary job, or
    a command job of an administrator. ``priority``: its place in the queue.
    ``properties``: further properties by name. ``tasks``: its tasks, or the first of them.
    ``decision``: that its creation was allowed; a command job needs an administrator.
    ``fail_on_task_failure``: whether the first failed task stops the rest, and the job is Failed.
    ``run_until_canceled``: whether it goes on when all its tasks have ended, until it is ended.
    ``runtime_seconds``: how long it may run; 0 for JobRuntime, the cluster's default.
    ``environment``: variables of all its tasks; a task's own come before them.
    ``valid_exit_codes``: exit codes that count as success, such as "0,10..20"; "" for 0 alone.
    ``task_retry_count``: how often a failed task runs again by itself that says nothing of its own.
    ``hold_until``: it does not start before this moment, RFC 3339 in UTC; "" for at once.
    ``project``, ``service_name``, ``client_source``: what it belongs to, serves and was made by.
    ``progress``: how far it is in percent, as its owner says. ``progress_message``: the words.
    ``max_cores``: as many instances a service task has that says no number of its own; 0 for one.
    ``labels``: words by name, for rules of the policy and for lists.
    """

    job_id: int
    name: str
    owner: str
    job_type: JobType
    priority: JobPriority
    run_as: str
    properties: dict[str, str]
    tasks: tuple[TaskSpec, ...]
    request_id: str = ""
    content_sha256: str = ""
    decision: Decision | None = None
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
    labels: dict[str, str] = {}


class TasksAdded(Struct, frozen=True):
    """More tasks of a job: they wait, or are queued at once in a job that is Queued or Running.

    ``tasks``: the tasks that follow the others. ``request_id``: "" where they came with the job, or
    where the fact before this one has it. ``decision``: null where they came with the job.
    """

    tasks: tuple[TaskSpec, ...]
    request_id: str = ""
    content_sha256: str = ""
    decision: Decision | None = None


CHANGEABLE: Final = (
    "name",
    "priority",
    "run_as",
    "fail_on_task_failure",
    "run_until_canceled",
    "runtime_seconds",
    "environment",
    "valid_exit_codes",
    "task_retry_count",
    "hold_until",
    "project",
    "service_name",
    "client_source",
    "progress",
    "progress_message",
    "max_cores",
    "labels",
)


class JobPropertiesChanged(Struct, frozen=True):
    """Properties were given new values; null for one that stays as it is.

    ``changes``: the new values of further properties by name, "" for one that is taken away.
    ``environment``, ``labels``: likewise. ``name``: what the owner calls the job now.
    ``priority``: its place in the queue from now on. ``run_as``: null, or the account.
    ``runtime_seconds``: how long it may run from its start; where it runs already, 0 for no limit.
    ``fail_on_task_failure``, ``run_until_canceled``, ``valid_exit_codes``, ``task_retry_count``,
    ``hold_until``, ``project``, ``service_name``, ``client_source``, ``progress``,
    ``progress_message``, ``max_cores``: as in JobAdded.
    """

    request_id: str
    changes: dict[str, str]
    decision: Decision
    content_sha256: str = ""
    name: str | None = None
    priority: JobPriority | None = None
    run_as: str | None = None
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
    max_cores: int | None = None
    labels: dict[str, str] | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The names of what was given a new value."""
        own = tuple(x for x in CHANGEABLE if getattr(self, x) is not None)
        return (*own, *sorted(self.changes))


class JobSubmitted(Struct, frozen=True):
    """The job was handed to the scheduler: Submitted. ``key``: the submitter's request id."""

    run_as: str
    key: str
    decision: Decision
    content_sha256: str = ""


class JobValidationStarted(Struct, frozen=True):
    """The scheduler began to validate the job: Validating."""


class JobExternalValidationStarted(Struct, frozen=True):
    """A submission filter is running: ExternalValidation. ``filter``: the name of the filter."""

    filter: str


class JobQueued(Struct, frozen=True):
    """The job is valid and waits for a slot: Queued."""


class JobRejected(Struct, frozen=True):
    """Validation refused the job: Failed."""

    code: str
    reason: str
    hresult: int = 0
