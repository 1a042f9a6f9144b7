"""Which facts there are, and what stands around each: aggregate, version, who, when, and why."""

import hashlib
from datetime import datetime
from typing import Final

from msgspec import Struct

from domain.events.bulk import BulkCancelRequested
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
from domain.events.emergency import EmergencyStopRecorded
from domain.events.ending import (
    JobConfigured,
    JobEnding,
    JobFailed,
    JobFinished,
    JobFinishRequested,
    JobRemoved,
    JobRequeued,
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
from domain.identity import Caller

JobEvent = (
    JobAdded
    | TasksAdded
    | JobPropertiesChanged
    | TaskPropertiesChanged
    | JobSubmitted
    | JobValidationStarted
    | JobExternalValidationStarted
    | JobQueued
    | JobRejected
    | JobActivationHeld
    | JobStarted
    | TaskStarted
    | TaskFinished
    | TaskFailed
    | JobCancelRequested
    | JobCancelRepeated
    | JobCancelRefused
    | JobCancelHeld
    | JobCancelApprovalRequested
    | JobCancelApproved
    | JobCancelWithdrawn
    | JobCancelLapsed
    | BreakGlassUsed
    | BreakGlassReviewed
    | TaskCancelRequested
    | TaskCancelRepeated
    | TaskCancelRefused
    | TaskFinishRequested
    | TaskRequeued
    | JobCommandRefused
    | EmergencyStopRecorded
    | TaskStopOrdered
    | TaskStopped
    | TaskForceStopped
    | TaskSurvivorsGone
    | TaskCanceled
    | NodeReleaseStarted
    | NodeReleaseEnded
    | NodeReleaseSkipped
    | JobCanceled
    | JobFinishRequested
    | JobFailing
    | TaskRuntimeExpired
    | JobEnding
    | JobFinished
    | JobFailed
    | JobConfigured
    | JobRequeued
    | JobProtected
    | JobProtectionLifted
    | JobLegalHoldPlaced
    | JobLegalHoldReleased
    | JobRemoved
)
ClusterEvent = (
    ClusterParameterSet
    | ClusterCommandRefused
    | JobIdsReserved
    | StreamMended
    | LossAccepted
    | StreamRestored
)
RequestEvent = CancelRefused
BulkEvent = BulkCancelRequested
PolicyEvent = (
    PolicySchemaRecorded
    | PolicyProposed
    | PolicyActivated
    | PolicyShadowStarted
    | PolicyShadowStopped
    | PolicyCommandRefused
)
Event = JobEvent | ClusterEvent | RequestEvent | BulkEvent | PolicyEvent
RefusalEvent = (
    JobCancelRefused
    | TaskCancelRefused
    | JobCommandRefused
    | ClusterCommandRefused
    | CancelRefused
    | PolicyCommandRefused
)


class Aggregate(Struct, frozen=True, order=True):
    """The unit of consistency.

    ``job`` and its number, ``cluster`` and its name, ``request`` and a day, ``bulk`` and a digest
    of who asked and of the request id, ``policy`` and the cluster's name. Both parts are tokens of
    a subject: ``[A-Za-z0-9_-]{1,64}``. Raw user input never becomes one.
    """

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.id}"


JOB: Final = "job"
CLUSTER: Final = "cluster"
REQUEST: Final = "request"
BULK: Final = "bulk"
POLICY: Final = "policy"
BULK_ID_CHARACTERS: Final = 32


def job_aggregate(job_id: int) -> Aggregate:
    """The aggregate of a job; ids are 1..2^31-1."""
    return Aggregate(JOB, str(job_id))


def request_aggregate(day: datetime) -> Aggregate:
    """The aggregate that holds a UTC day's requests on jobs that do not exist."""
    return Aggregate(REQUEST, day.strftime("%Y%m%d"))


def bulk_aggregate(asker: str, request_id: str) -> Aggregate:
    """The aggregate of one request on many jobs: whoever asks again under its id meets it."""
    whole = f"{asker}\x00{request_id}".encode("utf-8", "surrogatepass")
    return Aggregate(BULK, hashlib.sha256(whole).hexdigest()[:BULK_ID_CHARACTERS])


class NewEvent(Struct, frozen=True):
    """A decided fact with its envelope, ready to be appended.

    ``id``: UUIDv7, fixed before the first attempt to publish. ``time``: UTC with microseconds, from
    the service's clock, never earlier than the aggregate's previous event. ``correlation_id`` names
    the request that began the chain; ``causation_id`` the event or request this follows from.
    """

    id: str
    time: datetime
    caller: Caller
    correlation_id: str
    causation_id: str
    data: Event


class Recorded(Struct, frozen=True):
    """A stored fact: what ``evolve`` folds. ``version`` is 1, 2, 3, ... within the aggregate."""

    aggregate: Aggregate
    version: int
    event: NewEvent

    @property
    def data(self) -> Event:
        """The fact itself."""
        return self.event.data

    @property
    def time(self) -> datetime:
        """When the service recorded it."""
        return self.event.time
