"""A cancel that waits, as the job knows it: for the end of its hold, for approvals, or for both."""

from datetime import datetime

from msgspec import Struct

from domain.identity import Caller
from domain.states import CancelMode


class Approval(Struct, frozen=True):
    """Somebody approved. ``message_units``: length of what they said with it."""

    caller: Caller
    at: datetime
    message_units: int = 0

    @property
    def actor(self) -> str:
        """The name of who was authenticated."""
        return self.caller.actor.name

    @property
    def on_behalf_of(self) -> str:
        """Whom they acted for, "" for nobody."""
        return self.caller.acted_for


class WaitingCancel(Struct, frozen=True):
    """A cancel that was accepted and has not taken effect.

    ``version``: of its JobCancelHeld; ``round``: how often the job had been queued again by then.
    ``due``: when its hold is over. ``needed``: how many approvals it needs; ``expires``: until when
    it needs them. ``bulk_size``: how many jobs the request is for that it is part of.
    """

    request_id: str
    mode: CancelMode
    message: str
    reason_code: str
    caller: Caller
    at: datetime
    version: int
    round: int
    due: datetime
    needed: int
    expires: datetime
    approvals: tuple[Approval, ...] = ()
    bulk_size: int = 1

    @property
    def missing(self) -> int:
        """How many approvals are still to come."""
        return max(0, self.needed - len(self.approvals))

    @property
    def look_at(self) -> datetime:
        """When something is due on it: it takes effect, or its approvals come too late."""
        return self.expires if self.missing else self.due

    @property
    def asked_by(self) -> frozenset[str]:
        """Who is behind it: the actor, and whom they act for."""
        return people(self.caller)


def people(caller: Caller) -> frozenset[str]:
    """The names of all who are behind a request."""
    return frozenset({caller.actor.name, caller.subject.name})
