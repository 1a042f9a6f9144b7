"""The story that ``make demo`` tells, as a newcomer sees it."""

import os
import re
import subprocess
import sys
from typing import Final

import pytest

from tests.e2e.home import new_home
from tests.e2e.service import ROOT
from tests.support.processes import belonging_to

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

STORY_SECONDS_MAX: Final = 110.0
HEADLINES: Final = [
    "A service on an empty directory: stream, users and journal are made",
    "A normal cancel, with a message",
    "A cancel whose grace period runs out, and a repeat",
    "A graceful cancel, escalated to forced",
    "Refused: somebody else, 321 characters, a finished job",
    "A queued job",
    "A command job",
    "Requeue",
    "The service killed with SIGKILL in the middle of a grace period",
    "The same job, told again from its events",
]
OUTCOMES: Final = [
    "both tasks cleaned up",
    "the node release task ran last",
    "both tasks ended within their grace period",
    "a repeat says what is going on",
    "killed after its grace period",
    "no clean-up and no node release",
    "the skipped node release is a fact",
    "both refusals stand in the history",
    "nothing of it ran",
    "the finished task was kept",
    "the other runs a second time",
    "the grace period ran out as ordered",
    "canceled once",
    "nothing of the job is left running",
    "replay equals the live state",
]
TOLD: Final = [
    "ErrorMessage of job 1: Canceled by user. Message: disk is filling up",
    "already being canceled",
    "none survived",
    "service killed with SIGKILL; starting it again",
    "TaskForceStopped",
    "NodeReleaseEnded",
    "JobCanceled",
    "Canceling -> Canceled",
    "Everything came out as it should.",
]


def test_the_story_is_told_and_leaves_nothing_behind() -> None:
    with new_home() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(home)}
        done = subprocess.run(
            [sys.executable, str(ROOT / "ops" / "demo.py"), "--keep", str(home / "kept")],
            env=environment,
            cwd=home,
            capture_output=True,
            text=True,
            timeout=STORY_SECONDS_MAX,
            check=False,
        )

        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        assert re.findall(r"^== (.+)$", done.stdout, re.MULTILINE) == HEADLINES
        said = set(re.findall(r"^ +ok: (.+)$", done.stdout, re.MULTILINE))
        assert [x for x in OUTCOMES if x not in said] == []
        assert [x for x in TOLD if x not in done.stdout] == []
        assert done.stderr == ""
        assert not list(home.glob("countermand-demo-*"))
        assert (home / "kept" / "stream.json").exists()
        assert belonging_to(str(home)) == []
