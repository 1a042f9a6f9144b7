"""``cancel --wait``: the end, or 124."""

import json
import subprocess
from threading import Thread

from tests.adapters.cli.conftest import PROGRAM, Cli
from tests.support.stand_in_jobs import Answer, problem
from tests.support.stand_in_server import StandIn

JOB_17 = "/api/v1/jobs/17"


def test_the_end_is_told(server: StandIn, cli: Cli) -> None:
    server.add_job(17)

    def end() -> None:
        server.wait_for(lambda: any("until" in x.query for x in server.requests))
        server.end_job(17)

    ending = Thread(target=end)
    ending.start()
    done = cli("cancel", "17", "--wait=20s", "--utc")
    ending.join()
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith("job 17: cancel accepted")
    assert done.stdout.splitlines()[1].startswith("job 17: Canceled at ")


def test_124_when_time_ran_out(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    done = cli("cancel", "17", "--wait=50ms")
    assert done.returncode == 124
    assert done.stderr == "job 17: still Canceling; the waiting is over, the cancel goes on\n"


def test_bare_wait_takes_no_argument(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Canceled")
    server.add_job(18, "Canceled")
    done = cli("cancel", "--wait", "17", "18")
    assert done.returncode == 0
    (first, *_) = (x for x in server.requests if "until" in x.query)
    assert 25 < float(first.query["timeout_seconds"][0]) <= 30


def test_wait_as_a_message_stays_a_message(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.add_job(18)
    assert cli("cancel", "17", "-m", "--wait").returncode == 0
    assert cli("cancel", "18", "-nm", "--wait").returncode == 0
    assert cli("cancel", "18", "--message=--wait").returncode == 0
    assert [x.body["message"] for x in server.sent()] == ["--wait", "--wait"]


def test_the_receipt_tells_how_the_waiting_ended(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Canceled")
    (receipt,) = json.loads(cli("cancel", "17", "--wait", "-o", "json").stdout)
    assert receipt["waited"]["ended"] is True
    assert receipt["waited"]["state"] == "Canceled"


def test_waiting_outlives_a_server_that_is_away(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Canceled")
    server.plan("GET", JOB_17, problem(503, "unavailable", "starting"), Answer(cut=True))
    done = cli("cancel", "17", "--wait=20s")
    assert done.returncode == 0
    assert "job 17: Canceled" in done.stdout


def test_one_task_is_waited_for(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.jobs["17"]["tasks"][0]["state"] = "Failed"
    done = cli("cancel", "17", "--task", "1", "--wait=5s")
    assert done.returncode == 0
    assert "job 17 task 1: Failed" in done.stdout
    server.jobs["17"]["tasks"][0]["state"] = "Running"
    assert cli("cancel", "17", "--task", "1", "--wait=50ms").returncode == 124


def test_refused_is_not_waited_for(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Finished")
    assert cli("cancel", "17", "--wait=5s").returncode == 6
    assert server.sent("GET") == []


def test_ctrl_c_is_130_and_quiet(server: StandIn, environment: dict[str, str]) -> None:
    server.add_job(17)
    waiting = subprocess.Popen(
        [PROGRAM, "cancel", "17", "--wait=60s"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    server.wait_for(lambda: any("until" in x.query for x in server.requests))
    waiting.send_signal(2)
    out, err = waiting.communicate(timeout=20)
    assert waiting.returncode == 130
    assert out.startswith(b"job 17: cancel accepted")
    assert err == b"interrupted\n"
