"""The real command line in processes of its own, against a small real server."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import pytest

from tests.support.stand_in_server import StandIn

PROGRAM: Final = str(Path(sys.executable).with_name("countermand"))
SECONDS_MAX: Final = 60


class Cli(Protocol):
    """Runs the command line to its end."""

    def __call__(
        self, *arguments: str | bytes, stdin: bytes = b"", **environment: str
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandIn]:
    with StandIn(directory=tmp_path / "data") as running:
        yield running


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Nothing of the machine's own, and times in UTC."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "COUNTERMAND_DATA": str(tmp_path / "data"),
    }


@pytest.fixture
def cli(environment: dict[str, str]) -> Cli:
    def run(
        *arguments: str | bytes, stdin: bytes = b"", **more: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [PROGRAM, *arguments],
            input=stdin,
            capture_output=True,
            env={**environment, **more},
            timeout=SECONDS_MAX,
            check=False,
        )
        out, err = done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        assert "Traceback" not in err, err
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return run
