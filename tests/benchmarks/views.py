"""A million rows of the audit trail: how they get there, and how long any first page takes."""

import itertools
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from adapters.views.store import SqliteViewStore
from application.ports import Stored
from application.view_writer import ViewWriter
from application.views import (
    AuditFilter,
    CancellationFilter,
    JobFilter,
    JobOrder,
    Page,
    ViewReader,
)
from domain.events import Recorded
from domain.states import JobState
from tests.benchmarks.figures import Figure
from tests.benchmarks.history import EVENTS_A_JOB, START, events

ROWS: Final = 1_000_000
ROWS_A_JOB: Final = 5
BATCH: Final = 1000
LOOKS: Final = 15
WRONG_CLOCK: Final = range(1_000_000, 1_002_000)
WRONG_BY: Final = timedelta(days=365 * 20)
PAGE: Final = Page(100)
MIB: Final = 1024**2

Question = Callable[[ViewReader], object]


def measure(directory: Path) -> list[Figure]:
    """Build the file once, then ask."""
    path = directory / "views.sqlite"
    figures = list(built(path))
    store = SqliteViewStore(path, "bench/1")
    try:
        reader, last = store.reader(), store.position()
        trail = {name: of_trail(which) for name, which in trail_filters(last).items()}
        for name, question in {**trail, **others(last)}.items():
            figures.append(Figure(name, "ms", looks(reader, question)))
    finally:
        store.close()
    return figures


def built(path: Path) -> Iterator[Figure]:
    """Fold and commit, in batches as the stream gives them."""
    store = SqliteViewStore(path, "bench/1")
    writer, rates = ViewWriter(store), list[float]()
    made = map(by_that_clock, events(ROWS // ROWS_A_JOB * EVENTS_A_JOB, with_bytes=False))
    while batch := list(itertools.islice(made, BATCH)):
        began = time.perf_counter()
        writer.apply(batch)
        rates.append(len(batch) / (time.perf_counter() - began))
        if len(rates) % 200 == 0:
            print(f"{writer.position} events are folded", file=sys.stderr, flush=True)
    store.close()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Figure("fold and commit", "events per second", tuple(rates))
    yield Figure(f"size on disk, {ROWS} rows of the trail", "MiB", (path.stat().st_size / MIB,))
    yield Figure("memory of the process that folded them", "MiB", (memory,))


def by_that_clock(stored: Stored) -> Stored:
    """For a while in the middle the clock was years behind, as after an empty battery."""
    if not isinstance(stored.fact, Recorded) or stored.position not in WRONG_CLOCK:
        return stored
    event = replace(stored.fact.event, time=stored.fact.time - WRONG_BY)
    return replace(stored, fact=replace(stored.fact, event=event))


def looks(reader: ViewReader, question: Question) -> tuple[float, ...]:
    """Milliseconds of each of several looks."""
    values = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        question(reader)
        values.append((time.perf_counter() - began) * 1000)
    return tuple(values)


def of_trail(which: AuditFilter) -> Question:
    """The first page of a filter, the latest first."""
    return lambda reader: reader.trail(which, True, PAGE)


def trail_filters(last: int) -> dict[str, AuditFilter]:
    """Every filter alone, and combinations that an index may not like."""
    middle = START + timedelta(milliseconds=37 * last / 2)
    hour = START + timedelta(hours=1)
    of = AuditFilter
    return {
        "no filter": of(),
        "owner": of(owners=("user7",)),
        "five owners": of(owners=tuple(f"user{n}" for n in range(5))),
        "actor": of(actors=("user7",)),
        "actor: the service": of(actors=("countermand",)),
        "on behalf of: none": of(on_behalf_of=("nobody",)),
        "requested by": of(requested_by=("user7",)),
        "kind": of(kinds=("refusal",)),
        "type": of(types=("JobCanceled",)),
        "operation": of(operations=("cancel",)),
        "outcome": of(outcomes=("accepted",)),
        "mode": of(modes=("forced",)),
        "reason code": of(reason_codes=("quota",)),
        "origin": of(origins=("cli",)),
        "rule": of(rules=("no-rule-allows",)),
        "code": of(codes=("not_permitted",)),
        "forced": of(forced=True),
        "refused": of(refused=True),
        "job": of(job="777"),
        "job that is none": of(job="no job"),
        "task": of(task=1),
        "task that is none": of(task=7),
        "job and task": of(job="777", task=1),
        "request": of(request_id="request-555"),
        "event": of(event_id="01900000-0000-7000-8000-000000055561"),
        "since the middle": of(since=middle),
        "until the middle": of(until=middle),
        "the first hour": of(since=START, until=hour),
        "before the wrong clock": of(until=START - timedelta(days=365 * 21)),
        "by the wrong clock": of(until=START - timedelta(days=365)),
        "a minute in the middle": of(since=middle, until=middle + timedelta(minutes=1)),
        "positions up to the middle": of(position_max=last // 2),
        "a word": of(words="disk"),
        "a word that is none": of(words="zebra"),
        "four words": of(words="disk full wrong memory"),
        "a phrase": of(words='"disk full"'),
        "a phrase that is none": of(words='"full disk wrong"'),
        "a beginning of one letter": of(words="m*"),
        "a beginning of three letters": of(words="mem*"),
        "a word of the message": of(message="disk"),
        "words of the explanation": of(explanation="may not cancel this job"),
        "two common ones, disjoint": of(actors=("countermand",), origins=("cli",)),
        "two common ones, disjoint, within a job": of(kinds=("refusal",), outcomes=("accepted",)),
        "rare and common": of(owners=("user7",), kinds=("refusal",)),
        "three common ones": of(reason_codes=("quota",), outcomes=("accepted",), origins=("cli",)),
        "word and kind, disjoint": of(words="disk", kinds=("order",)),
        "word and owner": of(words="disk", owners=("user7",)),
        "word, the first hour": of(words="disk", until=hour),
        "kind, the first hour": of(kinds=("refusal",), until=hour),
        "job and kind": of(job="777", kinds=("order",)),
        "job and word": of(job="777", words="disk"),
        "no such job, and common": of(job="999999999", outcomes=("accepted",)),
        "request and common": of(request_id="request-555", kinds=("request",)),
        "no such event, and common": of(event_id="none", actors=("countermand",)),
        "owner, mode, since the middle": of(owners=("user7",), modes=("forced",), since=middle),
    }


def others(last: int) -> dict[str, Question]:
    """Pages from deep inside, jobs, and cancels."""
    deep, now = Page(100, (last // 3,)), START + timedelta(days=400)
    common, disjoint = (
        AuditFilter(kinds=("refusal",)),
        trail_filters(last)["two common ones, disjoint"],
    )
    half = AuditFilter(position_max=last // 2)
    return {
        "deep inside: no filter": lambda r: r.trail(AuditFilter(), True, deep),
        "deep inside: kind": lambda r: r.trail(common, True, deep),
        "deep inside: kind, the oldest first": lambda r: r.trail(common, False, deep),
        "deep inside: positions up to the middle": lambda r: r.trail(half, True, deep),
        "deep inside: two common ones, disjoint": lambda r: r.trail(disjoint, True, deep),
        "deep inside: a word": lambda r: r.trail(AuditFilter(words="disk"), True, deep),
        "jobs (200,000), by change": jobs(JobFilter(), JobOrder.CHANGED),
        "jobs, by name": jobs(JobFilter(), JobOrder.NAME),
        "jobs of an owner, by change": jobs(JobFilter(owners=("user7",)), JobOrder.CHANGED),
        "jobs in a state that is none": jobs(JobFilter(states=(JobState.QUEUED,)), JobOrder.ID),
        "jobs with a name that is none": jobs(JobFilter(name="zebra"), JobOrder.ID),
        "cancels (200,000), troubled": lambda r: r.cancellations(
            CancellationFilter(troubled=True), now, PAGE
        ),
        "cancels of an owner": lambda r: r.cancellations(
            CancellationFilter(owners=("user7",)), now, PAGE
        ),
        "cancels in a mode that is none": lambda r: r.cancellations(
            CancellationFilter(modes=("none",)), now, PAGE
        ),
        "troubles in numbers": lambda r: r.troubles(now),
    }


def jobs(which: JobFilter, order: JobOrder) -> Question:
    """The first page of jobs."""
    return lambda reader: reader.jobs(which, order, True, PAGE)
