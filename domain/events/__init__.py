"""Every fact as a frozen Struct. Past tense, small, final: a released field is never taken away.

These are the ``data`` of an event; who, when and where stand in its envelope (``NewEvent``). Limits
are checked when a fact is made, never when it is read: a limit may change, history may not. In
place, a fact may only gain fields with defaults; anything else is a new wire name with an upcast.
Wire names are given in the codec's closed registry, not derived from these class names.

``content_sha256`` is a digest of what the request asked for: it tells a retry of the request from
another one that uses its id.

Facts about runs carry ``runs``: ranges of runs that are alike, never long lists of single ones.
"""

from domain.events.cancel import (
    JobCancelRefused,
    JobCancelRepeated,
    JobCancelRequested,
    JobCommandRefused,
    TaskCancelRefused,
    TaskCancelRepeated,
    TaskCancelRequested,
)
from domain.events.cluster import (
    CancelRefused,
    ClusterCommandRefused,
    ClusterParameterSet,
    JobIdsReserved,
)
from domain.events.ending import (
    JobConfigured,
    JobEnding,
    JobFailed,
    JobFinished,
    JobFinishRequested,
    JobRemoved,
    JobRequeued,
)
from domain.events.envelope import (
    CLUSTER,
    JOB,
    REQUEST,
    Aggregate,
    ClusterEvent,
    Event,
    JobEvent,
    NewEvent,
    Recorded,
    RefusalEvent,
    RequestEvent,
    job_aggregate,
    request_aggregate,
)
from domain.events.making import (
    JobAdded,
    JobExternalValidationStarted,
    JobPropertiesChanged,
    JobQueued,
    JobRejected,
    JobSubmitted,
    JobValidationStarted,
    TasksAdded,
)
from domain.events.parts import Decision, Exit, RunHandle, RunRange, RunSet, TaskSet, TaskSpec
from domain.events.running import JobStarted, TaskFailed, TaskFinished, TaskStarted
from domain.events.stopping import (
    JobCanceled,
    NodeReleaseEnded,
    NodeReleaseSkipped,
    NodeReleaseStarted,
    TaskCanceled,
    TaskForceStopped,
    TaskStopOrdered,
    TaskStopped,
    TaskSurvivorsGone,
)
from domain.events.tasks import TaskFinishRequested, TaskRequeued

__all__ = [
    "CLUSTER",
    "JOB",
    "REQUEST",
    "Aggregate",
    "CancelRefused",
    "ClusterCommandRefused",
    "ClusterEvent",
    "ClusterParameterSet",
    "Decision",
    "Event",
    "Exit",
    "JobAdded",
    "JobCancelRefused",
    "JobCancelRepeated",
    "JobCancelRequested",
    "JobCanceled",
    "JobCommandRefused",
    "JobConfigured",
    "JobEnding",
    "JobEvent",
    "JobExternalValidationStarted",
    "JobFailed",
    "JobFinishRequested",
    "JobFinished",
    "JobIdsReserved",
    "JobPropertiesChanged",
    "JobQueued",
    "JobRejected",
    "JobRemoved",
    "JobRequeued",
    "JobStarted",
    "JobSubmitted",
    "JobValidationStarted",
    "NewEvent",
    "NodeReleaseEnded",
    "NodeReleaseSkipped",
    "NodeReleaseStarted",
    "Recorded",
    "RefusalEvent",
    "RequestEvent",
    "RunHandle",
    "RunRange",
    "RunSet",
    "TaskCancelRefused",
    "TaskCancelRepeated",
    "TaskCancelRequested",
    "TaskCanceled",
    "TaskFailed",
    "TaskFinishRequested",
    "TaskFinished",
    "TaskForceStopped",
    "TaskRequeued",
    "TaskSet",
    "TaskSpec",
    "TaskStarted",
    "TaskStopOrdered",
    "TaskStopped",
    "TaskSurvivorsGone",
    "TasksAdded",
    "job_aggregate",
    "request_aggregate",
]
