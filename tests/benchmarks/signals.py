"""From the request to the signal: how long it takes until a process sees that it shall stop.

Each job is one process that writes down when SIGTERM reached it. The clock is the monotonic one,
which all processes of a machine share; it begins before the client sends its request over HTTP.
"""

import statistics
import sys
import time
from collections.abc import Sequence
from http.client import OK
from pathlib import Path
from typing import Final

import httpx

from application.settings import ALLOW_ROOT_TASKS
from tests.benchmarks.figures import ROUNDS, Figure
from tests.benchmarks.web import CANCEL
from tests.e2e.service import Service, running_service
from tests.support.waiting import until

JOBS: Final = 100
AT_ONCE: Final = 20
PERCENT: Final = 99

AS_OURSELVES: Final = {"task_account": "root", "allow_root_tasks": ALLOW_ROOT_TASKS}
"""Another account may not see into an environment below somebody's home. Without root nothing."""

LISTENER: Final = """
import pathlib, signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
place = pathlib.Path(sys.argv[1])
(place.parent / (place.name + ".up")).touch()
signal.sigwait({signal.SIGTERM})
place.write_text(str(time.monotonic()))
"""


def measure(directory: Path) -> list[Figure]:
    """A hundred cancels a round, one at a time."""
    middle, slow = list[float](), list[float]()
    program = directory / "listener.py"
    program.write_text(LISTENER)
    with running_service(slots=AT_ONCE, **AS_OURSELVES) as service:
        for n in range(ROUNDS):
            took = [x for part in range(JOBS // AT_ONCE) for x in some(service, program, n, part)]
            middle.append(statistics.median(took) * 1000)
            slow.append(statistics.quantiles(took, n=100)[PERCENT - 1] * 1000)
    return [
        Figure("HTTP request to stop signal seen, p50", "ms", tuple(middle)),
        Figure("HTTP request to stop signal seen, p99", "ms", tuple(slow)),
    ]


def some(service: Service, program: Path, number: int, part: int) -> Sequence[float]:
    """Seconds of as many cancels as there are slots, each asked when the one before has ended."""
    traces = [service.traces / f"{number}-{part}-{n}" for n in range(AT_ONCE)]
    jobs = [service.submit(f"exec {sys.executable} -S {program} {trace}") for trace in traces]
    up = [trace.with_name(f"{trace.name}.up") for trace in traces]
    until(lambda: all(one.exists() for one in up), "all listen")
    for job in jobs:
        service.until_state(job, "Running")
    with service.client() as client:
        return [canceled(service, client, *one) for one in zip(jobs, traces, strict=True)]


def canceled(service: Service, client: httpx.Client, job: int, trace: Path) -> float:
    """Seconds from the request to the signal."""
    began = time.monotonic()
    answer = client.post(f"/jobs/{job}/cancel", json=CANCEL)
    assert answer.status_code == OK, answer.text
    service.until_state(job, "Canceled")
    return float(trace.read_text()) - began
