"""One job with a very long history: loaded, canceled, read and told again; with snapshots and not.

A job of a hundred tasks that was taken back and submitted again about a thousand times. It is in
Configuring when the service meets it, so nothing of it runs.
"""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

from adapters.bootstrap.compose import Makers, Parts, join
from adapters.bootstrap.configuration import load
from adapters.bootstrap.evidence import (
    evidence,
    knows_a_stream,
    locked,
    nats,
    provision_stream,
)
from adapters.bootstrap.running import endpoint_of, write_endpoint
from adapters.bootstrap.system import LogReporter
from adapters.bootstrap.web import web
from adapters.wire.codec import encode, sha256
from adapters.wire.names import type_token
from application.ports import Stored
from application.settings import Settings
from domain import events as e
from domain.identity import SYSTEM_CALLER, Caller
from domain.policy import Action, Question
from domain.ranges import ranges
from domain.states import JobPriority, JobState, JobType
from tests.benchmarks.exporting import peak_mebibytes
from tests.benchmarks.figures import CALLER, ROUNDS, Figure, cancel, timed
from tests.benchmarks.history import POLICY
from tests.benchmarks.rebuild import fill

EVENTS: Final = 200_000
TASKS: Final = 100
JOB: Final = 7
AGGREGATE: Final = e.job_aggregate(JOB)
LOOK_LINES: Final = 500
MIB: Final = 1024 * 1024
WAIT_SECONDS: Final = 600
PERIOD: Final = timedelta(milliseconds=40)


async def measure(directory: Path) -> list[Figure]:
    """A service that meets the job for the first time, and the next one."""
    settings = load({"data_directory": str(directory / "data"), "http_port": 0}, None)
    began = datetime.now(UTC) - timedelta(hours=3)
    await fill(settings, began, list(history(settings.cluster, began)))
    figures = []
    async with answering(settings) as parts:
        figures += await loads(settings, parts)
    async with answering(settings) as parts:
        first = await timed(lambda: parts.ledger.job(JOB))
        figures.append(Figure("its load after a restart", "ms", (first * 1000,)))
        figures += await cancels(parts)
        figures += await told(settings, parts)
    return figures


@asynccontextmanager
async def answering(settings: Settings) -> AsyncIterator[Parts]:
    """A service that answers, keeps its journal and its snapshots, and does nothing else.

    It has no board and no views: they read the stream at each start, and that is not measured here.
    """
    async with locked(settings) as lock, nats(settings, lock) as server:
        if not knows_a_stream(settings):
            await provision_stream(settings, server)
        async with evidence(settings, server) as (log, journal):
            parts = join(settings, server, log, journal, LogReporter("error"), Makers())
            work = [asyncio.create_task(x()) for x in (parts.keeper.run, parts.snapshots.run)]
            try:
                await parts.keeper.wait_for((await log.identity()).last, WAIT_SECONDS)
                async with web(parts) as faces:
                    write_endpoint(settings, endpoint_of(parts, faces))
                    yield parts
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)


# --- the job --------------------------------------------------------------------------------------


def history(cluster: str, began: datetime) -> Iterator[Stored]:
    """Its events, chained; whole rounds, as many as it takes."""
    previous = ""
    for version, (caller, fact) in enumerate(facts(), 1):
        number = f"01900000-0000-7000-8000-{version:012d}"
        moment = began + PERIOD * version
        event = e.NewEvent(number, moment, caller, "correlation", "causation", fact)
        raw = encode(event, AGGREGATE, cluster, version, previous)
        previous = sha256(raw)
        recorded = e.Recorded(AGGREGATE, version, event)
        yield Stored(version + 1, AGGREGATE, type_token(type(fact)), raw, recorded)


def facts() -> Iterator[tuple[Caller, e.JobEvent]]:
    """What happened: every round all tasks fail, and the job is taken back."""
    owner = CALLER.actor.name
    decision = POLICY.decide(Question(CALLER, Action.CONFIGURE, owner, JobType.BATCH))
    tasks = tuple(e.TaskSpec(n, f"work {n}") for n in range(1, TASKS + 1))
    every = e.TaskSet(TASKS, ranges(range(1, TASKS + 1)))
    yield (
        CALLER,
        e.JobAdded(
            JOB, "long", owner, JobType.BATCH, JobPriority.NORMAL, "", {}, tasks, decision=decision
        ),
    )
    handle, rounds = e.RunHandle("local", "boot", 4711, 1, "w1"), EVENTS // (2 * TASKS + 6) + 1
    for n in range(1, rounds + 1):
        yield CALLER, e.JobSubmitted("", f"submit-{n}", decision)
        for fact in (e.JobValidationStarted(), e.JobQueued(), e.JobStarted(("n1",))):
            yield SYSTEM_CALLER, fact
        for task in range(1, TASKS + 1):
            runs = (e.RunRange(task, n, "n1"),)
            yield SYSTEM_CALLER, e.TaskStarted(runs, handle)
            yield SYSTEM_CALLER, e.TaskFailed(runs, e.Exit(1), "task_failure", "exit code 1")
        yield SYSTEM_CALLER, e.JobFailed(f"{TASKS} tasks failed", "task_failure")
        none = e.TaskSet(0)
        back = e.JobConfigured(f"again-{n}", n, every, none, decision, JobState.FAILED)
        yield CALLER, back


# --- what is measured -----------------------------------------------------------------------------


async def loads(settings: Settings, parts: Parts) -> list[Figure]:
    """Cold loads, one after the other."""
    whole, from_snapshot, written, memory = [], [], [], []
    snapshots = Path(settings.data_directory) / "snapshots"
    size = 0
    for _ in range(ROUNDS):
        shutil.rmtree(snapshots, ignore_errors=True)
        parts.ledger.forget(AGGREGATE)
        before = reset_peak()
        whole.append(await timed(lambda: parts.ledger.job(JOB)) * 1000)
        memory.append((peak() - before) / MIB)
        written.append(await timed(lambda: written_behind(snapshots)) * 1000)
        parts.ledger.forget(AGGREGATE)
        from_snapshot.append(await timed(lambda: parts.ledger.job(JOB)) * 1000)
        size = size_of(snapshots)
    hot = [await timed(lambda: parts.ledger.job(JOB)) * 1e6 for _ in range(ROUNDS)]
    return [
        Figure(f"load of a job of {EVENTS} events, no snapshot", "ms", tuple(whole)),
        Figure("memory that takes for a while", "MiB", tuple(memory)),
        Figure("until its snapshot is there, behind that load", "ms", tuple(written)),
        Figure("load from its snapshot", "ms", tuple(from_snapshot)),
        Figure("load, hot", "microseconds", tuple(hot)),
        Figure("size of the snapshot", "KiB", (size / 1024,)),
    ]


async def written_behind(snapshots: Path) -> None:
    """The file is there."""
    while not size_of(snapshots):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


def size_of(snapshots: Path) -> int:
    """Bytes of the job's snapshot, 0 for none."""
    return sum(x.stat().st_size for x in snapshots.rglob(str(JOB)))


async def cancels(parts: Parts) -> list[Figure]:
    """The first cancel, and further ones, which are refused; each meets a cold job."""
    took = []
    for _ in range(ROUNDS + 1):
        parts.ledger.forget(AGGREGATE)
        took.append(await timed(lambda: cancel(parts, str(JOB))) * 1000)
    return [
        Figure("a cancel of it, cold, decided and durable", "ms", tuple(took[:1])),
        Figure("the same cancel again, refused and durable", "ms", tuple(took[1:])),
    ]


async def told(settings: Settings, parts: Parts) -> list[Figure]:
    """Its events, its replay and its explanation, as the service and as the command line give."""
    before = reset_peak()
    explained = await timed(lambda: parts.queries.explain(CALLER, str(JOB)))
    figures = [
        Figure("its explanation", "s", (explained,)),
        Figure("memory that takes for a while", "MiB", ((peak() - before) / MIB,)),
    ]
    for name, arguments in (
        ("show --events -o ndjson", ["show", str(JOB), "--events", "-o", "ndjson"]),
        ("replay -o ndjson", ["replay", str(JOB), "-o", "ndjson"]),
    ):
        before = reset_peak()
        seconds, lines, mebibytes, slowest = await beside(parts, settings, arguments)
        figures += [
            Figure(f"countermand {name}, {lines} lines", "s", (seconds,)),
            Figure("its peak memory", "MiB", (mebibytes,)),
            Figure("memory the service takes for it", "MiB", ((peak() - before) / MIB,)),
            Figure("slowest hot load in the service meanwhile", "ms", (slowest * 1000,)),
        ]
    return figures


async def beside(
    parts: Parts, settings: Settings, arguments: list[str]
) -> tuple[float, int, float, float]:
    """Seconds, lines and peak memory (MiB) of a command; and who waited longest meanwhile."""
    work = asyncio.create_task(asyncio.to_thread(run, settings, arguments))
    slowest = 0.0
    while not work.done():
        slowest = max(slowest, await timed(hot_after_a_pause(parts)) - 0.01)
    return *(await work), slowest


def hot_after_a_pause(parts: Parts) -> Callable[[], Awaitable[object]]:
    """A load that needs nothing but its turn."""

    async def act() -> object:
        await asyncio.sleep(0.01)
        return await parts.ledger.job(JOB)

    return act


def run(settings: Settings, arguments: list[str]) -> tuple[float, int, float]:
    """The whole process ``countermand``."""
    program = str(Path(sys.executable).with_name("countermand"))
    environment = os.environ | {
        "COUNTERMAND_ENDPOINT": f"{settings.data_directory}/run/endpoint.json"
    }
    began = time.perf_counter()
    with subprocess.Popen([program, *arguments], env=environment, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines, mebibytes = 0, 0.0
        for _ in child.stdout:
            lines += 1
            if lines % LOOK_LINES == 0:
                mebibytes = max(mebibytes, peak_mebibytes(child.pid))
    assert child.returncode == 0, f"{arguments} ended with {child.returncode}"
    return time.perf_counter() - began, lines, mebibytes


def reset_peak() -> int:
    """Begin to measure the peak of this process's memory anew; what it is now, in bytes."""
    Path("/proc/self/clear_refs").write_text("5")
    return of_status("VmRSS")


def peak() -> int:
    """The most memory this process has had since then, in bytes."""
    return of_status("VmHWM")


def of_status(name: str) -> int:
    """A size that the kernel knows of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = islice((x for x in lines if x.startswith(f"{name}:")), 1)
    return int(line.split()[1]) * 1024
