"""Every fact as a frozen Struct. Past tense, small, final: a released field is never taken away.

These are the ``data`` of an event; who, when and where stand in its envelope (``NewEvent``). Limits
are checked when a fact is made, never when it is read: a limit may change, history may not. In
place, a fact may only gain fields with defaults; anything else is a new wire name with an upcast.
Wire names are given in the codec's closed registry, not derived from these class names.

The published schemas are made from these Structs and their docstrings: what a field means stands
behind its name and a colon, in the docstring of its Struct; what it means everywhere stands here.

``request_id``: the request that called for it: its Idempotency-Key, or an id that was made for it.
It is unique for one actor, one operation and one job.
``message``: the operator's text as given, at most 320 UTF-16 code units; it may be empty.
``message_units``: the length of the whole message in UTF-16 code units.
``message_sha256``: SHA-256 (hex) of the whole message as UTF-8, or "" when ``message`` is whole.
``reason_code``: the reason as one word of a-z, 0-9, _ and -, or "". A refusal keeps what was given,
cut to 32 characters.
``mode``: how the cancel stops what runs.
``task``: the number of the task; tasks count from 1 in a job.
``from_state``: the state it was in before.
``state``: the state of the job when it was asked.
``running``: the runs that were on a node.
``waiting``: the tasks that were waiting to run.
``grace_seconds``: seconds from the stop signal to SIGKILL, TaskCancelGracePeriod at that moment; 0
when forced.
``node_release``: what becomes of the node release task.
``escalates``: the request id of the weaker cancel that this one takes over from, or "".
``escalates_version``: the version of that cancel's event, or 0: a request id is unique for one
actor only.
``under_way``: the request id of the cancel that is being carried out, or waits.
``cancel_id``: the request id of a cancel that waits, or did.
``under_way_version``: the version of that cancel's event.
``decision``: the policy's answer, with what it rests on.
``content_sha256``: SHA-256 (hex) of what the request asked for: it tells a retry of the request
from another one that uses its id.
``code``: why, as a stable word for programs.
``hresult``: HPC Pack's error number as an unsigned number of 32 bits; 0 for none.
``rule``: the rule that refused: a policy rule, a limit, or a row of the state table.
``explanation``: why, as a sentence for a person.
``reason``: why, in words.
``runs``: the runs it is about: ranges of runs that are alike, never long lists of single ones.
``node``: the name of the node.
``attempt``: which run of its task it is, from 1; it counts on when the job is queued again.
``handle``: how to find the run again.
``exit``: how the run's first process ended.
``cause``: what kind of request stopped the run.
``after_ms``: milliseconds from the order to the end of the run.
``killed``: how many processes were sent SIGKILL.
``survivors``: how many processes were still there when the engine stopped looking.
``outcome``: the state that the run or the job ends in.
``queued``: the tasks that will run (again).
``kept``: the tasks that stay as they are.
``requeue_count``: how often the job was taken back or queued again, this time included.
``run_as``: the account that the job's tasks run as, or "" for the default.
"""

from domain.events.bulk import BulkCancelRequested, JobSet, JobsWanted
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
    LossAccepted,
    StreamMended,
    StreamRestored,
)
from domain.events.emergency import EmergencyStop, EmergencyStopRecorded
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
    BULK,
    CLUSTER,
    JOB,
    POLICY,
    REQUEST,
    Aggregate,
    BulkEvent,
    ClusterEvent,
    Event,
    JobEvent,
    NewEvent,
    PolicyEvent,
    Recorded,
    RefusalEvent,
    RequestEvent,
    bulk_aggregate,
    job_aggregate,
    request_aggregate,
)
from domain.events.failing import JobFailing, TaskRuntimeExpired
from domain.events.filtering import JobActivationHeld
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
from domain.events.marks import (
    JobLegalHoldPlaced,
    JobLegalHoldReleased,
    JobProtected,
    JobProtectionLifted,
)
from domain.events.parts import (
    Decision,
    Exit,
    PolicyEntity,
    PolicyRequest,
    PolicyValue,
    RunHandle,
    RunRange,
    RunSet,
    ShadowAnswer,
    SubtaskSet,
    TaskSet,
    TaskSpec,
)
from domain.events.policy import (
    PolicyActivated,
    PolicyCommandRefused,
    PolicyProposed,
    PolicySchemaRecorded,
    PolicyShadowStarted,
    PolicyShadowStopped,
)
from domain.events.reviewing import BreakGlassReviewed, BreakGlassUsed
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
from domain.events.tasks import TaskFinishRequested, TaskPropertiesChanged, TaskRequeued
from domain.events.waiting import (
    JobCancelApprovalRequested,
    JobCancelApproved,
    JobCancelHeld,
    JobCancelLapsed,
    JobCancelWithdrawn,
)

__all__ = [
    "BULK",
    "CLUSTER",
    "JOB",
    "POLICY",
    "REQUEST",
    "Aggregate",
    "BreakGlassReviewed",
    "BreakGlassUsed",
    "BulkCancelRequested",
    "BulkEvent",
    "CancelRefused",
    "ClusterCommandRefused",
    "ClusterEvent",
    "ClusterParameterSet",
    "Decision",
    "EmergencyStop",
    "EmergencyStopRecorded",
    "Event",
    "Exit",
    "JobActivationHeld",
    "JobAdded",
    "JobCancelApprovalRequested",
    "JobCancelApproved",
    "JobCancelHeld",
    "JobCancelLapsed",
    "JobCancelRefused",
    "JobCancelRepeated",
    "JobCancelRequested",
    "JobCancelWithdrawn",
    "JobCanceled",
    "JobCommandRefused",
    "JobConfigured",
    "JobEnding",
    "JobEvent",
    "JobExternalValidationStarted",
    "JobFailed",
    "JobFailing",
    "JobFinishRequested",
    "JobFinished",
    "JobIdsReserved",
    "JobLegalHoldPlaced",
    "JobLegalHoldReleased",
    "JobPropertiesChanged",
    "JobProtected",
    "JobProtectionLifted",
    "JobQueued",
    "JobRejected",
    "JobRemoved",
    "JobRequeued",
    "JobSet",
    "JobStarted",
    "JobSubmitted",
    "JobValidationStarted",
    "JobsWanted",
    "LossAccepted",
    "NewEvent",
    "NodeReleaseEnded",
    "NodeReleaseSkipped",
    "NodeReleaseStarted",
    "PolicyActivated",
    "PolicyCommandRefused",
    "PolicyEntity",
    "PolicyEvent",
    "PolicyProposed",
    "PolicyRequest",
    "PolicySchemaRecorded",
    "PolicyShadowStarted",
    "PolicyShadowStopped",
    "PolicyValue",
    "Recorded",
    "RefusalEvent",
    "RequestEvent",
    "RunHandle",
    "RunRange",
    "RunSet",
    "ShadowAnswer",
    "StreamMended",
    "StreamRestored",
    "SubtaskSet",
    "TaskCancelRefused",
    "TaskCancelRepeated",
    "TaskCancelRequested",
    "TaskCanceled",
    "TaskFailed",
    "TaskFinishRequested",
    "TaskFinished",
    "TaskForceStopped",
    "TaskPropertiesChanged",
    "TaskRequeued",
    "TaskRuntimeExpired",
    "TaskSet",
    "TaskSpec",
    "TaskStarted",
    "TaskStopOrdered",
    "TaskStopped",
    "TaskSurvivorsGone",
    "TasksAdded",
    "bulk_aggregate",
    "job_aggregate",
    "request_aggregate",
]
