"""Cancels of many jobs, a thousand to a request, with an outcome for each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from adapters.cli.doing.outcome import Outcome, settle, substitute
from adapters.cli.exits import Failure
from adapters.cli.reaching.server import Rejected, Server
from adapters.cli.reaching.shapes import JobAnswer, Problem, Receipt
from adapters.cli.typed.targets import Target

BULK_JOBS_MIN: Final = 16
"""Fewer go one by one: each is said as soon as it is answered."""

JOBS_A_REQUEST: Final = 1000
NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
"""A job's number as everybody writes it."""


def in_bulk(on: Sequence[Target]) -> bool:
    """Whether these go many to a request: enough whole jobs, each named by its number."""
    jobs = all(one.task is None and NUMBER.fullmatch(one.job) for one in on)
    return jobs and len(on) >= BULK_JOBS_MIN


def in_parts(
    server: Server, body: Mapping[str, object], on: Sequence[Target], key: str
) -> Iterator[list[Outcome]]:
    """The outcomes of one request after the other, all under one request id."""
    for start in range(0, len(on), JOBS_A_REQUEST):
        yield send_some(server, body, on[start : start + JOBS_A_REQUEST], key)


def send_some(
    server: Server, body: Mapping[str, object], on: Sequence[Target], key: str
) -> list[Outcome]:
    """One request. What it could not say of all is the outcome of each."""
    try:
        answers = server.cancel_jobs({**body, "jobs": [int(one.job) for one in on]}, key)
    except Failure as e:
        return [Outcome(x.job, substitute(x.job, "cancel", key, e), e.status) for x in on]
    return [settle(str(x["job_id"]), "cancel", key, partial(receipt_in, x)) for x in answers]


def receipt_in(answer: JobAnswer) -> Receipt:
    """The receipt; ``Rejected`` when a request for this job alone would have been."""
    problem, receipt = answer["problem"], answer["receipt"]
    if problem is not None or receipt is None:
        told: Problem = problem or {}
        raise Rejected(told.get("status", 500), told, "the server")
    return receipt
