"""Cancels that wait: what is said, with which status, and which one is approved or withdrawn."""

import json
from typing import Final

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_jobs import Answer
from tests.support.stand_in_server import StandIn

CANCEL_17: Final = "/api/v1/jobs/17/cancel"
JOB_17: Final = "/api/v1/jobs/17"
HELD: Final = {
    "outcome": "held",
    "operation": "cancel",
    "job_id": 17,
    "request_id": "disk-1",
    "position": 9,
    "explanation": "job 17: cancel held until 2026-11-23 12:01:00 UTC",
}
WAITS: Final = {
    "request_id": "disk-1",
    "mode": "normal",
    "message": "full",
    "reason_code": "quota",
    "actor": "alice",
    "on_behalf_of": "",
    "at": "2026-11-23T12:00:00.000000Z",
    "due": "2026-11-23T12:01:00.000000Z",
    "approvals_needed": 2,
    "approvals": [{"actor": "olga", "on_behalf_of": "", "at": "2026-11-23T12:00:10.000000Z"}],
    "expires": "2026-11-24T12:00:00.000000Z",
}


def job(*waiting: object, **more: object) -> Answer:
    """Job 17, on which these cancels wait."""
    told = {"job_id": 17, "state": "Running", "waiting_cancels": list(waiting), **more}
    return Answer(200, told)


def test_a_held_cancel_is_9_and_says_until_when(server: StandIn, cli: Cli) -> None:
    server.plan("POST", CANCEL_17, Answer(200, HELD))
    done = cli("cancel", "17")
    assert (done.returncode, done.stderr) == (9, "")
    assert done.stdout == "job 17: cancel held until 2026-11-23 12:01:00 UTC (event 9)\n"


def test_the_repeat_of_one_that_waits_is_9_too(server: StandIn, cli: Cli) -> None:
    under_way = {**WAITS, "position": 9}
    server.plan(
        "POST", CANCEL_17, Answer(200, {**HELD, "outcome": "repeated", "under_way": under_way})
    )
    done = cli("cancel", "17", "--utc")
    assert done.returncode == 9
    assert "a cancel waits already by alice since " in done.stdout


def test_one_that_waits_among_others_that_are_done_is_no_failure(server: StandIn, cli: Cli) -> None:
    none = {"count": 0, "jobs": ""}
    receipts = (HELD, {**HELD, "outcome": "accepted", "job_id": 18})
    answer = {
        "request_id": "disk-1",
        "plan": "",
        "total": 2,
        "position": 9,
        "done": 2,
        "failed": 0,
        "changed": none,
        "joined": none,
        "jobs": [{"job_id": x["job_id"], "receipt": x, "problem": None} for x in receipts],
    }
    server.plan("POST", "/api/v1/cancellations", Answer(200, answer))
    assert cli("cancel", "17", "18").returncode == 9


def test_the_wait_for_one_that_was_withdrawn_ends_with_5(server: StandIn, cli: Cli) -> None:
    server.plan("POST", CANCEL_17, Answer(200, HELD))
    server.plan("GET", JOB_17, job(WAITS), job())
    done = cli("cancel", "17", "--wait=20s")
    assert done.returncode == 5
    assert "the cancel disk-1 was withdrawn, or lapsed" in done.stderr


def test_the_wait_for_one_that_still_waits_ends_with_124(server: StandIn, cli: Cli) -> None:
    server.plan("POST", CANCEL_17, Answer(200, HELD))
    server.plan("GET", JOB_17, *[job(WAITS)] * 20)
    done = cli("cancel", "17", "--wait=50ms")
    assert done.returncode == 124
    assert "the cancel still waits" in done.stderr


def test_the_only_one_is_meant(server: StandIn, cli: Cli) -> None:
    path = f"{JOB_17}/cancellations/disk-1/withdrawal"
    server.plan("GET", JOB_17, job(WAITS))
    server.plan("POST", path, Answer(200, {"outcome": "accepted", "explanation": "withdrawn"}))
    done = cli("withdraw", "17", "-m", "wrong job")
    assert done.returncode == 0, done.stderr
    assert server.sent()[-1].body == {"message": "wrong job"}


def test_of_several_one_has_to_be_named(server: StandIn, cli: Cli) -> None:
    server.plan("GET", JOB_17, job(WAITS, {**WAITS, "request_id": "disk-2"}))
    done = cli("approve", "17")
    assert done.returncode == 2
    assert "2 cancels wait (disk-1, disk-2)" in done.stderr
    path = f"{JOB_17}/cancellations/disk-2/approval"
    server.plan("POST", path, Answer(200, {"outcome": "accepted", "explanation": "approved"}))
    assert cli("approve", "17", "--request", "disk-2").returncode == 0


def test_where_none_waits_there_is_nothing_to_approve(server: StandIn, cli: Cli) -> None:
    server.plan("GET", JOB_17, job())
    done = cli("approve", "17")
    assert (done.returncode, "no cancel waits" in done.stderr) == (6, True)


def test_who_withdraws_says_why(cli: Cli) -> None:
    done = cli("withdraw", "17")
    assert (done.returncode, "say why with -m" in done.stderr) == (2, True)


def test_what_waits_is_a_table(server: StandIn, cli: Cli) -> None:
    row = {**WAITS, "job_id": 17, "job_name": "render", "owner": "alice"}
    server.plan("GET", "/api/v1/pending", Answer(200, {"position": 9, "cancels": [row]}))
    done = cli("pending", "-o", "json")
    assert json.loads(done.stdout) == [row]
    server.plan("GET", "/api/v1/pending", Answer(200, {"position": 9, "cancels": [row]}))
    table = cli("pending", "-o", "table", "--utc").stdout
    assert "1 of 2 approvals (olga), by 2026-11-24 12:00:00Z" in table
    assert '"full" [quota]' in table
