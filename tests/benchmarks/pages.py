"""Pages of 100,000 jobs by their number and with the count, as ``startRow`` asks for them."""

import resource
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from adapters.views.store import SqliteViewStore
from application.view_store import Changes
from application.views import PAGE_ROWS_MAX, JobFilter, JobOrder, Page, ViewReader, job_key
from domain.job import Job
from domain.states import JobPriority, JobState, JobType
from projections.folding import Around
from projections.job_view import job_row
from tests.benchmarks.figures import Figure
from tests.benchmarks.history import PEOPLE, START
from tests.benchmarks.views import Question, looks

JOBS: Final = 100_000
BATCH: Final = 1000
ROWS: Final = 100
NODES: Final = 64
STATES: Final = (JobState.FINISHED,) * 12 + (
    *(JobState.CANCELED, JobState.CANCELED, JobState.FAILED, JobState.FAILED),
    *(JobState.RUNNING, JobState.QUEUED, JobState.CONFIGURING, JobState.CANCELING),
)


def measure(directory: Path) -> list[Figure]:
    """Build the file once, then ask."""
    store = SqliteViewStore(directory / "views.sqlite", "bench/1")
    try:
        began = time.perf_counter()
        for first in range(1, JOBS + 1, BATCH):
            store.commit(changes(first))
        stored = JOBS / (time.perf_counter() - began)
        reader = store.reader()
        figures = [Figure(name, "ms", looks(reader, ask)) for name, ask in questions().items()]
    finally:
        store.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [
        Figure("jobs stored", "per second", (stored,)),
        *figures,
        Figure("memory of the process", "MiB", (memory,)),
    ]


def changes(first: int) -> Changes:
    """A commit of jobs."""
    last = first + BATCH - 1
    rows = [job_row(job(number), last) for number in range(first, last + 1)]
    return Changes(last, Around(), {}, rows, (), (), (), (), (), {})


def job(number: int) -> Job:
    """A job by its number, without chance."""
    at = START + timedelta(seconds=number)
    state = STATES[number % len(STATES)]
    ran = state not in (JobState.QUEUED, JobState.CONFIGURING)
    return Job(
        id=number,
        name=f"job {number % 977}",
        owner=f"user{number % PEOPLE}",
        job_type=JobType.BATCH,
        priority=tuple(JobPriority)[number % len(JobPriority)],
        run_as="",
        properties={},
        tasks={},
        version=11,
        created_at=at,
        changed_at=at + timedelta(seconds=number % 3600),
        state=state,
        nodes=(f"node{number % NODES}",) if ran else (),
        ended_at=at if ran else None,
    )


def questions() -> dict[str, Question]:
    """What the product's clients ask, and what it cost before: a walk."""
    of, state = JobFilter, JobState
    late = START + timedelta(seconds=JOBS * 0.9)
    return {
        "first page": numbered(of(), 0),
        "a page in the middle": numbered(of(), JOBS // 2),
        "the last page": numbered(of(), JOBS - ROWS),
        "a state (60,000), in the middle": numbered(of(states=(state.FINISHED,)), JOBS * 3 // 10),
        "a state that is rare, first page": numbered(of(states=(state.RUNNING,)), 0),
        "two states, in the middle": numbered(of(states=(state.FINISHED, state.FAILED)), 35_000),
        "an owner, in the middle": numbered(of(owners=("user7",)), 250),
        "an owner and a state, first page": numbered(
            of(owners=("user7",), states=(state.FINISHED,)), 0
        ),
        "changed since (10,000), in the middle": numbered(of(since=late), 5000),
        "a state, changed since": numbered(of(states=(state.FINISHED,), since=late), 3000),
        "by change, in the middle": numbered(of(), JOBS // 2, JobOrder.CHANGED),
        "by end, in the middle": numbered(of(), JOBS // 2, JobOrder.ENDED),
        "by name, in the middle": numbered(of(), JOBS // 2, JobOrder.NAME),
        "by priority, in the middle": numbered(of(), JOBS // 2, JobOrder.PRIORITY),
        "running on a node": numbered(of(nodes=("NODE16",), states=(state.RUNNING,)), 0),
        "ever given a node": numbered(of(nodes=("node16", "node17")), 0),
        "all pages by keys, for the count": lambda reader: sum(walked(reader)),
    }


def numbered(which: JobFilter, start: int, order: JobOrder = JobOrder.ID) -> Question:
    """A page by its number, with the count."""
    return lambda reader: reader.jobs_from(which, order, False, start, ROWS)


def walked(reader: ViewReader) -> Iterator[int]:
    """How many rows each page has."""
    page = Page(PAGE_ROWS_MAX)
    while True:
        answer = reader.jobs(JobFilter(), JobOrder.ID, False, page)
        yield len(answer.rows)
        if not answer.more:
            return
        page = Page(PAGE_ROWS_MAX, job_key(answer.rows[-1], JobOrder.ID))
