"""Cancels that wait: for the end of a hold, for approvals, or for both."""

from msgspec import Struct

from domain.events.parts import Decision
from domain.states import CancelMode, JobState, LapseCause


class JobCancelHeld(Struct, frozen=True):
    """A cancel was accepted, and waits: the rules demand a hold, or approvals. Nothing is stopped.

    JobCancelRequested with the same request id follows when it takes effect; else one of
    JobCancelWithdrawn and JobCancelLapsed. ``hold_seconds``: how long it is held from this event
    on; ``due``: until when that is. ``approvals_needed``: by how many other people it has to be
    approved, 0 for none; ``approval_seconds``: how long they have for that; ``expires``: until when
    that is, "" where none is needed. ``bulk_size``: as in JobCancelRequested.
    """

    request_id: str
    mode: CancelMode
    message: str
    reason_code: str
    from_state: JobState
    hold_seconds: int
    due: str
    approvals_needed: int
    approval_seconds: int
    expires: str
    decision: Decision
    bulk_size: int = 1


class JobCancelApprovalRequested(Struct, frozen=True):
    """The cancel of the event before this one needs approvals: here is what to ask people for.

    ``cancel_id``: the request id of the cancel that waits. ``needed``: by how many people other
    than who asked for it; ``expires``: until when.
    """

    cancel_id: str
    needed: int
    expires: str


class JobCancelApproved(Struct, frozen=True):
    """Somebody approved a cancel that waits; the rules let them.

    ``cancel_id``: the request id of the cancel. ``given``: how many have approved it, this one
    included; ``needed``: how many it needs.
    """

    request_id: str
    cancel_id: str
    message: str
    given: int
    needed: int
    decision: Decision


class JobCancelWithdrawn(Struct, frozen=True):
    """A cancel that waited was taken back, and never takes effect.

    ``cancel_id``: the request id of the cancel. ``message``: why.
    """

    request_id: str
    cancel_id: str
    message: str
    decision: Decision


class JobCancelLapsed(Struct, frozen=True):
    """A cancel that waited never takes effect: its time ran out, or it could not be any more.

    ``cancel_id``: the request id of the cancel. ``cause``: ``expired``, its approvals did not come
    in time; ``denied``, the rules were asked again when it was due and said no, or demanded more
    than was given, or somebody is not known any more; ``state``, the job's state did not take it
    any more. ``decision``: what the rules said then; null where they were not asked.
    ``unknown``: who asked for it, or whom they acted for, and is not known any more, or "".
    ``uncounted``: who had approved it, and is not known any more (then ``decision`` is null) or may
    not approve any more (then it says so), or "".
    """

    cancel_id: str
    cause: LapseCause
    code: str
    hresult: int
    rule: str
    explanation: str
    decision: Decision | None = None
    unknown: str = ""
    uncounted: str = ""
