"""What became of a request: one word for each, read from the fact that decided it."""

from enum import StrEnum
from typing import Final

from domain import events as e
from domain.states import JobState

ILLEGAL: Final = "illegal_transition"


class Outcome(StrEnum):
    """What became of a request. ``conflict`` and ``unavailable`` are errors, and leave no fact.

    ``held``: accepted, and waits for the end of a hold or for approvals.
    """

    ACCEPTED = "accepted"
    ESCALATED = "escalated"
    REPEATED = "repeated"
    HELD = "held"
    REFUSED = "refused"
    UNKNOWN = "unknown"


def outcome_of(fact: e.Event) -> Outcome:
    """The outcome that a deciding fact stands for."""
    match fact:
        case e.CancelRefused(code="unknown_job"):
            return Outcome.UNKNOWN
        case e.TaskCancelRefused() | e.JobCommandRefused() if fact.code == "unknown_task":
            return Outcome.UNKNOWN
        case _ if isinstance(fact, e.RefusalEvent):
            return Outcome.REFUSED
        case e.JobCancelRepeated() | e.TaskCancelRepeated():
            return Outcome.REPEATED
        case e.JobCancelHeld():
            return Outcome.HELD
        case e.JobCancelLapsed():
            return Outcome.REFUSED
        case e.JobCancelRequested() | e.TaskCancelRequested() | e.EmergencyStopRecorded():
            return Outcome.ESCALATED if fact.escalates else Outcome.ACCEPTED
        case _:
            return Outcome.ACCEPTED


def already_canceled(fact: e.Event) -> bool:
    """Whether this is the answer to a cancel of a job that was Canceled."""
    return (
        isinstance(fact, e.JobCancelRefused)
        and fact.code == ILLEGAL
        and fact.state is JobState.CANCELED
    )
