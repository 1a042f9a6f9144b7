"""What a benchmark measures, how it is told, and the few things that all of them do."""

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
QUIET: Final = NewJob("bench", (TaskSpec(1, "true"),))


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
    return await parts.scheduler.cancel_job_2(CALLER, job, wish, parts.ids.new())


def processor() -> str:
    """The processor's name, as the kernel has it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def where(command: str) -> str:
    """Machine, date and command."""
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    day, machine = (
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"{processor()}, {cores} cores (load {load:.1f})",
    )
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{day}: {command}, on {machine},\n{system}"


def table(title: str, figures: Sequence[Figure]) -> str:
    """All of them."""
    head = f"\n{title}\n\n| what | median | spread | unit |\n|---|---|---|---|\n"
    return head + "\n".join(figure.row() for figure in figures)
