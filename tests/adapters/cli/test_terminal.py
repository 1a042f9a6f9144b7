"""On a terminal: several jobs are asked about, headings are bold, steps wait for Enter."""

import os
import pty
import subprocess
import termios
from datetime import UTC, datetime
from pathlib import Path

import pytest

from adapters.cli.printing.tables import width
from tests.adapters.cli.conftest import PROGRAM
from tests.support.stand_in_server import StandIn
from tests.support.stand_in_views import cancellation, rebuild


@pytest.mark.parametrize(
    ("typed", "status", "sent"), [("y\n", 0, [[17, 18]]), ("n\n", 130, []), ("\n", 130, [])]
)
def test_several_jobs_are_asked_about(
    server: StandIn, environment: dict[str, str], typed: str, status: int, sent: list[list[int]]
) -> None:
    server.add_job(17)
    server.add_job(18)
    assert on_terminal(environment, typed, "cancel", "17", "18")[0] == status
    assert [request.body["jobs"] for request in server.sent()] == sent


def test_one_job_or_yes_is_not_asked_about(server: StandIn, environment: dict[str, str]) -> None:
    server.add_job(17)
    server.add_job(18)
    assert on_terminal(environment, "", "cancel", "17", "--force")[0] == 0
    assert on_terminal(environment, "", "cancel", "17", "18", "-y")[0] == 0
    one, both = server.sent()
    assert one.path.endswith("/17/cancel")
    assert both.body["jobs"] == [17, 18]


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


def full(server: StandIn) -> None:
    """Lists of which no row fits a small terminal."""
    found = server.add_job(17, "Canceling", name="a very long name " * 9, owner="alice")
    found["cancel"] = {**found["under_way"], "message": "\u6f22\u5b57 because " * 20}
    server.add_job(18, "Running")
    for position, outcome in ((5, "accepted"), (6, "refused")):
        server.add_row(position, outcome=outcome, actor="somebody" * 5, message="words " * 50)
    server.trail[1]["kind"] = "refusal"
    server.record(17, "JobCancelRequested", message="words " * 50)
    server.sentences = [{"text": "\u6f22\u5b57 words " * 30, "events": [1, 2]}]
    server.cancellations = [cancellation(9, message="words " * 50)]


@pytest.mark.parametrize("columns", [40, 80, 120])
@pytest.mark.parametrize(
    "arguments",
    [
        ("ls",),
        ("ls", "--stuck"),
        ("ls", "--fields", "name,owner,cancel.message"),
        ("audit",),
        ("show", "17"),
        ("show", "17", "--events"),
        ("replay", "17"),
        ("replay", "17", "--diff", "1..2"),
        ("explain", "17"),
        ("projections",),
        ("nodes",),
        ("params",),
        ("watch", "--from", "1", "--no-follow", "-q"),
    ],
    ids=" ".join,
)
def test_no_line_is_wider_than_the_terminal(
    server: StandIn, environment: dict[str, str], arguments: tuple[str, ...], columns: int
) -> None:
    full(server)
    status, shown = on_terminal(environment, "", *arguments, columns=columns)
    assert status == 0
    lines = shown.decode().replace("\r\n", "\n").splitlines()
    told = [x for x in lines if "no room for" not in x]
    too_wide = [x for x in told if width(x) > columns]
    assert [x for x in too_wide if " " in x.strip()] == [], "only a single word may be"


def test_what_is_left_out_is_said(server: StandIn, environment: dict[str, str]) -> None:
    full(server)
    shown = on_terminal(environment, "", "audit", columns=40)[1].decode()
    assert "MESSAGE, DETAIL; a wider terminal, a pipe or -o json shows all" in shown
    assert b"no room" not in on_terminal(environment, "", "audit", "-q", columns=40)[1]
    wide = on_terminal(environment, "", "ls", columns=100)[1].decode()
    assert "\u2026" in wide


@pytest.mark.parametrize("columns", [80, 100, 120])
@pytest.mark.parametrize(
    ("arguments", "headings", "beginning"),
    [
        (("audit",), ("JOB", "ACTOR", "OUTCOME", "MODE", "MESSAGE, DETAIL"), '"words words'),
        (("ls",), ("JOB", "NAME", "OWNER", "STATE", "CANCELED BY", "WHY"), '"words words'),
        (("ls", "--stuck"), ("JOB", "TROUBLE", "MODE", "BY", "DUE", "WHY"), "words words"),
        (("replay", "17"), ("EVENT", "ACTOR", "STATE", "SUMMARY"), "words words"),
        (("show", "17", "--events"), ("EVENT", "TYPE", "ACTOR", "SUMMARY"), 'message="w'),
    ],
    ids=str,
)
def test_nobody_hides_what_matters(
    server: StandIn,
    environment: dict[str, str],
    arguments: tuple[str, ...],
    headings: tuple[str, ...],
    beginning: str,
    columns: int,
) -> None:
    """Whatever people wrote: as a job, as a name, as their own name, as a message."""
    who = {"actor": "A" * 64, "on_behalf_of": "B" * 64}
    found = server.add_job(17, "Canceling", name="N" * 300, owner="O" * 64)
    found["cancel"] = {**found["under_way"], **who, "message": "words " * 50}
    server.record(17, "JobCancelRequested", message="words " * 50)
    server.events[-1]["event"].update(authid="A" * 64, onbehalfof="B" * 64)
    server.add_row(36154, job_id=None, subject="W" * 60, message="words " * 50, **who)
    server.cancellations = [cancellation(9, message="words " * 50, **who)]
    shown = on_terminal(environment, "", *arguments, columns=columns)[1].decode()
    head = next(x for x in shown.splitlines() if x.startswith(headings[0][:3]) or "ACTOR" in x)
    assert [x for x in headings if x not in head] == []
    if arguments[0] != "replay":
        assert beginning in shown


def test_piped_nothing_is_shortened(server: StandIn, environment: dict[str, str]) -> None:
    full(server)
    small = environment | {"COLUMNS": "40", "TERM": "xterm-256color"}
    done = subprocess.run([PROGRAM, "ls"], env=small, capture_output=True, text=True, check=True)
    assert "\u6f22\u5b57 because " * 19 in done.stdout
    assert "a very long name " * 9 in done.stdout
    assert "\x1b" not in done.stdout


def test_states_and_refusals_have_colours(server: StandIn, environment: dict[str, str]) -> None:
    full(server)
    colour = environment | {"TERM": "xterm-256color"}
    jobs = on_terminal(colour, "", "ls", columns=120)[1]
    assert b"\x1b[95mCanceling\x1b[0m" in jobs
    assert b"\x1b[32mRunning\x1b[0m" in jobs
    assert b"\x1b[1mSTATE\x1b[0m" in jobs
    rows = on_terminal(colour, "", "audit", columns=120)[1]
    assert b"\x1b[31mrefusal\x1b[0m" in rows
    assert b"\x1b[31mrefused\x1b[0m" in rows
    assert b"state     \x1b[95mCanceling\x1b[0m" in on_terminal(colour, "", "show", "17")[1]
    assert b"\x1b" not in on_terminal(colour | {"NO_COLOR": "1"}, "", "audit", columns=120)[1]
    assert b"\x1b[" not in on_terminal(colour, "", "ls", "-o", "json")[1]


def test_todays_times_are_times(server: StandIn, environment: dict[str, str]) -> None:
    now = datetime.now(UTC)
    server.add_job(17, "Running")["started_at"] = f"{now:%Y-%m-%dT%H:%M:%S}.000000Z"
    server.add_job(18, "Running")["started_at"] = "2001-02-03T04:05:06.000000Z"
    shown = on_terminal(environment, "", "ls", columns=120)[1].decode()
    assert "  2001-02-03\r" in shown
    if datetime.now(UTC).date() == now.date():
        assert f"  {now:%H:%M:%S}\r" in shown


def test_long_work_shows_a_bar(
    server: StandIn, environment: dict[str, str], tmp_path: Path
) -> None:
    server.rebuilds = [
        rebuild(),
        rebuild(position=50),
        rebuild(running=False, position=100, compared=True, equal=True),
    ]
    status, shown = on_terminal(environment, "", "projections", "rebuild", columns=80)
    assert status == 0
    assert b"rebuilding the views  [##################" in shown
    assert b"100%" in shown
    for position in range(1, 50):
        server.add_row(position)
    file = str(tmp_path / "trail.csv")
    status, shown = on_terminal(environment, "", "audit", "export", "-f", file, columns=80)
    assert status == 0
    assert b"exporting  [" in shown
    assert b"49 rows, " in shown
    file = str(tmp_path / "quiet.csv")
    assert on_terminal(environment, "", "audit", "export", "-f", file, "-q", columns=80)[1] == b""


def on_terminal(
    environment: dict[str, str], typed: str, *arguments: str, columns: int = 0
) -> tuple[int, bytes]:
    """Exit status, and all that the terminal was sent."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (50, columns))
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
