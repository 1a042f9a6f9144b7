"""What a benchmark measures, and the few things that all of them do."""

import os
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.bootstrap.compose import Parts
from application.scheduler import Cancel, NewJob
from domain.events import TaskSpec
from domain.identity import Caller, Origin, Principal, Role
from domain.states import CancelMode

ROUNDS: Final = 5
CALLER: Final = Caller(Principal("bench", (Role.ADMINISTRATOR,)), origin=Origin.AUTOMATION)
QUIET: Final = NewJob("bench", (TaskSpec(1, "true"),), submit=False)


class Figure(Struct, frozen=True):
    """A measured thing: one value a round."""

    name: str
    unit: str
    values: tuple[float, ...]

    def row(self) -> str:
        """A line of the table."""
        low, high = min(self.values), max(self.values)
        middle = statistics.median(self.values)
        return f"| {self.name} | {middle:.2f} | {low:.2f} to {high:.2f} | {self.unit} |"


def milliseconds(values: Sequence[float]) -> float:
    """The median of seconds, in milliseconds."""
    return statistics.median(values) * 1000


async def timed(act: Callable[[], Awaitable[object]]) -> float:
    """Seconds that one act takes."""
    began = time.perf_counter()
    await act()
    return time.perf_counter() - began


async def held_jobs(parts: Parts, count: int) -> list[str]:
    """Jobs in Configuring: they can be canceled, and nothing of them runs."""
    made = [await parts.scheduler.add_job(CALLER, QUIET, parts.ids.new()) for _ in range(count)]
    return [receipt.job_id for receipt in made]


async def cancel(parts: Parts, job: str) -> object:
    """One cancel, decided and stored."""
    wish = Cancel(CancelMode.NORMAL, "benchmark")
    return await parts.scheduler.cancel_job(CALLER, job, wish, parts.ids.new())


def print_figures(command: str, figures: Sequence[Figure]) -> None:
    """The table, below the machine, the date and the command."""
    cores = len(os.sched_getaffinity(0))
    print(f"{datetime.now(UTC):%Y-%m-%d}: {command}, on {processor()}, {cores} cores,")
    print(f"{platform.system()} {platform.release()}, Python {platform.python_version()}")
    print(f"\n| what | median of {ROUNDS} | spread | unit |\n|---|---|---|---|")
    for figure in figures:
        print(figure.row())


def processor() -> str:
    """The processor's name, as the kernel has it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
