"""Requests on many jobs: which are meant and how, and what became of each."""

from collections.abc import Callable, Iterable
from typing import Annotated, Final

from msgspec import Meta, Struct

from adapters.http.bodies.commands import CancelBody, Name, NothingBody
from adapters.http.bodies.receipts import ReceiptBody, receipt_body
from adapters.http.bodies.shapes import (
    Count,
    JobNumber,
    JobStateWord,
    OutcomeWord,
    PositionNumber,
    one_of,
)
from adapters.http.problem import Problem, problem, problem_of
from application.bulk_plans import Foreseen, Plan
from application.receipts import Receipt
from application.views import VALUES_MAX
from domain.bulk import BULK_JOBS_MAX, Bulk
from domain.cluster import JOB_ID_MAX
from domain.errors import CountermandError
from domain.events import JobSet
from domain.labels import NAME_PATTERN, VALUE_CHARACTERS_MAX
from domain.outcome import Outcome
from domain.states import JOB_ENDED, JobPriority, JobState, JobType

DONE: Final = frozenset({Outcome.ACCEPTED, Outcome.ESCALATED, Outcome.REPEATED, Outcome.HELD})
"""Outcomes of which a command's answer is a success."""

OPEN_STATES: Final = tuple(state for state in JobState if state not in JOB_ENDED)
SOME: Final = Meta(extra_json_schema={"maxItems": VALUES_MAX})
SKIP: Final = Meta(
    description="So many of the jobs, in their order, are left out of this request's work.",
    extra_json_schema={"minimum": 0, "maximum": BULK_JOBS_MAX},
)
TAKE: Final = Meta(
    description="At most so many, after those, are canceled and answered for.",
    extra_json_schema={"minimum": 1, "maximum": BULK_JOBS_MAX},
)
LABEL: Final = rf"^{NAME_PATTERN}(=[^\u0000-\u001f\u007f-\u009f]{{1,{VALUE_CHARACTERS_MAX}}})?$"
"""A name and a value, or a name alone."""

Ranges = Annotated[str, Meta(extra_json_schema={"pattern": "^([0-9]+(-[0-9]+)?(,|$))*$"})]
Digest = Annotated[str, Meta(extra_json_schema={"pattern": "^([0-9a-f]{64})?$"})]
Label = Annotated[str, Meta(extra_json_schema={"pattern": LABEL})]


class WantedBody(Struct, forbid_unknown_fields=True):
    """Jobs that are not over, by what they are, as listJobs finds them; what is empty does not
    restrict, but something must be given. Several values of one kind: any of them; of labels, each
    as name=value, or a name alone for any value: all of them. Who may not see all jobs means their
    own."""

    owners: Annotated[list[Name], SOME] = []
    states: Annotated[list[Annotated[str, one_of(OPEN_STATES)]], SOME] = []
    job_types: Annotated[list[Annotated[str, one_of(JobType)]], SOME] = []
    priorities: Annotated[list[Annotated[str, one_of(JobPriority)]], SOME] = []
    name: Name = ""
    nodes: Annotated[list[Name], SOME] = []
    labels: Annotated[list[Label], SOME] = []


NAMED: Final = Meta(
    description=f"Numbers of jobs, each once, at most {BULK_JOBS_MAX}.",
    extra_json_schema={"minItems": 1, "uniqueItems": True},
)
"""Without ``maxItems``: who makes requests from the document would make some as long as that."""


class WhichJobsBody(CancelBody, kw_only=True, forbid_unknown_fields=True):
    """Which jobs are meant, and how each is to be canceled: either ``jobs``, by their numbers, or
    ``wanted``, by what they are."""

    jobs: (
        Annotated[
            list[Annotated[int, Meta(ge=1, le=JOB_ID_MAX)]],
            NAMED,
        ]
        | None
    ) = None
    wanted: WantedBody | None = None


class CancelJobsBody(WhichJobsBody, kw_only=True, forbid_unknown_fields=True):
    """Which jobs to cancel, and how: either ``jobs``, by their numbers, or ``wanted``, by what they
    are."""

    skip: Annotated[int, SKIP] = 0
    take: Annotated[int, TAKE] = BULK_JOBS_MAX


class PlanJobsBody(WhichJobsBody, kw_only=True, forbid_unknown_fields=True):
    """Which jobs would be canceled, and how: either ``jobs``, by their numbers, or ``wanted``, by
    what they are."""


class ApplyBody(NothingBody, kw_only=True, forbid_unknown_fields=True):
    """Of a plan everything is said already."""

    skip: Annotated[int, SKIP] = 0
    take: Annotated[int, TAKE] = BULK_JOBS_MAX


EITHER: Final = {
    "oneOf": [
        {"properties": {name: {"type": kind}}, "required": [name]}
        for name, kind in (("jobs", "array"), ("wanted", "object"))
    ]
}
"""Which jobs are meant is said in one of two ways. As JSON Schema."""


class JobSetBody(Struct, frozen=True):
    """How many jobs, and which, as ranges such as "1-3,7"; at most 500 ranges are named."""

    count: Count
    jobs: Ranges


class JobAnswer(Struct, frozen=True):
    """What became of one job: a receipt, or the problem that a request for it alone had met."""

    job_id: JobNumber
    receipt: ReceiptBody | None
    problem: Problem | None


class CanceledBody(Struct, frozen=True):
    """What became of each of the jobs that this request was to work on, in their order.

    ``total``: how many jobs are meant in all; ``position``: the place in the stream up to
    which they were known when they were looked through. ``done``: how many have a receipt;
    ``failed``: how many have a problem. Of a plan, by its digest: ``changed``, those that something
    had happened to since it was made, and ``joined``, jobs that were found as well by then and are
    left alone.
    """

    request_id: str
    plan: Digest
    total: Count
    position: PositionNumber
    changed: JobSetBody
    joined: JobSetBody
    done: Count
    failed: Count
    jobs: tuple[JobAnswer, ...]


class PlannedJob(Struct, frozen=True):
    """One job of a plan, and what its cancel would have been answered.

    ``owner`` and ``state`` are "" and null for a job that there is not, or that the caller may not
    see.
    """

    job_id: JobNumber
    owner: str
    state: JobStateWord | None
    outcome: OutcomeWord
    explanation: str


class PlanBody(Struct, frozen=True):
    """What would be canceled. ``digest`` names exactly these jobs, as they are at ``position``, and
    how to cancel them; applyCancelPlan does it."""

    digest: Digest
    position: PositionNumber
    total: Count
    jobs: tuple[PlannedJob, ...]


def plan_body(plan: Plan, foreseen: Iterable[Foreseen]) -> PlanBody:
    """A plan as it goes out."""
    jobs = tuple(PlannedJob(x.job_id, x.owner, x.state, x.outcome, x.explanation) for x in foreseen)
    return PlanBody(plan.digest, plan.position, len(jobs), jobs)


def canceled_body(
    request_id: str,
    bulk: Bulk | None,
    answers: Iterable[tuple[int, Receipt | CountermandError]],
    new_id: Callable[[], str],
) -> CanceledBody:
    """All answers; what nobody expected has an incident id that stands in the log."""
    jobs = tuple(job_answer(job, answer, new_id) for job, answer in answers)
    done = sum(job.problem is None for job in jobs)
    first = bulk.first if bulk else None
    return CanceledBody(
        request_id=request_id,
        plan=first.plan if first else "",
        total=first.total if first else 0,
        position=first.resolved_at if first else 0,
        changed=job_set_body(first.changed if first else JobSet(0)),
        joined=job_set_body(first.joined if first else JobSet(0)),
        done=done,
        failed=len(jobs) - done,
        jobs=jobs,
    )


def job_set_body(jobs: JobSet) -> JobSetBody:
    """Some jobs as they go out."""
    return JobSetBody(jobs.count, jobs.jobs)


def job_answer(
    job: int, answer: Receipt | CountermandError, new_id: Callable[[], str]
) -> JobAnswer:
    """As a request for this job alone would be answered."""
    if isinstance(answer, CountermandError):
        return JobAnswer(job, None, problem_of(answer, new_id))
    body = receipt_body(answer)
    if answer.outcome in DONE:
        return JobAnswer(job, body, None)
    return JobAnswer(job, None, problem(body.code, body.explanation, receipt=body))
