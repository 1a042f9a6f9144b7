"""How fast the audit trail is exported, the whole way: the file of the views, the HTTP server in a
process of its own, and ``countermand audit export`` in another, to a synced file with its manifest.

The views are filled with the made-up history first. As a program (VIEWS DIRECTORY) this is the
server.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Final

import uvloop

from adapters.http.streams.sse import StreamLimits
from adapters.recorder_log import memory_log
from adapters.views.store import SqliteViewStore
from application.tail import TailLimits
from application.view_writer import ViewWriter
from tests.adapters.http.stack import Stack, WeatherLog
from tests.benchmarks.figures import ROUNDS, Figure
from tests.benchmarks.history import CLUSTER, EVENTS_A_JOB, events

ROWS: Final = 1_000_000
ROWS_A_JOB: Final = 5
"""Of the made-up history: a refusal, a request, an order, a stop, an end."""

BATCH_EVENTS: Final = 2000
FORMS: Final = ("csv", "ndjson")
LOG_ID: Final = "benchmark/1"
LOOK_SECONDS: Final = 0.05


def fill(path: Path, rows: int) -> None:
    """Views with so many rows of the trail."""
    store = SqliteViewStore(path, LOG_ID)
    writer, source = ViewWriter(store), events(rows * EVENTS_A_JOB // ROWS_A_JOB, with_bytes=False)
    while batch := tuple(islice(source, BATCH_EVENTS)):
        writer.apply(batch)
    store.close()


async def serve(views: Path, directory: Path) -> None:
    """The web on these views, until the process is ended."""
    log = WeatherLog(memory_log(CLUSTER))
    stack = Stack(directory, StreamLimits(), (), 1, log, TailLimits())
    await stack.views.projector.put(ViewWriter(SqliteViewStore(views, LOG_ID)))
    await stack.web.start()
    print(stack.socket, flush=True)
    await stack.web.wait()


@contextmanager
def served(views: Path, directory: Path) -> Iterator[tuple[str, int]]:
    """A server in a process of its own: its socket, and its pid."""
    command = [sys.executable, "-m", "tests.benchmarks.exporting", str(views)]
    command.append(str(directory))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip(), server.pid
        server.kill()


def export(socket: str, file: Path, form: str) -> tuple[float, float]:
    """Seconds of the whole process, from its start to its end, and the most MiB it had."""
    program = str(Path(sys.executable).with_name("countermand"))
    options = ["--endpoint", socket, "-f", str(file), "-o", form, "--force-overwrite", "-q"]
    began = time.perf_counter()
    peak = 0.0
    with subprocess.Popen([program, "audit", "export", *options]) as process:
        while process.poll() is None:
            peak = max(peak, peak_mebibytes(process.pid))
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
    assert process.returncode == 0, "the export failed"
    return time.perf_counter() - began, peak


def peak_mebibytes(pid: int) -> float:
    """The most memory that a process has had; 0 for one that has ended."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = [x for x in status.splitlines() if x.startswith("VmHWM")]
    return int(found[0].split()[1]) / 1024 if found else 0.0


def measure(directory: Path) -> list[Figure]:
    """Rows a second in each form, and what memory it took."""
    figures, views = list[Figure](), directory / "views.sqlite"
    fill(views, ROWS)
    with served(views, directory) as (socket, pid):
        for form in FORMS:
            took = [export(socket, directory / "out", form) for _ in range(ROUNDS)]
            what, rates = f"audit export of {ROWS:,} rows, {form}", [ROWS / s for s, _ in took]
            figures.append(Figure(what, "rows/s", tuple(rates)))
            figures.append(Figure("its peak memory", "MiB", tuple(x for _, x in took)))
        figures.append(Figure("the server's peak memory", "MiB", (peak_mebibytes(pid),)))
    return figures


if __name__ == "__main__":
    uvloop.run(serve(Path(sys.argv[1]), Path(sys.argv[2])))
