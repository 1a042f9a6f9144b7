"""Answers about many jobs, as types."""

from typing import TypedDict

from adapters.cli.reaching.shapes import Problem, Receipt


class JobAnswer(TypedDict):
    """What became of one of many jobs that were canceled by one request."""

    job_id: int
    receipt: Receipt | None
    problem: Problem | None


class JobSet(TypedDict):
    """How many jobs, and which, as ranges."""

    count: int
    jobs: str


class Canceled(TypedDict):
    """What became of some of the jobs of one request; ``total``: how many it means in all."""

    request_id: str
    plan: str
    total: int
    position: int
    changed: JobSet
    joined: JobSet
    done: int
    failed: int
    jobs: list[JobAnswer]


class PlannedJob(TypedDict):
    """One job of a plan, and what its cancel would be answered."""

    job_id: int
    owner: str
    state: str | None
    outcome: str
    explanation: str


class Plan(TypedDict):
    """Which jobs would be canceled; ``digest`` names them."""

    digest: str
    position: int
    total: int
    jobs: list[PlannedJob]
