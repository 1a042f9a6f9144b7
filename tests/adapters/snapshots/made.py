"""Jobs that lived, and snapshots of them."""

import hashlib
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from application.ports import Token
from application.snapshots import JobSnapshot
from domain.events import Aggregate, job_aggregate
from domain.job import Job
from tests.domain.builders import JOB_ID
from tests.domain.test_laws import Began, Life, Move

FOLD: Final = "0123456789abcdef" * 4
AGGREGATE: Final = job_aggregate(JOB_ID)
QUIET: Final = Began(2, True, False, False, (0, 0), "", None, True, 4, [3, 4, 5])


def lived(began: Began = QUIET, happens: Sequence[Move] = ()) -> Job:
    """A job after a life."""
    life = Life(began)
    for move in happens:
        move(life)
    return life.job


def snapshot(job: Job, sha256: str = "") -> JobSnapshot:
    """A snapshot of it."""
    last = sha256 or hashlib.sha256(b"the last event").hexdigest()
    return JobSnapshot(job, Token(job.version, job.version * 3, last), job.changed_at)


def numbered(job: Job, number: int) -> tuple[Aggregate, JobSnapshot]:
    """The same job under another number."""
    return job_aggregate(number), snapshot(replace(job, id=number))
