"""Hostile text on every surface of the command line, the command line itself included."""

import pytest

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_jobs import problem
from tests.support.stand_in_server import StandIn

HOSTILE = "\x1b]0;owned\x07\u202e\u2066\u200b\x9b31m\nsecond line"
SURFACES = (
    ("show", "17"),
    ("show", "17", "--events"),
    ("replay", "17"),
    ("replay", "17", "--step"),
    ("watch", "--from", "1", "--no-follow"),
    ("cancel", "17"),
    ("cancel", "17", "-n", "-m", HOSTILE),
)


@pytest.fixture(autouse=True)
def job(server: StandIn) -> None:
    found = server.add_job(17, "Canceling", name=HOSTILE, error_message=HOSTILE)
    found["tasks"][0].update(command=HOSTILE, reason=HOSTILE)
    found["under_way"].update(actor=HOSTILE, message=HOSTILE)
    found["cancel"] = {**found["under_way"], "reason_code": HOSTILE}
    server.record(17, "JobCancelRequested", message=HOSTILE, nested={"x": HOSTILE})


@pytest.mark.parametrize("form", ["table", "json", "ndjson"])
@pytest.mark.parametrize("arguments", SURFACES, ids=" ".join)
def test_nothing_acts_on_the_terminal(cli: Cli, arguments: tuple[str, ...], form: str) -> None:
    done = cli(*arguments, "-o", form)
    assert done.returncode == 0, done.stderr
    assert "\\u202e" in done.stdout or "summary" in done.stdout or "replay" in arguments
    check(done.stdout)
    check(done.stderr)


def test_a_hostile_refusal(server: StandIn, cli: Cli) -> None:
    server.plan("POST", "/api/v1/jobs/17/cancel", problem(403, "not_permitted", HOSTILE))
    done = cli("cancel", "17")
    assert done.returncode == 5
    assert len(done.stderr.splitlines()) == 1
    check(done.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ("cancel", HOSTILE),
        ("cancel", "17", f"--{HOSTILE}"),
        (HOSTILE,),
        ("cancel", "17", "--as", HOSTILE),
        ("cancel", "17", "--id", HOSTILE),
        ("cancel", "17", "--endpoint", HOSTILE),
        ("cancel", "17", "--token", HOSTILE),
        ("cancel", "17", "-m", f"@{HOSTILE}"),
        ("show", "17", "--at", HOSTILE),
    ],
    ids=ascii,
)
def test_a_hostile_command_line(cli: Cli, arguments: tuple[str, ...]) -> None:
    done = cli(*arguments)
    assert done.returncode != 0
    check(done.stdout)
    check(done.stderr)


def test_a_header_cannot_be_smuggled_in(server: StandIn, cli: Cli) -> None:
    assert cli("cancel", "17", "--as", "bob\r\nX-Evil: 1").returncode == 2
    assert server.requests == []


def test_a_job_is_one_segment_of_the_path(server: StandIn, cli: Cli) -> None:
    assert cli("cancel", "../../x?y#z").returncode == 3
    (request,) = server.requests
    assert request.path == "/api/v1/jobs/%2E%2E%2F%2E%2E%2Fx%3Fy%23z/cancel"
    assert request.query == {}


def check(text: str) -> None:
    bad = {c for c in text if not c.isprintable() and c != "\n"}
    assert bad == set()
