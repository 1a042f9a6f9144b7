"""A consumer in a process of its own, as a site runs it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.e2e.service import ROOT
from tests.support.waiting import PATIENCE_SECONDS, until
from tests.support.web import Json

NOTIFIER: Final = "ops.consumers.notifier"
EXPORTER: Final = "ops.consumers.exporter"
STOP_SECONDS_MAX: Final = 4.0


class Consumer:
    """One program with its options; started, killed and started again. ``before``: such as strace.

    ``log_file`` holds what all its runs said.
    """

    def __init__(
        self,
        program: str,
        options: Sequence[str | Path],
        environment: dict[str, str],
        log_file: Path,
        before: Sequence[str] = (),
    ) -> None:
        self.command = [*before, sys.executable, "-m", program, *map(str, options)]
        self.environment = environment
        self.log_file = log_file
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Consumer":
        """Another run of it."""
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    @property
    def running(self) -> "subprocess.Popen[bytes]":
        """The run there is."""
        assert self.process is not None, "it was never started"
        return self.process

    def ended(self, seconds: float = PATIENCE_SECONDS) -> int:
        """Its exit status, when it has ended by itself."""
        return self.running.wait(seconds)

    def run(self) -> int:
        """A run from start to end; its exit status."""
        return self.start().ended()

    def kill(self) -> None:
        """As a crash would."""
        self.running.kill()
        self.running.wait(PATIENCE_SECONDS)

    def kill_after(self, seconds: float) -> bool:
        """SIGKILL at that moment; whether it came in time."""
        try:
            self.running.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.running.returncode == -signal.SIGKILL

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, which must not take long; its exit status."""
        began = time.monotonic()
        self.running.send_signal(number)
        status = self.running.wait(PATIENCE_SECONDS)
        assert time.monotonic() - began < STOP_SECONDS_MAX
        return status

    @property
    def log(self) -> str:
        """What all its runs have said, as it stands in the file."""
        return self.log_file.read_text(encoding="ascii")

    @property
    def said(self) -> list[Json]:
        """The same, decoded; every line must be an object."""
        return [json.loads(line) for line in self.log.splitlines()]

    def heard(self, event: str, **fields: object) -> list[Json]:
        """The lines of one event that hold these fields."""
        wanted = {"event": event, **fields}.items()
        return [line for line in self.said if wanted <= line.items()]

    def until_heard(self, event: str, **fields: object) -> Json:
        """The first such line, when there is one."""
        return until(lambda: self.heard(event, **fields), f"the log says {event} {fields}")[0]

    @property
    def last_word(self) -> str:
        """The reason with which it ended."""
        line = self.said[-1]
        assert line["event"] == "ended", line
        return str(line["reason"])
