"""Cancels that wait, as they go out, and what is said about one."""

from msgspec import Struct

from adapters.http.bodies.commands import MessageText
from adapters.http.bodies.shapes import Count, JobNumber, ModeWord, PositionNumber, Time
from application.pending import Pending, PendingSeen
from domain.waiting import WaitingCancel
from projections.stamps import stamp


class ApprovalBody(Struct, forbid_unknown_fields=True):
    """Why it is approved."""

    message: MessageText = ""


class WithdrawalBody(Struct, forbid_unknown_fields=True):
    """Why it is taken back: one that says nothing is refused."""

    message: MessageText = ""


class ApprovalDetail(Struct, frozen=True):
    """Somebody approved."""

    actor: str
    on_behalf_of: str
    at: Time


class WaitingDetail(Struct, frozen=True):
    """A cancel that was accepted and has not taken effect.

    ``due``: until when it is held. ``approvals_needed``: by how many other people; ``expires``:
    until when, null where none is needed.
    """

    request_id: str
    mode: ModeWord
    message: str
    reason_code: str
    actor: str
    on_behalf_of: str
    at: Time
    due: Time
    approvals_needed: Count
    approvals: tuple[ApprovalDetail, ...]
    expires: Time | None


class PendingBody(WaitingDetail, frozen=True, kw_only=True):
    """A cancel that waits, and its job."""

    job_id: JobNumber
    job_name: str
    owner: str


class PendingListBody(Struct, frozen=True):
    """All cancels that wait, what is due first first. ``position``: of the stream, what it is true
    for."""

    position: PositionNumber
    cancels: tuple[PendingBody, ...]


def waiting_detail(waiting: WaitingCancel) -> WaitingDetail:
    """A cancel that waits, as it goes out."""
    return WaitingDetail(
        request_id=waiting.request_id,
        mode=waiting.mode,
        message=waiting.message,
        reason_code=waiting.reason_code,
        actor=waiting.caller.actor.name,
        on_behalf_of=waiting.caller.acted_for,
        at=stamp(waiting.at),
        due=stamp(waiting.due),
        approvals_needed=waiting.needed,
        approvals=tuple(
            ApprovalDetail(x.actor, x.on_behalf_of, stamp(x.at)) for x in waiting.approvals
        ),
        expires=stamp(waiting.expires) if waiting.needed else None,
    )


def pending_body(pending: Pending) -> PendingBody:
    """The same, with its job."""
    detail, job = waiting_detail(pending.cancel), pending.job
    told = {name: getattr(detail, name) for name in WaitingDetail.__struct_fields__}
    return PendingBody(**told, job_id=job.id, job_name=job.name, owner=job.owner)


def pending_list(seen: PendingSeen) -> PendingListBody:
    """All of them."""
    return PendingListBody(seen.position, tuple(map(pending_body, seen.cancels)))
