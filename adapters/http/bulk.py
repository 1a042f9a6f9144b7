"""What became of many commands that one request asked for: an answer for each job."""

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from adapters.http.bodies.receipts import ReceiptBody, receipt_body
from adapters.http.bodies.shapes import Count, JobNumber
from adapters.http.problem import Problem, problem, problem_of
from application.receipts import Receipt
from domain.errors import CountermandError
from domain.outcome import Outcome

DONE: Final = frozenset({Outcome.ACCEPTED, Outcome.ESCALATED, Outcome.REPEATED})
"""Outcomes of which a command's answer is a success."""


class JobAnswer(Struct, frozen=True):
    """What became of one job: a receipt, or the problem that a request for it alone had met."""

    job_id: JobNumber
    receipt: ReceiptBody | None
    problem: Problem | None


class CanceledBody(Struct, frozen=True):
    """What became of each job, in the order of the request.

    ``done``: how many have a receipt; ``failed``: how many have a problem.
    """

    done: Count
    failed: Count
    jobs: tuple[JobAnswer, ...]


def canceled_body(
    answers: Iterable[tuple[int, Receipt | CountermandError]], new_id: Callable[[], str]
) -> CanceledBody:
    """All answers; what nobody expected has an incident id that stands in the log."""
    jobs = tuple(job_answer(job, answer, new_id) for job, answer in answers)
    done = sum(job.problem is None for job in jobs)
    return CanceledBody(done, len(jobs) - done, jobs)


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
