"""Cancels of many jobs by one request: a part of them at a time, with an outcome for each."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final

from adapters.cli.doing.outcome import Outcome, settle, substitute
from adapters.cli.doing.progress import Progress
from adapters.cli.exits import Failure
from adapters.cli.reaching.bulk_shapes import Canceled, JobAnswer, JobSet
from adapters.cli.reaching.server import Rejected
from adapters.cli.reaching.shapes import Problem, Receipt
from adapters.cli.typed.options import Asked
from adapters.cli.typed.targets import Target

BULK_JOBS_MIN: Final = 2
"""So many jobs of one command are one request: rules are told how many they are."""

JOBS_AT_ONCE: Final = 1000
"""How often one sees how far it is."""

NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
"""A job's number as everybody writes it; none has come further."""

CANCEL: Final = "/cancellations"
PLANS: Final = "/cancellations/plans"


def together_first(on: Iterable[Target]) -> tuple[Target, ...]:
    """Each once, those that go by one request (``together``) before the others."""
    once = dict.fromkeys(map(plain, on))
    return tuple(sorted(once, key=lambda one: not all_numbers((one,))))


def together(on: Sequence[Target]) -> Sequence[Target]:
    """Those that go by one request: whole jobs that are named by their numbers, if several."""
    found = [one for one in on if all_numbers((one,))]
    return found if len(found) >= BULK_JOBS_MIN else ()


def all_numbers(on: Iterable[Target]) -> bool:
    """Whether these are whole jobs, each named by its number."""
    return all(one.task is None and NUMBER.fullmatch(one.job) for one in on)


def plain(one: Target) -> Target:
    """The same with the job's number as everybody writes it: 17 for 017."""
    return one._replace(job=one.job.lstrip("0") or one.job)


def in_parts(
    asked: Asked, path: str, body: Mapping[str, object], key: str
) -> Iterator[list[Outcome]]:
    """The outcomes of one request after the other, all under one request id and so of one set.

    Raises ``Failure`` when the first was not heard of, or refused: then no job is known.
    """
    first = asked.server.cancel_jobs(path, {**body, "skip": 0, "take": JOBS_AT_ONCE}, key)
    tell_drift(asked, first)
    with Progress(asked, "canceling", first["total"]) as progress:
        found = first
        for reached in range(0, max(1, first["total"]), JOBS_AT_ONCE):
            if reached:
                part = {**body, "skip": reached, "take": JOBS_AT_ONCE}
                found = asked.server.cancel_jobs(path, part, first["request_id"])
            progress.reached(reached + len(found["jobs"]))
            yield [outcome_of(answer, first["request_id"]) for answer in found["jobs"]]


def of_named(
    asked: Asked, body: Mapping[str, object], on: Sequence[Target], key: str
) -> Iterator[list[Outcome]]:
    """The outcomes of jobs that were named. What was not answered is the outcome of each left."""
    told = 0
    numbers = [int(one.job) for one in on]
    try:
        for some in in_parts(asked, CANCEL, {**body, "jobs": numbers}, key):
            told += len(some)
            yield some
    except Failure as e:
        yield [Outcome(x.job, substitute(x.job, "cancel", key, e), e.status) for x in on[told:]]


def tell_drift(asked: Asked, found: Canceled) -> None:
    """Say what is not as the plan has it."""
    if found["changed"]["count"]:
        asked.out.note(f"changed since the plan: {told(found['changed'])}")
    if found["joined"]["count"]:
        asked.out.note(f"found by now as well, and left alone: {told(found['joined'])}")


def told(jobs: JobSet) -> str:
    """Some jobs, by ranges."""
    return f"{jobs['count']} job{'' if jobs['count'] == 1 else 's'} ({jobs['jobs']})"


def outcome_of(answer: JobAnswer, key: str) -> Outcome:
    """What became of one job."""
    return settle(str(answer["job_id"]), "cancel", key, partial(receipt_in, answer))


def receipt_in(answer: JobAnswer) -> Receipt:
    """The receipt; ``Rejected`` when a request for this job alone would have been."""
    problem, receipt = answer["problem"], answer["receipt"]
    if problem is not None or receipt is None:
        told: Problem = problem or {}
        raise Rejected(told.get("status", 500), told, "the server")
    return receipt
