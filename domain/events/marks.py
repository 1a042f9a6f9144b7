"""Marks on a job that rules go by: protected, and under legal hold."""

from msgspec import Struct

from domain.events.parts import Decision


class JobProtected(Struct, frozen=True):
    """The job is protected from here. By itself that forbids nothing: rules of the policy go by it.

    ``message``: why; it is never empty. ``decision``: that it was allowed.
    """

    request_id: str
    message: str
    decision: Decision


class JobProtectionLifted(Struct, frozen=True):
    """The job is not protected any more. ``message``, ``decision``: as in JobProtected."""

    request_id: str
    message: str
    decision: Decision


class JobLegalHoldPlaced(Struct, frozen=True):
    """The job is under legal hold from here: it does not leave the job view until that is released.

    ``message``, ``decision``: as in JobProtected.
    """

    request_id: str
    message: str
    decision: Decision


class JobLegalHoldReleased(Struct, frozen=True):
    """The legal hold is over. ``message``, ``decision``: as in JobProtected."""

    request_id: str
    message: str
    decision: Decision
