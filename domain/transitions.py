"""Which command fits which state: tables as data, each row with its source.

A pair that is not allowed here is refused; nothing is left to chance. "Seed" is the page of
``IScheduler::CancelJob_2``; "product" is HPC Pack's documentation and client library; "deliberate"
marks where this service goes its own way, and why.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from domain.hresult import HResult
from domain.states import JobState, TaskState, TaskType


class CancelAnswer(StrEnum):
    """What becomes of a cancel."""

    ACCEPT = "accept"
    STRONGER = "accept when stronger, else repeat"
    FORCED = "accept when forced, else refuse"
    REFUSE = "refuse"


class CancelRow(Struct, frozen=True):
    """One row: the answer, and where it comes from."""

    answer: CancelAnswer
    source: str


SEED_FIVE: Final = (
    "Seed: to cancel a job, its state must be Configuring, Submitted, Validating, Queued, "
    "or Running"
)
NOT_SEED_FIVE: Final = "Not one of the seed's five states; product: 0x80040208"

CANCEL_JOB: Final = {
    JobState.CONFIGURING: CancelRow(CancelAnswer.ACCEPT, SEED_FIVE),
    JobState.SUBMITTED: CancelRow(CancelAnswer.ACCEPT, SEED_FIVE),
    JobState.VALIDATING: CancelRow(CancelAnswer.ACCEPT, SEED_FIVE),
    JobState.QUEUED: CancelRow(CancelAnswer.ACCEPT, SEED_FIVE),
    JobState.RUNNING: CancelRow(CancelAnswer.ACCEPT, SEED_FIVE),
    JobState.CANCELING: CancelRow(
        CancelAnswer.STRONGER,
        "Deliberate: the product lets any repeat replace the request under way; here only a "
        "stronger mode takes over, and every repeat is recorded",
    ),
    JobState.FINISHING: CancelRow(
        CancelAnswer.FORCED,
        "Deliberate: a forced cancel cuts the rest short; the seed's list has no Finishing",
    ),
    JobState.EXTERNAL_VALIDATION: CancelRow(CancelAnswer.REFUSE, NOT_SEED_FIVE),
    JobState.FINISHED: CancelRow(CancelAnswer.REFUSE, NOT_SEED_FIVE),
    JobState.FAILED: CancelRow(CancelAnswer.REFUSE, NOT_SEED_FIVE),
    JobState.CANCELED: CancelRow(CancelAnswer.REFUSE, NOT_SEED_FIVE),
}

TASK_STATES: Final = "Product: a task is canceled from Configuring, Submitted, Queued, Running"
TASK_PORTAL: Final = "Product's portal adds Validating and Dispatching"
TASK_ENDED_SOURCE: Final = "Product: Operation_InvalidCancelTaskState 0x80040209"

CANCEL_TASK: Final = {
    TaskState.CONFIGURING: CancelRow(CancelAnswer.ACCEPT, TASK_STATES),
    TaskState.SUBMITTED: CancelRow(CancelAnswer.ACCEPT, TASK_STATES),
    TaskState.VALIDATING: CancelRow(CancelAnswer.ACCEPT, TASK_PORTAL),
    TaskState.QUEUED: CancelRow(CancelAnswer.ACCEPT, TASK_STATES),
    TaskState.DISPATCHING: CancelRow(CancelAnswer.ACCEPT, TASK_PORTAL),
    TaskState.RUNNING: CancelRow(CancelAnswer.ACCEPT, TASK_STATES),
    TaskState.CANCELING: CancelRow(
        CancelAnswer.STRONGER, "Deliberate: as for jobs, only a stronger mode takes over"
    ),
    TaskState.FINISHING: CancelRow(CancelAnswer.REFUSE, TASK_ENDED_SOURCE),
    TaskState.FINISHED: CancelRow(CancelAnswer.REFUSE, TASK_ENDED_SOURCE),
    TaskState.FAILED: CancelRow(CancelAnswer.REFUSE, TASK_ENDED_SOURCE),
    TaskState.CANCELED: CancelRow(CancelAnswer.REFUSE, TASK_ENDED_SOURCE),
}


class Gate(Struct, frozen=True):
    """From which states a command may come, the number of its refusal, and the source."""

    states: frozenset[JobState]
    hresult: HResult
    source: str


GATES: Final = {
    "add_tasks": Gate(
        frozenset({JobState.CONFIGURING, JobState.QUEUED, JobState.RUNNING}),
        HResult.INVALID_OPERATION,
        "Product: tasks are added in Configuring, and submitted one by one to a job that is Queued "
        "or Running. Deliberate: not while it is validated, nor while it ends",
    ),
    "submit": Gate(
        frozenset({JobState.CONFIGURING}),
        HResult.ONLY_CONFIG_JOBS_CAN_BE_SUBMITTED,
        "Product: only a job in Configuring can be submitted",
    ),
    "configure": Gate(
        frozenset({JobState.CANCELED, JobState.FAILED, JobState.QUEUED}),
        HResult.ONLY_FAILED_CANCELLED_JOBS_CAN_BE_CONFIGURED,
        "Product's documentation: Failed, Canceled or Queued",
    ),
    "requeue": Gate(
        frozenset({JobState.CANCELED, JobState.FAILED}),
        HResult.ONLY_FAILED_CANCELLED_JOBS_CAN_BE_CONFIGURED,
        "Product: a Failed or Canceled job is resubmitted",
    ),
    "finish": Gate(
        frozenset({JobState.QUEUED, JobState.RUNNING}),
        HResult.INVALID_CANCEL_JOB_STATE,
        "Product's documentation: Queued or Running; its client shares the gate of cancel",
    ),
}

# --- properties -----------------------------------------------------------------------------------


class PropertyRow(Struct, frozen=True):
    """One row: in which states the property may be given a new value, and the source."""

    states: frozenset[JobState]
    source: str


BEFORE_SUBMIT: Final = frozenset({JobState.CONFIGURING})
UNTIL_IT_ENDS: Final = frozenset({JobState.CONFIGURING, JobState.QUEUED, JobState.RUNNING})
UNTIL_IT_STARTS: Final = frozenset({JobState.CONFIGURING, JobState.QUEUED})
ALWAYS: Final = frozenset(JobState)
WORDS: Final = "Product: Project while Running too. Deliberate: all words about a job alike"
PROGRESS: Final = "Product: read and written in any state"

CHANGE_JOB: Final = {
    "name": PropertyRow(
        frozenset({JobState.CONFIGURING, JobState.RUNNING}),
        "Product, observed: not while Queued nor after Canceled, but while Running",
    ),
    "priority": PropertyRow(
        UNTIL_IT_ENDS,
        "Product: in the queue too. Deliberate: while Running too, for the tasks that still wait",
    ),
    "run_as": PropertyRow(
        BEFORE_SUBMIT, "Deliberate: who submits says as whom; no task changes its account later"
    ),
    "fail_on_task_failure": PropertyRow(
        UNTIL_IT_ENDS,
        "Deliberate: also while Running, where a task that has failed already counts at once",
    ),
    "run_until_canceled": PropertyRow(
        BEFORE_SUBMIT, "Product: a queued job is configured first before this is edited"
    ),
    "runtime_seconds": PropertyRow(
        UNTIL_IT_ENDS, "Product: while Running too. Deliberate: it counts from the job's start"
    ),
    "properties": PropertyRow(
        UNTIL_IT_ENDS, "Deliberate: they mean nothing here, and stand still when the job ends"
    ),
    "environment": PropertyRow(
        UNTIL_IT_ENDS, "Deliberate: while Running too, for the runs that start from then on"
    ),
    "valid_exit_codes": PropertyRow(
        UNTIL_IT_ENDS, "Deliberate: while Running too, for the runs that end from then on"
    ),
    "task_retry_count": PropertyRow(
        UNTIL_IT_ENDS, "Deliberate: while Running too, for the failures from then on"
    ),
    "hold_until": PropertyRow(
        UNTIL_IT_STARTS, "Product: while it waits in the queue. Deliberate: before that too"
    ),
    "project": PropertyRow(UNTIL_IT_ENDS, WORDS),
    "service_name": PropertyRow(UNTIL_IT_ENDS, WORDS),
    "client_source": PropertyRow(UNTIL_IT_ENDS, WORDS),
    "progress": PropertyRow(ALWAYS, PROGRESS),
    "progress_message": PropertyRow(ALWAYS, PROGRESS),
    "max_cores": PropertyRow(
        UNTIL_IT_ENDS, "Product: while Running too. Here it says how large a service added later is"
    ),
    "labels": PropertyRow(
        ALWAYS, "Deliberate: rules go by them, so they can be set right as long as there is a job"
    ),
}
"""Property by property. In Submitted, Validating and ExternalValidation none but the progress and
the labels changes: what is being validated must be what is queued."""

# --- one task: finish, requeue --------------------------------------------------------------------


class TaskRow(Struct, frozen=True):
    """One row: whether the command is accepted, and where that comes from."""

    accepted: bool
    source: str


CHANGE_STATES: Final = "Product: a task is changed while it is Configuring, and only then"
CHANGE_QUEUED: Final = (
    "Deliberate: also while it waits in a job that goes on, for its next run; a run whose start is "
    "under way with the old values is given up and begun again"
)

CHANGE_TASK: Final = {
    TaskState.CONFIGURING: TaskRow(True, CHANGE_STATES),
    TaskState.QUEUED: TaskRow(True, CHANGE_QUEUED),
    TaskState.SUBMITTED: TaskRow(
        False, "Deliberate: what is being validated must be what is queued"
    ),
    TaskState.VALIDATING: TaskRow(
        False, "Deliberate: what is being validated must be what is queued"
    ),
    TaskState.DISPATCHING: TaskRow(False, CHANGE_STATES),
    TaskState.RUNNING: TaskRow(False, CHANGE_STATES),
    TaskState.CANCELING: TaskRow(False, CHANGE_STATES),
    TaskState.FINISHING: TaskRow(False, CHANGE_STATES),
    TaskState.FINISHED: TaskRow(False, CHANGE_STATES),
    TaskState.FAILED: TaskRow(False, CHANGE_STATES),
    TaskState.CANCELED: TaskRow(False, CHANGE_STATES),
}

FINISH_STATES: Final = "Product: a running or queued task is finished"
FINISH_AS_CANCEL: Final = (
    "Deliberate: as the cancel of a task; what was done by hand need not run when the job does"
)
FINISH_SOURCE: Final = "Product: Operation_InvalidCancelTaskState 0x80040209"

FINISH_TASK: Final = {
    TaskState.CONFIGURING: TaskRow(True, FINISH_AS_CANCEL),
    TaskState.SUBMITTED: TaskRow(True, FINISH_AS_CANCEL),
    TaskState.VALIDATING: TaskRow(True, FINISH_AS_CANCEL),
    TaskState.QUEUED: TaskRow(True, FINISH_STATES),
    TaskState.DISPATCHING: TaskRow(True, FINISH_AS_CANCEL),
    TaskState.RUNNING: TaskRow(True, FINISH_STATES),
    TaskState.CANCELING: TaskRow(
        False, "Deliberate: a cancel under way is carried out; only a stronger cancel overtakes it"
    ),
    TaskState.FINISHING: TaskRow(
        False, "Deliberate: there is no forced finish, so nothing could overtake the first"
    ),
    TaskState.FINISHED: TaskRow(False, FINISH_SOURCE),
    TaskState.FAILED: TaskRow(False, FINISH_SOURCE),
    TaskState.CANCELED: TaskRow(False, FINISH_SOURCE),
}

REQUEUE_STATES: Final = "Product: a task is queued again from Failed and Canceled"
REQUEUE_SOURCE: Final = "Product: Operation_OnlyFailedCancelledTasksCanBeConfigured 0x8004024C"

REQUEUE_TASK: Final = {
    TaskState.FAILED: TaskRow(True, REQUEUE_STATES),
    TaskState.CANCELED: TaskRow(True, REQUEUE_STATES),
    TaskState.QUEUED: TaskRow(
        True, "Product: from Queued too, where it changes nothing; it is recorded all the same"
    ),
    TaskState.CONFIGURING: TaskRow(False, REQUEUE_SOURCE),
    TaskState.SUBMITTED: TaskRow(False, REQUEUE_SOURCE),
    TaskState.VALIDATING: TaskRow(False, REQUEUE_SOURCE),
    TaskState.DISPATCHING: TaskRow(False, REQUEUE_SOURCE),
    TaskState.RUNNING: TaskRow(False, REQUEUE_SOURCE),
    TaskState.CANCELING: TaskRow(False, REQUEUE_SOURCE),
    TaskState.FINISHING: TaskRow(False, REQUEUE_SOURCE),
    TaskState.FINISHED: TaskRow(False, REQUEUE_SOURCE),
}

REQUEUE_TASK_JOB: Final = Gate(
    frozenset({JobState.QUEUED, JobState.RUNNING}),
    HResult.ONLY_FAILED_CANCELLED_TASKS_CAN_BE_CONFIGURED,
    "Product: at once in a running job, impossible after the job has ended. Deliberate: nor while "
    "it ends, and before it is queued the job's own submit comes first",
)
REQUEUE_TASK_NEVER: Final = frozenset({TaskType.NODE_PREP, TaskType.NODE_RELEASE, TaskType.SERVICE})
"""Product: Operation_TaskOfTypeCannotBeReconfigured 0x8004024D; they come and go with the job."""
