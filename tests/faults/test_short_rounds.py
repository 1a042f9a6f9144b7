"""The suite itself, for a few rounds: it keeps its promises, and ends as it says."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SECONDS = 110


def faults(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of the suite."""
    return subprocess.run(
        [sys.executable, "-m", "tests.faults", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("names", [("kills", "--rounds", "3"), ("clock",)], ids=" ".join)
def test_a_short_run_breaks_no_promise(names: tuple[str, ...]) -> None:
    done = faults(*names, "--seed", "3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no broken promises" in done.stdout
    assert "seed 3" in done.stdout


def test_what_there_is_not_is_said() -> None:
    done = faults("nonsense")
    assert done.returncode == 2
    assert "there is no scenario nonsense; there are kills, flips, " in done.stderr
