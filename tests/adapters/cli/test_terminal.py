"""On a terminal: several jobs are asked about, headings are bold, steps wait for Enter."""

import os
import pty
import subprocess

import pytest

from tests.adapters.cli.conftest import PROGRAM
from tests.support.stand_in_server import StandIn


@pytest.mark.parametrize(
    ("typed", "status", "sent"), [("y\n", 0, 2), ("n\n", 130, 0), ("\n", 130, 0)]
)
def test_several_jobs_are_asked_about(
    server: StandIn, environment: dict[str, str], typed: str, status: int, sent: int
) -> None:
    server.add_job(17)
    server.add_job(18)
    assert on_terminal(environment, typed, "cancel", "17", "18")[0] == status
    assert len(server.sent()) == sent


def test_one_job_or_yes_is_not_asked_about(server: StandIn, environment: dict[str, str]) -> None:
    server.add_job(17)
    server.add_job(18)
    assert on_terminal(environment, "", "cancel", "17", "--force")[0] == 0
    assert on_terminal(environment, "", "cancel", "17", "18", "-y")[0] == 0
    assert len(server.sent()) == 3


def test_bold_headings_unless_unwanted(server: StandIn, environment: dict[str, str]) -> None:
    server.add_job(17)
    colour = environment | {"TERM": "xterm-256color"}
    assert b"\x1b[1mEVENT" in on_terminal(colour, "", "show", "17", "--events")[1]
    assert b"\x1b" not in on_terminal(colour | {"NO_COLOR": ""}, "", "show", "17", "--events")[1]
    assert b"\x1b" not in on_terminal(environment, "", "show", "17", "--events")[1]


def test_steps_wait_for_enter_and_q_ends(server: StandIn, environment: dict[str, str]) -> None:
    server.add_job(17)
    server.record(17, "JobStarted")
    server.record(17, "JobFinished")
    status, shown = on_terminal(environment, "\nq\n", "replay", "17", "--step")
    assert status == 0
    assert b"2/3" in shown
    assert b"3/3" not in shown


def on_terminal(environment: dict[str, str], typed: str, *arguments: str) -> tuple[int, bytes]:
    """Exit status, and all that the terminal was sent."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:
            pass  # Linux says so when the last process has closed its side
        os.close(ours)
        status = process.wait(timeout=30)
    return status, shown
