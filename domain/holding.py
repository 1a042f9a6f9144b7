"""Until when a job waits: HoldUntil. It is not started before, though it is Queued.

Source: ISchedulerJob::SetHoldUntil: the earliest moment for the start; when there is no room then,
the job waits on.
"""

from datetime import UTC, datetime

from domain.job import Job
from domain.states import JobState


def held_until(job: Job) -> datetime | None:
    """The moment before which the job does not start; None for none, and once it has started."""
    if job.state is not JobState.QUEUED or not job.hold_until:
        return None
    return datetime.fromisoformat(job.hold_until).astimezone(UTC)
