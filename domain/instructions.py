"""What the service tells a job, as frozen Structs. One that does not fit gives no fact."""

from datetime import datetime

from msgspec import Struct

from domain.events import Exit, RunHandle
from domain.new_values import JobChanges
from domain.states import FilterHow, StopStep


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
