"""What the facts about marks mean: a job has one from here on, or not any more."""

from msgspec.structs import replace

from domain import events as e
from domain.changes import answered
from domain.commands import content_sha256, marking
from domain.job import Job, MarkInForce
from domain.states import JobMark


def protected(job: Job, recorded: e.Recorded, data: e.JobProtected | e.JobProtectionLifted) -> Job:
    """Protected, or not."""
    placed = isinstance(data, e.JobProtected)
    after = replace(job, protection=in_force(recorded, data.message) if placed else None)
    return mark_answered(after, recorded, JobMark.PROTECTION, placed, data.request_id, data.message)


def held_by_law(
    job: Job, recorded: e.Recorded, data: e.JobLegalHoldPlaced | e.JobLegalHoldReleased
) -> Job:
    """Under legal hold, or not."""
    placed = isinstance(data, e.JobLegalHoldPlaced)
    after = replace(job, legal_hold=in_force(recorded, data.message) if placed else None)
    return mark_answered(after, recorded, JobMark.LEGAL_HOLD, placed, data.request_id, data.message)


def in_force(recorded: e.Recorded, message: str) -> MarkInForce:
    """The mark that a fact places."""
    caller = recorded.event.caller
    return MarkInForce(message, caller.actor.name, caller.acted_for, recorded.time)


def mark_answered(
    job: Job, recorded: e.Recorded, mark: JobMark, placed: bool, request_id: str, message: str
) -> Job:
    """Remember the answer."""
    operation = marking(mark, placed)
    return answered(job, recorded, operation, request_id, content_sha256(operation, message))
