"""Texts of answers that have a form: what the contract says of them beside that they are text."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Raw

from application.node_use import NodeState
from application.views import Trouble
from domain.identity import Origin, PrincipalKind, Role
from domain.outcome import Outcome
from domain.parameters import Kind as ParameterKind
from domain.states import (
    ActivationHold,
    CancelMode,
    Effect,
    JobPriority,
    JobState,
    JobType,
    NodeRelease,
    ReviewKind,
    StopCause,
    TaskState,
    TaskType,
)
from projections.audit_trail import Kind
from projections.cancellations import Release, Stage

API: Final = "/api/v1"
"""What every path begins with."""


def one_of(words: Iterable[str] | type[StrEnum], *more: str) -> Meta:
    """One of these words."""
    return Meta(extra_json_schema={"enum": [*map(str, words), *more]})


TIME_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time", "pattern": TIME_PATTERN})]
"""RFC 3339 in UTC, with six digits of fraction."""

Uuid = Annotated[str, Meta(extra_json_schema={"format": "uuid"})]
Link = Annotated[str, Meta(extra_json_schema={"format": "uri-reference"})]
HResultText = Annotated[str, Meta(extra_json_schema={"pattern": "^(0x[0-9A-F]{8})?$"})]
"""HPC Pack's number, or "" for none."""

StoredJson = Annotated[
    Raw,
    Meta(
        description="The CloudEvent as it is stored; its schema is under schema/events.",
        extra_json_schema={"type": ["object", "null"]},
    ),
]
"""Stored bytes; null for what is not even JSON."""

Count = Annotated[int, Meta(ge=0)]
PositionNumber = Annotated[int, Meta(ge=0)]
VersionNumber = Annotated[int, Meta(ge=1)]
JobNumber = Annotated[int, Meta(ge=1)]
TaskNumber = Annotated[int, Meta(ge=0)]
SubtaskNumber = Annotated[int, Meta(ge=1)]
ParameterNumber = Annotated[int, Meta(ge=-1)]
"""Of a cluster parameter; -1 means all where a parameter counts things."""


JobStateWord = Annotated[str, one_of(JobState)]
TaskStateWord = Annotated[str, one_of(TaskState)]
JobTypeWord = Annotated[str, one_of(JobType)]
TaskTypeWord = Annotated[str, one_of(TaskType)]
PriorityWord = Annotated[str, one_of(JobPriority)]
EffectWord = Annotated[str, one_of(Effect)]
ModeWord = Annotated[str, one_of(CancelMode)]
ModeOrNone = Annotated[str, one_of(CancelMode, "")]
"""A cancel's mode, or "" where there is none."""

ReviewKindWord = Annotated[str, one_of(ReviewKind)]
StopCauseWord = Annotated[str, one_of(StopCause)]
HoldWord = Annotated[str, one_of(ActivationHold)]
NodeReleaseWord = Annotated[str, one_of(NodeRelease)]
ReleaseWord = Annotated[str, one_of(Release)]
StageWord = Annotated[str, one_of(Stage)]
TroubleWord = Annotated[str, one_of(Trouble)]
OutcomeWord = Annotated[str, one_of(Outcome)]
KindWord = Annotated[str, one_of(Kind)]
OriginWord = Annotated[str, one_of(Origin)]
KindOfParameter = Annotated[str, one_of(ParameterKind)]
NodeStateWord = Annotated[str, one_of(NodeState)]
RoleWord = Annotated[str, one_of(Role)]
PrincipalKindWord = Annotated[str, one_of(PrincipalKind)]
