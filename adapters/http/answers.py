"""What answers look like on the wire, and how they are made from what the use cases give."""

import base64
from typing import Final

import msgspec
from litestar import Response
from msgspec import UNSET, Raw, Struct, UnsetType

from adapters.http.job_answers import JobDetail, detail_of
from adapters.http.shapes import (
    Count,
    HResultText,
    JobNumber,
    JobStateWord,
    KindOfParameter,
    Link,
    ModeWord,
    OutcomeWord,
    ParameterNumber,
    PositionNumber,
    StoredJson,
    TaskNumber,
    TaskStateWord,
    Time,
    Uuid,
    VersionNumber,
)
from adapters.http.text import hexadecimal, stamp
from application.ports import Stored, Undecodable
from application.queries import Replayed
from application.receipts import Receipt, UnderWay
from application.replay import ReplayStep
from domain.cluster import job_number
from domain.hresult import hpc_name
from domain.parameters import Kind, Parameter, Value
from projections.summary import summary

POSITION: Final = "Countermand-Position"
JOBS_PATH: Final = "/api/v1/jobs"


def json_answer(
    content: object,
    status: int = 200,
    position: int | None = None,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """``content`` as JSON; ``position`` goes into the header ``Countermand-Position``."""
    told = dict(headers or {})
    if position is not None:
        told[POSITION] = str(position)
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, media_type="application/json", headers=told)


# --- receipts -------------------------------------------------------------------------------------


class UnderWayBody(Struct, frozen=True):
    """The cancel in force."""

    request_id: str
    actor: str
    on_behalf_of: str
    mode: ModeWord
    message: str
    at: Time
    position: PositionNumber


class ReceiptBody(Struct, frozen=True):
    """The answer to a command.

    ``job_id``: a number, or the text that is none; null for commands on the cluster.
    ``hresult_name``: HPC Pack's name of that number, "" for none.
    ``trail``: where the job's events are; null where there is no job.
    """

    outcome: OutcomeWord
    operation: str
    job_id: JobNumber | str | None
    task_id: TaskNumber | None
    request_id: str
    event_id: Uuid
    event_type: str
    version: VersionNumber
    position: PositionNumber
    job_state: JobStateWord | None
    explanation: str
    code: str
    hresult: HResultText
    hresult_name: str
    rule: str
    under_way: UnderWayBody | None
    already_canceled: bool
    replayed: bool
    trail: Link | None


def receipt_body(receipt: Receipt) -> ReceiptBody:
    """A receipt as it goes out."""
    number = job_number(receipt.job_id)
    exists = number is not None and receipt.job_state is not None
    return ReceiptBody(
        outcome=receipt.outcome,
        operation=receipt.operation,
        job_id=number or receipt.job_id or None,
        task_id=receipt.task_id,
        request_id=receipt.request_id,
        event_id=receipt.event_id,
        event_type=receipt.event_type,
        version=receipt.version,
        position=receipt.position,
        job_state=receipt.job_state,
        explanation=receipt.explanation,
        code=receipt.code,
        hresult=hexadecimal(receipt.hresult),
        hresult_name=hpc_name(receipt.hresult),
        rule=receipt.rule,
        under_way=under_way_body(receipt.under_way),
        already_canceled=receipt.already_canceled,
        replayed=receipt.replayed,
        trail=f"{JOBS_PATH}/{number}/events" if exists else None,
    )


def under_way_body(cancel: UnderWay | None) -> UnderWayBody | None:
    """The cancel in force, if there is one."""
    if cancel is None:
        return None
    return UnderWayBody(
        request_id=cancel.request_id,
        actor=cancel.actor,
        on_behalf_of=cancel.on_behalf_of,
        mode=cancel.mode,
        message=cancel.message,
        at=stamp(cancel.at),
        position=cancel.position,
    )


# --- events and replay ----------------------------------------------------------------------------


class EventBody(Struct, frozen=True):
    """A stored event, byte for byte.

    ``unreadable``: only for bytes that are no known event, and why. ``raw_base64``: only for bytes
    that are not even JSON; ``event`` is then null.
    """

    position: PositionNumber
    event: StoredJson
    unreadable: str | UnsetType = UNSET
    raw_base64: str | UnsetType = UNSET


class StreamedBody(EventBody, frozen=True, kw_only=True):
    """A stored event on the stream of all."""

    aggregate: str


class SentEvent(Struct, frozen=True):
    """A server-sent event. ``data``: JSON, a ``StreamedBody`` for an event of the stream."""

    event: str | UnsetType = UNSET
    data: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    retry: Count | UnsetType = UNSET


class EventsBody(Struct, frozen=True):
    """A job's events in order."""

    job_id: JobNumber
    events: tuple[EventBody, ...]


class PositionBody(Struct, frozen=True):
    """All that is to be seen up to ``position`` has been sent."""

    position: PositionNumber


def event_body(stored: Stored) -> EventBody:
    """A job's event."""
    event, unreadable, raw_base64 = bytes_of(stored)
    return EventBody(stored.position, event, unreadable, raw_base64)


def streamed_body(stored: Stored) -> StreamedBody:
    """Any event."""
    event, unreadable, raw_base64 = bytes_of(stored)
    return StreamedBody(
        stored.position, event, unreadable, raw_base64, aggregate=str(stored.aggregate)
    )


def bytes_of(stored: Stored) -> tuple[Raw, str | UnsetType, str | UnsetType]:
    """The exact bytes as JSON; for what is no event the reason, and base64 when it is no JSON."""
    if not isinstance(stored.fact, Undecodable):
        return Raw(stored.raw), UNSET, UNSET
    try:
        msgspec.json.decode(stored.raw)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        coded = base64.b64encode(stored.raw).decode("ascii")
        return Raw(b"null"), stored.fact.reason, coded
    return Raw(stored.raw), stored.fact.reason, UNSET


class TaskChangeBody(Struct, frozen=True):
    """A task before (null: it is new) and after one event."""

    task: TaskNumber
    before: TaskStateWord | None
    after: TaskStateWord
    attempt: Count


class StepBody(Struct, frozen=True):
    """One event and what it changed."""

    position: PositionNumber
    version: VersionNumber
    type: str
    time: Time
    actor: str
    on_behalf_of: str
    state_before: JobStateWord | None
    state_after: JobStateWord
    tasks: tuple[TaskChangeBody, ...]
    summary: str


class ReplayBody(Struct, frozen=True):
    """A job told from its events. ``matches_live``: null when it was not told to the end."""

    job_id: JobNumber
    steps: tuple[StepBody, ...]
    job: JobDetail
    position: PositionNumber
    matches_live: bool | None


def replay_body(replayed: Replayed) -> ReplayBody:
    """A replay as it goes out."""
    return ReplayBody(
        job_id=replayed.job.id,
        steps=tuple(step_body(step) for step in replayed.steps),
        job=detail_of(replayed.job, replayed.position),
        position=replayed.position,
        matches_live=replayed.matches_live,
    )


def step_body(step: ReplayStep) -> StepBody:
    """One step as it goes out."""
    caller, changes = step.recorded.event.caller, step.tasks
    return StepBody(
        position=step.position,
        version=step.recorded.version,
        type=type(step.recorded.data).__name__,
        time=stamp(step.recorded.time),
        actor=caller.actor.name,
        on_behalf_of=caller.on_behalf_of.name if caller.on_behalf_of else "",
        state_before=step.before,
        state_after=step.job.state,
        tasks=tuple(TaskChangeBody(c.task, c.before, c.after, c.attempt) for c in changes),
        summary=summary(step.recorded.data),
    )


# --- the cluster, and who asks --------------------------------------------------------------------


class ParameterBody(Struct, frozen=True):
    """A cluster parameter and the value in force: a number, or the text of every other kind.

    ``minimum``, ``maximum``: null for what is no number. ``words``: the values of an enumeration or
    a boolean. ``effect``: whether anything here depends on it.
    """

    name: str
    kind: KindOfParameter
    value: ParameterNumber | str
    unit: str
    default: ParameterNumber | str
    minimum: ParameterNumber | None
    maximum: ParameterNumber | None
    words: tuple[str, ...]
    effect: bool
    meaning: str


class ParametersBody(Struct, frozen=True):
    """All cluster parameters."""

    parameters: tuple[ParameterBody, ...]


class WhoAmI(Struct, frozen=True):
    """Who the server takes the caller for."""

    name: str
    roles: tuple[str, ...]
    method: str
    acting_for: str | None


def parameter_body(parameter: Parameter, value: Value) -> ParameterBody:
    """A parameter as it goes out."""
    number = parameter.kind is Kind.NUMBER
    return ParameterBody(
        name=parameter.name,
        kind=parameter.kind,
        value=value,
        unit=parameter.unit,
        default=parameter.default,
        minimum=parameter.minimum if number else None,
        maximum=parameter.maximum if number else None,
        words=parameter.words,
        effect=parameter.effect,
        meaning=parameter.meaning,
    )
