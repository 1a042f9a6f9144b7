"""Large parametric sweeps on a real service: submitted, canceled, loaded; and what memory it takes.

The service is a process of its own with eight slots, met over its socket. The subtasks sleep, so
that a cancel finds eight of them on the node and all others waiting.
"""

import time
from pathlib import Path
from typing import Final

from tests.benchmarks.exporting import peak_mebibytes
from tests.benchmarks.figures import Figure
from tests.benchmarks.timing import milliseconds, timed
from tests.e2e.scripts import job_of
from tests.e2e.service import Service, running_service
from tests.support.waiting import until

SLOTS: Final = 8
SIZES: Final = (100_000, 1_000_000)
MODES: Final = ("normal", "forced")
LOOKS: Final = 20


def measure(_: Path) -> list[Figure]:
    """Each size, canceled normally and by force."""
    return [figure for size in SIZES for mode in MODES for figure in of_sweep(size, mode)]


def of_sweep(size: int, mode: str) -> list[Figure]:
    """One sweep in the life of one service."""
    with running_service(slots=SLOTS) as service:
        submit, job = timed(lambda: submitted(service, size))
        until(lambda: counts(service, job)["running"] == SLOTS, "all slots are used")
        before = peak_mebibytes(service.pid)
        looks = [timed(lambda: service.job(job))[0] for _ in range(LOOKS)]
        began = time.perf_counter()
        answer, _ = timed(lambda: service.cancel(job, mode))
        service.until_state(job, "Canceled")
        whole = time.perf_counter() - began
        page, _ = timed(lambda: service.ask("GET", f"/jobs/{job}/tasks/1/subtasks?limit=1000"))
        peak = peak_mebibytes(service.pid)
        service.restart()
        load, _ = timed(lambda: service.job(job))
    what = f"sweep of {size:,}, {mode}"
    return [
        milliseconds(f"{what}: its submission", submit),
        milliseconds(f"{what}: a look at the job while it runs", *looks),
        milliseconds(f"{what}: the cancel's own answer", answer),
        milliseconds(f"{what}: from the cancel to JobCanceled", whole),
        milliseconds(f"{what}: a page of its subtasks", page),
        milliseconds(f"{what}: first load of the job after a restart", load),
        Figure(f"{what}: memory of the service before the cancel, peak", "MiB", (before,)),
        Figure(f"{what}: memory of the service in all, peak", "MiB", (peak,)),
    ]


def submitted(service: Service, size: int) -> int:
    """The sweep's number."""
    (task,) = job_of("exec sleep 600", mark=service.home)["tasks"]
    index = {"type": "ParametricSweep", "start": 1, "end": size, "increment": 1}
    return service.submit(tasks=[{**task, **index}])


def counts(service: Service, job: int) -> dict[str, int]:
    """What its subtasks do."""
    found: dict[str, int] = service.job(job)["tasks"][0]["subtasks"]
    return found
