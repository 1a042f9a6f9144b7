"""Cancel: one request and exactly one line a job, and every exit status."""

import json
import re

import pytest

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_jobs import Answer, problem
from tests.support.stand_in_server import StandIn

CANCEL_17 = "/api/v1/jobs/17/cancel"


def test_accepted_says_what_happens_and_where_it_is_recorded(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    done = cli("cancel", "17", "-m", "wrong input")
    assert done.returncode == 0
    assert done.stdout == "job 17: cancel accepted (normal); 1 running task (event 2)\n"
    assert done.stderr == ""
    (request,) = server.sent()
    assert request.body == {"message": "wrong input", "mode": "normal", "reason_code": ""}
    assert request.who == "alice"
    assert request.headers["countermand-client"] == "cli"


def test_the_client_makes_a_fresh_ordered_request_id(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    cli("cancel", "17")
    cli("cancel", "17")
    first, second = (x.headers["idempotency-key"] for x in server.sent())
    assert re.fullmatch(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first
    )
    assert first < second


def test_a_repeat_tells_who_cancels_since_when(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Canceling")
    done = cli("cancel", "17", "--utc")
    assert done.returncode == 0
    assert re.fullmatch(
        r"job 17: already being canceled by alice since (\S+ )?12:00:04Z \(event 514\)\n",
        done.stdout,
    )


def test_already_canceled_is_done_and_says_so(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Canceled")
    done = cli("cancel", "17")
    assert done.returncode == 0
    assert done.stdout.startswith("job 17: already canceled by alice at ")


def test_the_same_id_again_is_answered_as_before(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    assert cli("cancel", "17", "--id", "k-1").returncode == 0
    again = cli("cancel", "17", "--id", "k-1")
    assert again.returncode == 0
    assert again.stdout.endswith(", as answered before\n")


@pytest.mark.parametrize(
    ("options", "mode"), [((), "normal"), (("--force",), "forced"), (("--graceful",), "graceful")]
)
def test_modes(server: StandIn, cli: Cli, options: tuple[str, ...], mode: str) -> None:
    server.add_job(17)
    assert cli("cancel", "17", "--reason", "maintenance", *options).returncode == 0
    assert server.sent()[0].body["mode"] == mode
    assert server.sent()[0].body["reason_code"] == "maintenance"


def test_one_task(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    done = cli("cancel", "17", "--task", "1")
    assert done.returncode == 0
    assert server.sent()[0].path == "/api/v1/jobs/17/tasks/1/cancel"


# --- exit statuses --------------------------------------------------------------------------------


def test_no_such_job_is_3(server: StandIn, cli: Cli) -> None:
    done = cli("cancel", "4711")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "job 4711: unknown: there is no job 4711\n"


def test_not_authenticated_is_4(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    wrong = server.directory / "wrong-token"
    wrong.write_text("not-the-token\n")
    done = cli("cancel", "17", "--token", str(wrong))
    assert (done.returncode, done.stdout) == (4, "")
    assert "nobody showed who they are" in done.stderr


def test_refused_by_rights_is_5_and_names_the_rule(server: StandIn, cli: Cli) -> None:
    server.add_job(17, owner="bob")
    done = cli("cancel", "17")
    assert (done.returncode, done.stdout) == (5, "")
    expected = "job 17: refused: alice may not cancel jobs of bob (rule owner_or_operator)\n"
    assert done.stderr == expected


def test_a_message_of_321_is_refused_by_the_server_with_5(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    assert cli("cancel", "17", "-m", "x" * 320).returncode == 0
    done = cli("cancel", "17", "-m", "x" * 321)
    assert done.returncode == 5
    assert server.sent()[-1].body["message"] == "x" * 321


def test_illegal_in_this_state_is_6(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Finished")
    done = cli("cancel", "17")
    assert (done.returncode, done.stdout) == (6, "")
    assert "job 17: refused: job 17 is Finished" in done.stderr or "is Finished" in done.stderr


@pytest.mark.parametrize(
    ("status", "code", "exit_status", "outcome"),
    [
        (409, "conflict", 7, "conflict"),
        (503, "unavailable", 75, "unavailable"),
        (503, "outcome_unknown", 75, "unavailable"),
        (429, "throttled", 75, "unavailable"),
        (500, "internal", 1, "failed"),
        (400, "malformed", 2, "failed"),
        (413, "bad_request", 5, "refused"),
    ],
)
def test_what_the_server_cannot_do(
    server: StandIn, cli: Cli, status: int, code: str, exit_status: int, outcome: str
) -> None:
    server.plan("POST", CANCEL_17, problem(status, code, "a sentence"))
    done = cli("cancel", "17", "-o", "json")
    assert done.returncode == exit_status
    (receipt,) = json.loads(done.stdout)
    assert (receipt["outcome"], receipt["code"]) == (outcome, code)
    assert (receipt["job_id"], receipt["explanation"]) == (17, "a sentence")


def test_the_incident_of_an_unexpected_error_is_told(server: StandIn, cli: Cli) -> None:
    wrong = problem(500, "internal", "it went wrong", incident="i-42", what_to_do="report the id")
    server.plan("POST", CANCEL_17, wrong)
    done = cli("cancel", "17")
    assert done.stderr == "job 17: failed: it went wrong; report the id (incident i-42)\n"


def test_unavailable_names_the_id_that_makes_a_retry_safe(server: StandIn, cli: Cli) -> None:
    server.plan("POST", CANCEL_17, problem(503, "unavailable", "the stream is down"))
    done = cli("cancel", "17")
    assert done.returncode == 75
    key = server.sent()[0].headers["idempotency-key"]
    assert done.stderr == (
        f"job 17: unavailable: the stream is down; ask again with --id {key}: "
        "it cannot happen twice\n"
    )


def test_a_lost_answer_is_asked_for_again_with_the_same_id(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.plan("POST", CANCEL_17, Answer(cut=True), Answer(cut=True))
    done = cli("cancel", "17")
    assert done.returncode == 0
    assert len({x.headers["idempotency-key"] for x in server.sent()}) == 1
    assert len(server.sent()) == 3


def test_answers_that_stay_lost_are_75(server: StandIn, cli: Cli) -> None:
    server.plan("POST", CANCEL_17, *[Answer(cut=True)] * 3)
    done = cli("cancel", "17")
    assert done.returncode == 75
    assert "it cannot happen twice" in done.stderr


def test_no_server_is_75_and_nothing_to_repeat(cli: Cli) -> None:
    done = cli("cancel", "17")
    assert (done.returncode, done.stdout) == (75, "")
    assert "no server found" in done.stderr
    assert "--id" not in done.stderr


def test_something_else_behind_the_address_is_1(server: StandIn, cli: Cli) -> None:
    server.plan("POST", CANCEL_17, Answer(200, b"<html>hello</html>"))
    done = cli("cancel", "17")
    assert done.returncode == 1
    assert "is not a JSON object" in done.stderr
    server.plan("POST", CANCEL_17, Answer(404, b"<html>no</html>"))
    assert cli("cancel", "17").returncode == 1


# --- several jobs ---------------------------------------------------------------------------------


def test_one_line_a_job_and_one_request_of_all(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.add_job(18)
    done = cli("cancel", "17", "18", "17")
    assert done.returncode == 0
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["job 17", "job 18"]
    (request,) = server.sent()
    assert (request.path, request.body["jobs"]) == ("/api/v1/cancellations", [17, 18])


def test_some_of_several_failed_is_8(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    done = cli("cancel", "17", "4711")
    assert done.returncode == 8
    assert done.stdout.startswith("job 17: ")
    assert done.stderr.startswith("job 4711: ")


def test_all_failed_alike_is_that_status_and_else_8(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Finished")
    assert cli("cancel", "4711", "4712").returncode == 3
    assert cli("cancel", "4711", "17").returncode == 8


def test_receipts_are_an_array_or_lines(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.add_job(18)
    array = json.loads(cli("cancel", "17", "18", "-o", "json").stdout)
    assert [x["outcome"] for x in array] == ["accepted", "accepted"]
    lines = cli("cancel", "17", "4711", "-o", "ndjson").stdout.splitlines()
    assert [json.loads(x)["outcome"] for x in lines] == ["repeated", "unknown"]


def test_quiet_leaves_only_what_failed(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    done = cli("cancel", "17", "4711", "-q")
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


# --- dry run --------------------------------------------------------------------------------------


def test_a_dry_run_sends_no_command(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    done = cli("cancel", "17", "-n", "--force", "-m", "why \U0001f600")
    assert done.returncode == 0
    assert "would ask for a forced cancel, message of 6 units" in done.stdout
    assert "it is Running, owned by alice, 1 tasks running" in done.stdout
    assert server.sent() == []


def test_a_dry_run_of_nothing_is_3(server: StandIn, cli: Cli) -> None:
    assert cli("cancel", "17", "--dry-run").returncode == 3
    (receipt,) = json.loads(cli("cancel", "17", "--dry-run", "-o", "json").stdout)
    assert receipt["outcome"] == "unknown"
