"""Receipts: the answer to a command, as it goes out."""

from typing import Final

from msgspec import Struct

from adapters.http.bodies.shapes import (
    API,
    HResultText,
    JobNumber,
    JobStateWord,
    Link,
    ModeWord,
    OutcomeWord,
    PositionNumber,
    SubtaskNumber,
    TaskNumber,
    Time,
    Uuid,
    VersionNumber,
)
from adapters.web.text import hexadecimal
from application.receipts import Receipt, UnderWay
from domain.cluster import job_number
from domain.hresult import hpc_name
from projections.stamps import stamp

JOBS_PATH: Final = f"{API}/jobs"


class UnderWayBody(Struct, frozen=True):
    """The cancel in force. ``due``: of one that only waits, when its hold is over; else null."""

    request_id: str
    actor: str
    on_behalf_of: str
    mode: ModeWord
    message: str
    at: Time
    position: PositionNumber
    due: Time | None


class ReceiptBody(Struct, frozen=True):
    """The answer to a command.

    ``job_id``: a number, or the text that is none; null for commands on the cluster.
    ``subtask_id``: null unless the command was for one subtask of the task ``task_id``.
    ``hresult_name``: HPC Pack's name of that number, "" for none.
    ``trail``: where the job's events are; null where there is no job.
    """

    outcome: OutcomeWord
    operation: str
    job_id: JobNumber | str | None
    task_id: TaskNumber | None
    subtask_id: SubtaskNumber | None
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
        subtask_id=receipt.instance or None,
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
        due=cancel.due or None,
    )
