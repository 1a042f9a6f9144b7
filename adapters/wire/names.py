"""The closed registry: every fact, its name on the wire, and its token in a subject."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from domain import events
from domain.errors import BadRequest
from domain.events import Event

TOKENS_REMEMBERED: Final = 4096
TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

WIRE_NAMES: Final[Mapping[type[Event], str]] = MappingProxyType(
    {
        events.JobAdded: "countermand.JobAdded.v1",
        events.TasksAdded: "countermand.TasksAdded.v1",
        events.JobPropertiesChanged: "countermand.JobPropertiesChanged.v1",
        events.TaskPropertiesChanged: "countermand.TaskPropertiesChanged.v1",
        events.JobSubmitted: "countermand.JobSubmitted.v1",
        events.JobValidationStarted: "countermand.JobValidationStarted.v1",
        events.JobExternalValidationStarted: "countermand.JobExternalValidationStarted.v1",
        events.JobQueued: "countermand.JobQueued.v1",
        events.JobRejected: "countermand.JobRejected.v1",
        events.JobActivationHeld: "countermand.JobActivationHeld.v1",
        events.JobStarted: "countermand.JobStarted.v1",
        events.TaskStarted: "countermand.TaskStarted.v1",
        events.TaskFinished: "countermand.TaskFinished.v1",
        events.TaskFailed: "countermand.TaskFailed.v1",
        events.JobCancelRequested: "countermand.JobCancelRequested.v1",
        events.JobCancelRepeated: "countermand.JobCancelRepeated.v1",
        events.JobCancelRefused: "countermand.JobCancelRefused.v1",
        events.JobCancelHeld: "countermand.JobCancelHeld.v1",
        events.JobCancelApprovalRequested: "countermand.JobCancelApprovalRequested.v1",
        events.JobCancelApproved: "countermand.JobCancelApproved.v1",
        events.JobCancelWithdrawn: "countermand.JobCancelWithdrawn.v1",
        events.JobCancelLapsed: "countermand.JobCancelLapsed.v1",
        events.BreakGlassUsed: "countermand.BreakGlassUsed.v1",
        events.BreakGlassReviewed: "countermand.BreakGlassReviewed.v1",
        events.TaskCancelRequested: "countermand.TaskCancelRequested.v1",
        events.TaskCancelRepeated: "countermand.TaskCancelRepeated.v1",
        events.TaskCancelRefused: "countermand.TaskCancelRefused.v1",
        events.TaskFinishRequested: "countermand.TaskFinishRequested.v1",
        events.TaskRequeued: "countermand.TaskRequeued.v1",
        events.JobCommandRefused: "countermand.JobCommandRefused.v1",
        events.EmergencyStopRecorded: "countermand.EmergencyStopRecorded.v1",
        events.TaskStopOrdered: "countermand.TaskStopOrdered.v1",
        events.TaskStopped: "countermand.TaskStopped.v1",
        events.TaskForceStopped: "countermand.TaskForceStopped.v1",
        events.TaskSurvivorsGone: "countermand.TaskSurvivorsGone.v1",
        events.TaskCanceled: "countermand.TaskCanceled.v1",
        events.NodeReleaseStarted: "countermand.NodeReleaseStarted.v1",
        events.NodeReleaseEnded: "countermand.NodeReleaseEnded.v1",
        events.NodeReleaseSkipped: "countermand.NodeReleaseSkipped.v1",
        events.JobCanceled: "countermand.JobCanceled.v1",
        events.JobFinishRequested: "countermand.JobFinishRequested.v1",
        events.JobFailing: "countermand.JobFailing.v1",
        events.TaskRuntimeExpired: "countermand.TaskRuntimeExpired.v1",
        events.JobEnding: "countermand.JobEnding.v1",
        events.JobFinished: "countermand.JobFinished.v1",
        events.JobFailed: "countermand.JobFailed.v1",
        events.JobConfigured: "countermand.JobConfigured.v1",
        events.JobRequeued: "countermand.JobRequeued.v1",
        events.JobRemoved: "countermand.JobRemoved.v1",
        events.JobProtected: "countermand.JobProtected.v1",
        events.JobProtectionLifted: "countermand.JobProtectionLifted.v1",
        events.JobLegalHoldPlaced: "countermand.JobLegalHoldPlaced.v1",
        events.JobLegalHoldReleased: "countermand.JobLegalHoldReleased.v1",
        events.ClusterParameterSet: "countermand.ClusterParameterSet.v1",
        events.ClusterCommandRefused: "countermand.ClusterCommandRefused.v1",
        events.JobIdsReserved: "countermand.JobIdsReserved.v1",
        events.StreamMended: "countermand.StreamMended.v1",
        events.LossAccepted: "countermand.LossAccepted.v1",
        events.StreamRestored: "countermand.StreamRestored.v1",
        events.CancelRefused: "countermand.CancelRefused.v1",
        events.BulkCancelRequested: "countermand.BulkCancelRequested.v1",
        events.PolicySchemaRecorded: "countermand.PolicySchemaRecorded.v1",
        events.PolicyProposed: "countermand.PolicyProposed.v1",
        events.PolicyActivated: "countermand.PolicyActivated.v1",
        events.PolicyShadowStarted: "countermand.PolicyShadowStarted.v1",
        events.PolicyShadowStopped: "countermand.PolicyShadowStopped.v1",
        events.PolicyCommandRefused: "countermand.PolicyCommandRefused.v1",
    }
)
"""Every fact and its name on the wire. Literals, chosen by us; a released name is never reused."""

FIRST_RELEASE: Final = "0.1.0"
SINCE: Final[Mapping[str, str]] = MappingProxyType({})
"""The release that first wrote a name, for every name that came after the first release."""

FACTS: Final[Mapping[str, type[Event]]] = MappingProxyType({n: f for f, n in WIRE_NAMES.items()})


def type_token(fact: type[Event]) -> str:
    """The short name that stands in the subject, such as ``JobCancelRequested``."""
    return token_of(WIRE_NAMES[fact])


def token_of(wire_name: str) -> str:
    """The short name within a wire name: ``countermand.JobAdded.v1`` gives ``JobAdded``."""
    return wire_name.split(".")[1]


@lru_cache(TOKENS_REMEMBERED)
def check_token(token: str) -> str:
    """``token`` itself, when it may stand in a subject. Raises ``BadRequest`` otherwise."""
    if TOKEN.fullmatch(token) is None:
        raise BadRequest(f"{token[:80]!r} is no token: 1 to 64 of letters, digits, '_' and '-'")
    return token
