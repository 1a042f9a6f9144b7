"""One short directory below /tmp for one test, and an end for everything that came out of it.

A socket's path may have 107 bytes. Other accounts may pass through: tasks run as nobody, and leave
traces there. Whatever carries the directory's name in its command line or environment, or works in
it, belongs to the test, and is gone when the test is over.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters.engines.local.procfs import Process
from tests.support.processes import belonging_to, working_in
from tests.support.waiting import until


@contextmanager
def new_home() -> Iterator[Path]:
    """The directory; what runs out of it ends with it."""
    home = Path(tempfile.mkdtemp(prefix="cm-e2e-", dir="/tmp"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        until(lambda: not kill_all(home), f"an end of everything in {home}")
        shutil.rmtree(home, ignore_errors=True)


def kill_all(home: Path) -> list[Process]:
    """SIGKILL, by its id, to every process that is left; what that was."""
    left = [*belonging_to(str(home)), *working_in(home)]
    for one in left:
        kill(one.pid)
    return left


def kill(pid: int) -> None:
    """SIGKILL, if the process is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
