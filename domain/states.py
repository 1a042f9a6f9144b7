"""States, task types and cancel modes, and the tables of legal moves, each row with its source.

The numbers are HPC Pack's bit flags. Those of ``JobState`` and ``TaskState`` differ from 8 upward
(8 is ExternalValidation for a job and Queued for a task), so the two never share a mapping.
"""

from enum import StrEnum
from typing import Final


class JobState(StrEnum):
    """Where a job is. Source: the product's job states."""

    CONFIGURING = "Configuring"
    SUBMITTED = "Submitted"
    VALIDATING = "Validating"
    EXTERNAL_VALIDATION = "ExternalValidation"
    QUEUED = "Queued"
    RUNNING = "Running"
    FINISHING = "Finishing"
    FINISHED = "Finished"
    FAILED = "Failed"
    CANCELED = "Canceled"
    CANCELING = "Canceling"


class TaskState(StrEnum):
    """Where a task, or one run of it, is."""

    CONFIGURING = "Configuring"
    SUBMITTED = "Submitted"
    VALIDATING = "Validating"
    QUEUED = "Queued"
    DISPATCHING = "Dispatching"
    RUNNING = "Running"
    FINISHING = "Finishing"
    FINISHED = "Finished"
    FAILED = "Failed"
    CANCELED = "Canceled"
    CANCELING = "Canceling"


JOB_STATE_NUMBER: Final = {
    JobState.CONFIGURING: 0x001,
    JobState.SUBMITTED: 0x002,
    JobState.VALIDATING: 0x004,
    JobState.EXTERNAL_VALIDATION: 0x008,
    JobState.QUEUED: 0x010,
    JobState.RUNNING: 0x020,
    JobState.FINISHING: 0x040,
    JobState.FINISHED: 0x080,
    JobState.FAILED: 0x100,
    JobState.CANCELED: 0x200,
    JobState.CANCELING: 0x400,
}

TASK_STATE_NUMBER: Final = {
    TaskState.CONFIGURING: 0x001,
    TaskState.SUBMITTED: 0x002,
    TaskState.VALIDATING: 0x004,
    TaskState.QUEUED: 0x008,
    TaskState.DISPATCHING: 0x010,
    TaskState.RUNNING: 0x020,
    TaskState.FINISHING: 0x040,
    TaskState.FINISHED: 0x080,
    TaskState.FAILED: 0x100,
    TaskState.CANCELED: 0x200,
    TaskState.CANCELING: 0x400,
}


class TaskType(StrEnum):
    """What a task is for. Source: the product's task types; MPI is a Basic task."""

    BASIC = "Basic"
    PARAMETRIC_SWEEP = "ParametricSweep"
    NODE_PREP = "NodePrep"
    NODE_RELEASE = "NodeRelease"
    SERVICE = "Service"


class JobType(StrEnum):
    """``Admin`` is a command job: only a cluster administrator creates, cancels or changes one."""

    BATCH = "Batch"
    ADMIN = "Admin"


class JobPriority(StrEnum):
    """Order in the queue; equal priorities go by the stream position of their JobQueued."""

    LOWEST = "Lowest"
    BELOW_NORMAL = "BelowNormal"
    NORMAL = "Normal"
    ABOVE_NORMAL = "AboveNormal"
    HIGHEST = "Highest"


JOB_PRIORITY_NUMBER: Final = {priority: n for n, priority in enumerate(JobPriority)}


class JobMark(StrEnum):
    """What a job can be marked as, for rules of the policy: protected, or under legal hold."""

    PROTECTION = "protection"
    LEGAL_HOLD = "legal_hold"


class CancelMode(StrEnum):
    """How a cancel stops what runs.

    * graceful: nothing new starts, running tasks run to their own end, node release runs.
    * normal: stop signal, TaskCancelGracePeriod seconds, kill; node release runs. ``CancelJob`` and
      ``CancelJob_2`` without force.
    * forced: killed at once, no grace, no node release. ``CancelJob_2`` with ``isForced``.
    """

    GRACEFUL = "graceful"
    NORMAL = "normal"
    FORCED = "forced"


CANCEL_STRENGTH: Final = {CancelMode.GRACEFUL: 0, CancelMode.NORMAL: 1, CancelMode.FORCED: 2}


class NodeRelease(StrEnum):
    """What a cancel or finish does with the node release task."""

    RUN = "run"
    SKIP = "skip"
    NONE = "none"


class StopStep(StrEnum):
    """``signal``: stop signal, grace, then kill. ``kill``: SIGKILL at once."""

    SIGNAL = "signal"
    KILL = "kill"


class StopCause(StrEnum):
    """Why a run was stopped.

    ``run_limit``: the run-time limit of the task or of its job ran out. ``task_failure``: another
    task failed, in a job with FailOnTaskFailure.
    """

    JOB_CANCEL = "job_cancel"
    TASK_CANCEL = "task_cancel"
    FINISH = "finish"
    RUN_LIMIT = "run_limit"
    TASK_FAILURE = "task_failure"


class ActivationHold(StrEnum):
    """What waits while an activation filter does not let a job start.

    * queue: it, and every job behind it that has not started: of equal or lower priority.
    * slots: it, on slots that are kept for it; others start on what is left.
    * job: it alone; others start on its slots.

    Source: the product's ActivationFilterResponse.
    """

    QUEUE = "queue"
    SLOTS = "slots"
    JOB = "job"


class FilterHow(StrEnum):
    """What became of a filter program. ``invalid``: it is there, and may not or cannot be run."""

    RAN = "ran"
    TIMED_OUT = "timed_out"
    MISSING = "missing"
    INVALID = "invalid"


class ForceReason(StrEnum):
    """Why SIGKILL was needed."""

    FORCED = "forced"
    GRACE_EXPIRED = "grace_expired"


class EmergencyOutcome(StrEnum):
    """What was seen of a stop that was ordered without the stream.

    stopped: every run was seen to end. partly: some were still there when nobody looked any more.
    unknown: who ordered it did not live to say; the ends of the runs tell it.
    """

    STOPPED = "stopped"
    PARTLY = "partly"
    UNKNOWN = "unknown"


class Effect(StrEnum):
    """A policy's answer. ``hold``: allowed, but it has to wait first."""

    ALLOW = "allow"
    HOLD = "hold"
    DENY = "deny"


class ReviewKind(StrEnum):
    """What somebody else has to review."""

    BREAK_GLASS = "break_glass"
    EMERGENCY_STOP = "emergency_stop"


class LapseCause(StrEnum):
    """Why a cancel that waited never takes effect."""

    EXPIRED = "expired"
    DENIED = "denied"
    STATE = "state"


JOB_ENDED: Final = frozenset({JobState.FINISHED, JobState.FAILED, JobState.CANCELED})
TASK_ENDED: Final = frozenset({TaskState.FINISHED, TaskState.FAILED, TaskState.CANCELED})
TASK_WAITING: Final = frozenset(
    {
        TaskState.CONFIGURING,
        TaskState.SUBMITTED,
        TaskState.VALIDATING,
        TaskState.QUEUED,
    }
)
TASK_ON_NODE: Final = frozenset(
    {TaskState.DISPATCHING, TaskState.RUNNING, TaskState.CANCELING, TaskState.FINISHING}
)
