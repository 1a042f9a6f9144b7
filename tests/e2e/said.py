"""A run of a program from start to end, and what it said."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.support.waiting import PATIENCE_SECONDS

COUNTERMAND: Final = str(Path(sys.executable).with_name("countermand"))


class Said(Struct, frozen=True):
    """What a run printed, and how it ended."""

    status: int
    out: str
    err: str

    def refusal(self, lines_max: int = 1) -> str:
        """What a refused command said: a sentence, and at most a list of what is wrong."""
        assert self.out == ""
        assert "Traceback" not in self.err
        assert self.err.startswith("countermand: ")
        assert len(self.err.splitlines()) <= lines_max, self.err
        return self.err


def said_by(
    command: Sequence[str | bytes],
    environment: dict[str, str],
    where: Path,
    *,
    stdin: bytes = b"",
    seconds: float = PATIENCE_SECONDS,
) -> Said:
    """A command that must end by itself, with this environment and no other."""
    done = subprocess.run(
        command,
        input=stdin,
        env=environment,
        cwd=where,
        capture_output=True,
        timeout=seconds,
        check=False,
    )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())
