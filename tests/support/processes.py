"""Waiting for real processes, on conditions with a deadline, and looking at them."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from adapters.engines.local.procfs import Process, all_pids, process, read_bytes

DEADLINE_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.005


async def eventually(
    condition: Callable[[], object], what: str = "the condition", seconds: float = DEADLINE_SECONDS
) -> None:
    """Return as soon as ``condition`` holds; fail the test after ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in {seconds} s"
        await asyncio.sleep(LOOK_SECONDS)


def carrying(text: str) -> list[Process]:
    """Living processes whose environment holds ``text``."""
    found = []
    for pid in all_pids():
        try:
            environ = read_bytes(f"/proc/{pid}/environ")
        except OSError:
            continue
        one = process(pid)
        if text.encode() in environ and one is not None and one.living:
            found.append(one)
    return found


def written(path: Path) -> str:
    """What stands in a file by now; "" when it is not there yet."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def alive(pid: int) -> bool:
    """Whether a living process has that pid."""
    one = process(pid)
    return one is not None and one.living


def is_root() -> bool:
    """Whether this test run may change accounts."""
    return os.geteuid() == 0


def descriptors(pid: int) -> list[str]:
    """What a process has open."""
    return [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()]


def memory_highest_kib(pid: int) -> int:
    """The most memory a process ever had resident, shared libraries included."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1].split()[0])


def memory_own_kib(pid: int) -> int:
    """The memory a process shares with no file and nobody."""
    return int(Path(f"/proc/{pid}/status").read_text().split("RssAnon:")[1].split()[0])
