"""Pages of the audit trail as they go out."""

from typing import Final

from msgspec import Struct

from adapters.http.bodies.page import ListBody, sentence
from adapters.http.bodies.shapes import (
    API,
    JobNumber,
    KindWord,
    Link,
    ModeOrNone,
    OriginWord,
    PositionNumber,
    Time,
    Uuid,
)
from application.listing import Listed
from application.views import TRAIL_COLUMNS
from projections.audit_trail import AuditRow

EVENTS_PATH: Final = f"{API}/events"


class AuditLine(Struct, frozen=True):
    """A row of the trail: ``application.views.TRAIL_COLUMNS`` in their order.

    ``position`` leads to its event. ``tasks``: ranges of task ids, and of subtasks behind their
    task's ("2.1-500,2.7,4"), "" for the whole job.
    ``request_position``: of the accepted request that this follows from, null for requests.
    """

    position: PositionNumber
    time: Time
    event_id: Uuid
    type: str
    kind: KindWord
    operation: str
    outcome: str
    job_id: JobNumber | None
    tasks: str
    subject: str
    owner: str
    actor: str
    on_behalf_of: str
    origin: OriginWord
    address: str
    program: str
    request_id: str
    request_position: PositionNumber | None
    requested_by: str
    mode: ModeOrNone
    message: str
    reason_code: str
    rule: str
    explanation: str
    code: str
    detail: str


class AuditItem(AuditLine, frozen=True, kw_only=True):
    """A row of the trail in a page. ``event``: where its event is, byte for byte."""

    event: Link


class AuditBody(ListBody, frozen=True, kw_only=True):
    """A page of the trail."""

    rows: tuple[AuditItem, ...]


def audit_item(row: AuditRow) -> AuditItem:
    """A row as it goes out."""
    plain = {name: getattr(row, name) for name in TRAIL_COLUMNS}
    return AuditItem(**plain, event=f"{EVENTS_PATH}/{row.position}")


def audit_body(listed: Listed[AuditRow], after: str | None) -> AuditBody:
    """A page of the trail as it goes out."""
    return AuditBody(
        rows=tuple(map(audit_item, listed.answer.rows)),
        next=after,
        position=listed.answer.position,
        behind=listed.behind,
        stopped=sentence(listed.stopped),
    )
