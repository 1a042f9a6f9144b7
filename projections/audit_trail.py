"""The audit trail: a row for every request, repeat, refusal, order, stop, release, end and change.

Which facts have a row, and what it says, is a table (``projections.audit_words``). Everything in a
row is from the event itself, but for three columns: the job's owner, who asked for what the service
carries out (``requested_by``), and the place of that request (``request_position``).
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

from domain import events as e
from projections.stamps import stamp

LAG_MAX: Final = timedelta(minutes=1)
"""How far a row's time may lag behind an earlier one's; more, and the clock was set back."""


class Kind(StrEnum):
    """What a row is about."""

    REQUEST = "request"
    EMERGENCY_STOP = "emergency_stop"
    REPEAT = "repeat"
    REFUSAL = "refusal"
    ORDER = "order"
    STOP = "stop"
    FORCED_STOP = "forced_stop"
    SURVIVORS_GONE = "survivors_gone"
    NODE_RELEASE = "node_release"
    FILTER = "filter"
    END = "end"
    REQUEUE = "requeue"
    REMOVAL = "removal"
    MARK = "mark"
    PARAMETER_CHANGE = "parameter_change"
    POLICY_CHANGE = "policy_change"
    EVIDENCE = "evidence"


class Said(Struct, frozen=True):
    """What a fact says, by itself, in the terms of the trail.

    ``outcome``: for requests accepted, escalated, repeated, refused or unknown; for what is carried
    out the word that fits (signal, kill, Failed, ran, skipped, Canceled ...). ``tasks``: ranges of
    task ids, and of subtasks behind their task's ("2.1-500,2.7,4"), "" for the whole job.
    ``subject``: what it is about when that is no job, such as a parameter. ``detail``: a sentence
    with what no column holds.
    """

    kind: Kind
    operation: str
    outcome: str
    request_id: str = ""
    mode: str = ""
    message: str = ""
    reason_code: str = ""
    rule: str = ""
    explanation: str = ""
    code: str = ""
    tasks: str = ""
    subject: str = ""
    detail: str = ""


class AskedFor(Struct, frozen=True):
    """An accepted request that the service is carrying out: what its effects are traced to."""

    request_id: str
    position: int
    actor: str
    on_behalf_of: str


class AuditRow(Struct, frozen=True):
    """A row of the trail. ``position`` leads to its event, in the stream and in the journal.

    ``job_id``: None when it is about no job that has a number. ``time_high``: the latest time of
    this row and those before it, back to where the clock was last set back: times may lag behind
    the order, but behind ``time_high`` by no more than ``LAG_MAX``.
    ``request_position``: of the request that this follows from, None when it is one itself.
    """

    position: int
    time: str
    time_high: str
    event_id: str
    type: str
    kind: str
    operation: str
    outcome: str
    job_id: int | None
    tasks: str
    subject: str
    owner: str
    actor: str
    on_behalf_of: str
    origin: str
    address: str
    program: str
    request_id: str
    request_position: int | None
    requested_by: str
    mode: str
    message: str
    reason_code: str
    rule: str
    explanation: str
    code: str
    detail: str


def audit_row(
    recorded: e.Recorded,
    said: Said,
    position: int,
    *,
    job_id: int | None,
    owner: str,
    asked_for: AskedFor | None,
    high: datetime,
) -> AuditRow:
    """The row of an event. ``high``: its ``time_high``."""
    caller = recorded.event.caller
    return AuditRow(
        position=position,
        time=stamp(recorded.time),
        time_high=stamp(high),
        event_id=recorded.event.id,
        type=type(recorded.data).__name__,
        kind=said.kind.value,
        operation=str(said.operation),
        outcome=str(said.outcome),
        job_id=job_id,
        tasks=said.tasks,
        subject=said.subject,
        owner=owner,
        actor=caller.actor.name,
        on_behalf_of=caller.acted_for,
        origin=caller.origin.value,
        address=caller.address,
        program=caller.program,
        request_id=said.request_id,
        request_position=asked_for.position if asked_for else None,
        requested_by=requester(asked_for) if asked_for else "",
        mode=str(said.mode),
        message=said.message,
        reason_code=said.reason_code,
        rule=said.rule,
        explanation=said.explanation,
        code=str(said.code),
        detail=said.detail,
    )


def high_after(high: datetime | None, time: datetime) -> datetime:
    """The latest time, with one more row; when its own lags too far behind, the clock was set
    back, and it begins anew."""
    return time if high is None or time < high - LAG_MAX else max(high, time)


def requester(asked_for: AskedFor) -> str:
    """Who asked, and for whom."""
    whom = asked_for.on_behalf_of
    return f"{asked_for.actor} for {whom}" if whom else asked_for.actor
