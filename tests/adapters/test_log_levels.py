"""What needs a person is a warning in the service's log, whatever else is left out of it."""

import json
import subprocess
import sys
from typing import Final

REPORTED: Final = ("views_stopped", "views_rebuild_failed", "views_rebuilt")
PROGRAM: Final = f"""
from adapters.bootstrap.system import LogReporter
for level in ("warning", "info"):
    reporter = LogReporter(level)
    for event in {REPORTED}:
        reporter(event, position=7)
"""


def test_what_does_not_go_as_it_should_is_a_warning() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    told = [json.loads(line) for line in done.stderr.splitlines()]
    wrong = [("views_stopped", "warning"), ("views_rebuild_failed", "warning")]
    assert [(x["event"], x["level"]) for x in told] == [*wrong, *wrong, ("views_rebuilt", "info")]
