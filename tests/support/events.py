"""Small facts and envelopes for tests of logs."""

import uuid
from datetime import UTC, datetime, timedelta

from application.ports import Token, Write
from domain.events import Aggregate, JobQueued, JobRejected, NewEvent, job_aggregate
from domain.identity import SYSTEM_CALLER

EPOCH = datetime(2026, 11, 23, 7, 0, 0, 123456, tzinfo=UTC)


def rejected(reason: str = "no such queue", seconds: int = 0) -> NewEvent:
    """An event whose data carries any text."""
    return _event(JobRejected("queue_unknown", reason), seconds)


def queued() -> NewEvent:
    """An event of another type."""
    return _event(JobQueued(), 0)


def _event(data: JobRejected | JobQueued, seconds: int) -> NewEvent:
    time = EPOCH + timedelta(seconds=seconds)
    return NewEvent(str(uuid.uuid4()), time, SYSTEM_CALLER, "correlation", "causation", data)


def write(token: Token, *events: NewEvent, job: int = 1) -> Write:
    """Events for one job, after ``token``."""
    return Write(job_aggregate(job), events, token)


def job(number: int = 1) -> Aggregate:
    """The aggregate of a job."""
    return job_aggregate(number)
