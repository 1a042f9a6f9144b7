"""submit, requeue, configure, finish, show, replay, params: what is sent and what is printed."""

import json

import pytest

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_jobs import problem
from tests.support.stand_in_server import StandIn

# --- submit ---------------------------------------------------------------------------------------


def test_a_command_line_becomes_one_task(server: StandIn, cli: Cli) -> None:
    done = cli("submit", "--name", "first", "--", "echo", "two words", "-n", "$HOME")
    assert (done.returncode, done.stdout) == (0, "job 1: submitted\n")
    body = server.sent()[0].body
    assert [x["command"] for x in body["tasks"]] == ["echo 'two words' -n '$HOME'"]
    assert (body["name"], body["submit"], body["job_type"]) == ("first", True, "Batch")


def test_one_word_with_blanks_is_run_as_it_is_and_said(server: StandIn, cli: Cli) -> None:
    done = cli("submit", "--", "sleep 60")
    assert server.sent()[0].body["tasks"][0]["command"] == "'sleep 60'"
    assert "--task runs a line of the shell" in done.stderr
    assert cli("submit", "--", "sleep").stderr == ""


def test_options_end_where_the_command_begins(server: StandIn, cli: Cli) -> None:
    assert cli("submit", "ls", "-l", "--wait", "--", "x").returncode == 0
    assert server.sent()[0].body["tasks"][0]["command"] == "ls -l --wait -- x"


def test_tasks_are_sent_as_given(server: StandIn, cli: Cli) -> None:
    options = ["--task", "a; b", "--task", "c", "--release", "tidy", "--admin"]
    options += ["--priority", "highest", "--cwd", "/tmp", "--env", "A=1=2", "--env", "B="]
    assert cli("submit", *options, "--run-as", "bob").returncode == 0
    body = server.sent()[0].body
    assert [(x["type"], x["command"]) for x in body["tasks"]] == [
        ("Basic", "a; b"),
        ("Basic", "c"),
        ("NodeRelease", "tidy"),
    ]
    assert {x["work_directory"] for x in body["tasks"]} == {"/tmp"}
    assert body["tasks"][0]["environment"] == {"A": "1=2", "B": ""}
    assert (body["job_type"], body["priority"], body["run_as"]) == ("Admin", "Highest", "bob")


def test_hold_and_submit_later(server: StandIn, cli: Cli) -> None:
    held = cli("submit", "--hold", "--", "true")
    assert held.stdout == "job 1: made, and held until submitted with --job\n"
    assert server.sent()[0].body["submit"] is False
    done = cli("submit", "--job", "1")
    assert done.returncode == 0
    assert server.sent()[1].path == "/api/v1/jobs/1/submit"
    assert server.sent()[1].body == {}


def test_forms_of_the_answer(server: StandIn, cli: Cli) -> None:
    assert cli("submit", "-q", "--", "true").stdout == "1\n"
    receipt = json.loads(cli("submit", "-o", "json", "--id", "k", "--", "true").stdout)
    assert (receipt["outcome"], receipt["job_id"], receipt["request_id"]) == ("accepted", 2, "k")


@pytest.mark.parametrize(
    "arguments",
    [
        ("submit",),
        ("submit", "--task", "x", "--", "y"),
        ("submit", "--job", "1", "--", "y"),
        ("submit", "--job", "1", "--hold"),
        ("submit", "--env", "novalue", "--", "y"),
        ("submit", "--env", "A=1", "--env", "A=2", "--", "y"),
        ("submit", "--priority", "urgent", "--", "y"),
    ],
    ids=" ".join,
)
def test_usage_errors_of_submit(server: StandIn, cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments).returncode == 2
    assert server.requests == []


@pytest.mark.parametrize(("state", "status"), [("Finished", 0), ("Failed", 1), ("Canceled", 1)])
def test_submit_and_wait(server: StandIn, cli: Cli, state: str, status: int) -> None:
    server.add_job(17, state, error_message="" if state == "Finished" else "because")
    done = cli("submit", "--job", "17", "--wait")
    assert done.returncode == status
    assert f"job 17: {state} at " in done.stdout
    server.jobs["17"]["state"] = "Running"
    assert cli("submit", "--job", "17", "--wait=20ms").returncode == 124


def test_a_job_that_is_not_made(server: StandIn, cli: Cli) -> None:
    words = "a command job needs an administrator"
    server.plan("POST", "/api/v1/jobs", problem(403, "not_permitted", words))
    done = cli("submit", "--admin", "--", "true")
    assert done.returncode == 5
    assert done.stderr == f"job not made: refused: {words}\n"


# --- one job --------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["requeue", "configure", "finish"])
def test_one_command_one_line(server: StandIn, cli: Cli, operation: str) -> None:
    server.add_job(17)
    done = cli(operation, "17")
    assert (done.returncode, done.stdout) == (0, f"job 17: {operation} accepted (event 2)\n")
    assert server.sent()[0].path == f"/api/v1/jobs/17/{operation}"
    receipt = json.loads(cli(operation, "17", "-o", "json").stdout)
    assert receipt["outcome"] == "accepted"
    assert cli(operation, "4711").returncode == 3
    assert cli(operation).returncode == 2


def test_finish_sends_its_message(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    assert cli("finish", "17", "-m", "good enough").returncode == 0
    assert server.sent()[0].body == {"message": "good enough"}


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (("protect", "17"), "protect"),
        (("unprotect", "17"), "unprotect"),
        (("legal-hold", "17"), "legal-hold"),
        (("legal-hold", "17", "--release"), "legal-hold/release"),
    ],
)
def test_a_mark_is_sent_with_its_message(
    server: StandIn, cli: Cli, line: tuple[str, ...], place: str
) -> None:
    server.add_job(17)
    done = cli(*line, "-m", "case 117")
    assert (done.returncode, done.stderr) == (0, "")
    (sent,) = server.sent()
    assert (sent.path, sent.body) == (f"/api/v1/jobs/17/{place}", {"message": "case 117"})
    assert cli(line[0]).returncode == 2


def test_labels_are_sent(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    assert cli("submit", "--label", "env=prod", "--label", "a=b=c", "--", "true").returncode == 0
    assert server.sent()[-1].body["labels"] == {"env": "prod", "a": "b=c"}
    assert cli("modify", "17", "--label", "env=test", "--label", "a-").returncode == 0
    assert server.requests[-1].body == {"labels": {"env": "test", "a": ""}}
    assert cli("modify", "17", "--label", "env").returncode == 2


def test_requeue_sends_its_message(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    assert cli("requeue", "17", "--message", "there is room again").returncode == 0
    assert server.sent()[0].body == {"message": "there is room again"}


@pytest.mark.parametrize(
    ("operation", "options", "body"),
    [
        ("finish", ("-m", "by hand"), {"message": "by hand"}),
        ("requeue", ("-m", "once more"), {"message": "once more"}),
        ("requeue", (), {"message": ""}),
    ],
)
def test_a_command_to_one_task(
    server: StandIn, cli: Cli, operation: str, options: tuple[str, ...], body: dict[str, str]
) -> None:
    server.add_job(17)
    done = cli(operation, "17", "--task", "3", *options)
    assert (done.returncode, done.stdout) == (
        0,
        f"job 17: {operation} of task 3 accepted (event 2)\n",
    )
    assert server.sent()[0].path == f"/api/v1/jobs/17/tasks/3/{operation}"
    assert server.sent()[0].body == body
    receipt = json.loads(cli(operation, "17", "--task", "3", "-o", "json").stdout)
    assert receipt["task_id"] == 3
    words = "task 3 of job 17 is Finished"
    refusal = {**receipt, "outcome": "refused", "explanation": words, "rule": "by-its-state"}
    path = f"/api/v1/jobs/17/tasks/3/{operation}"
    server.plan("POST", path, problem(409, "illegal_transition", words, receipt=refusal))
    refused = cli(operation, "17", "--task", "3")
    assert refused.returncode == 6
    assert refused.stderr == f"job 17 task 3: refused: {words} (rule by-its-state)\n"
    for wrong in ("0", "-1", "one"):
        assert cli(operation, "17", "--task", wrong).returncode == 2


@pytest.mark.parametrize(
    "command",
    [
        ("cancel", "17"),
        ("cancel", "17", "--task", "1"),
        ("finish", "17"),
        ("finish", "17", "--task", "1"),
        ("requeue", "17"),
        ("requeue", "17", "--task", "1"),
        ("configure", "17"),
        ("submit", "--job", "17"),
    ],
    ids=" ".join,
)
def test_a_command_for_one_version_only(
    server: StandIn, cli: Cli, command: tuple[str, ...]
) -> None:
    server.add_job(17)
    assert cli(*command).returncode == 0
    assert cli(*command, "--if-version", "7", "--id", "k").returncode == 0
    first, second = server.sent()
    assert "if-match" not in first.headers
    assert second.headers["if-match"] == '"7"'
    words = "job 17 is at version 9, but the request is only for version 7"
    receipt = {"outcome": "refused", "explanation": words, "rule": "if-match", "task_id": None}
    server.plan("POST", second.path, problem(412, "version_mismatch", words, receipt=receipt))
    refused = cli(*command, "--if-version", "7")
    assert refused.returncode == 7
    assert refused.stderr == f"job 17: refused: {words} (rule if-match)\n"
    assert cli(*command, "--if-version", "0").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("cancel", "17", "18", "--if-version", "7"),
        ("submit", "--if-version", "7", "--", "true"),
        ("finish", "17", "--if-version", "seven"),
    ],
    ids=" ".join,
)
def test_a_version_is_one_jobs_own(server: StandIn, cli: Cli, arguments: tuple[str, ...]) -> None:
    assert cli(*arguments).returncode == 2
    assert server.requests == []


def test_a_dry_run_says_both_versions(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    done = cli("cancel", "17", "--if-version", "7", "-n")
    assert "only at version 7 (it is at 4)" in done.stdout
    assert server.sent() == []


def test_show_tells_of_the_finish_of_a_task(server: StandIn, cli: Cli) -> None:
    found = server.add_job(17)
    found["tasks"][0] |= {
        "state": "Finished",
        "survivors": 2,
        "finish": {"message": "by\nhand", "actor": "alice", "at": found["created_at"]},
    }
    line = cli("show", "17", "--utc").stdout.splitlines()[-1]
    assert "2 processes survived; finish by alice at 2026-11-23 12:00:04Z" in line
    assert '"by\\nhand"' in line


def test_show(server: StandIn, cli: Cli) -> None:
    found = server.add_job(17, "Canceling", error_message="Canceled by user. Message: why")
    found["cancel"] = {**found["under_way"], "reason_code": "typo", "message": "why"}
    lines = cli("show", "17", "--utc").stdout.splitlines()
    assert "state     Canceling" in lines
    assert 'cancel    normal by alice at 2026-11-23 12:00:04Z, reason typo: "why"' in lines
    assert lines[-2].split() == [
        "TASK",
        "TYPE",
        "STATE",
        "ATTEMPT",
        "NODE",
        "EXIT",
        "REASON",
        "COMMAND",
    ]
    assert lines[-1].split() == ["1", "Basic", "Canceling", "1", "n1", "sleep", "60"]
    assert json.loads(cli("show", "17", "-o", "json").stdout)["owner"] == "alice"
    assert len(cli("show", "17", "-o", "ndjson").stdout.splitlines()) == 1


def test_show_then(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    assert cli("show", "17", "--version", "2").returncode == 0
    assert cli("show", "17", "--at", "2026-11-23T13:00:00+01:00").returncode == 0
    assert [x.query for x in server.requests] == [
        {"version": ["2"]},
        {"at": ["2026-11-23T12:00:00.000000Z"]},
    ]
    assert cli("show", "17", "--version", "99").returncode == 3
    assert cli("show", "17", "--at", "noon").returncode == 2
    assert cli("show", "17", "--at", "").returncode == 2
    assert cli("show", "17", "--version", "0").returncode == 2
    assert cli("show", "17", "--version", "1", "--at", "12:00").returncode == 2
    assert cli("show", "4711").returncode == 3


def test_show_events(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    run = {"task": 2, "attempt": 1, "node": "n2", "instances": "17"}
    server.record(17, "TaskForceStopped", runs=[run], exit={"signal": 9})
    lines = cli("show", "17", "--events").stdout.splitlines()
    assert lines[0].split() == ["EVENT", "VERSION", "TIME", "TYPE", "ACTOR", "SUMMARY"]
    assert lines[2].endswith("TaskForceStopped  alice  task=2.17 attempt=1 node=n2 exit.signal=9")
    events = [
        json.loads(x) for x in cli("show", "17", "--events", "-o", "ndjson").stdout.splitlines()
    ]
    assert [x["position"] for x in events] == [1, 2]
    assert json.loads(cli("show", "17", "--events", "-o", "json").stdout)["events"] == events


# --- replay ---------------------------------------------------------------------------------------


def test_replay_ends_with_the_comparison(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    done = cli("replay", "17")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "replay equals the live state: yes"
    assert "Running -> Canceling" in done.stdout
    server.differs = True
    done = cli("replay", "17")
    assert done.returncode == 1
    assert "replay equals the live state: NO" in done.stdout
    assert cli("replay", "17", "-o", "json").returncode == 1


def test_replay_to_a_version_compares_nothing(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    done = cli("replay", "17", "--to", "1")
    assert done.returncode == 0
    assert "not compared" in done.stdout
    assert server.requests[0].query == {"version": ["1"], "limit": ["2000"]}


def test_replay_step_by_step(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    server.record(17, "JobStarted")
    lines = cli("replay", "17", "--step").stdout.splitlines()
    assert lines[0].startswith("1/2  event 1  ")
    assert lines[2] == "    task 1 (attempt 1): Running -> Canceling"
    assert lines[-1] == "replay equals the live state: yes"


def test_replay_as_lines_ends_with_the_job(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    lines = cli("replay", "17", "-o", "ndjson").stdout.splitlines()
    step, end = (json.loads(x) for x in lines)
    assert step["type"] == "JobAdded"
    assert (end["matches_live"], end["job"]["job_id"]) == (True, 17)


# --- parameters -----------------------------------------------------------------------------------


def test_parameters(server: StandIn, cli: Cli) -> None:
    assert "TaskCancelGracePeriod  15" in cli("params").stdout
    assert json.loads(cli("params", "-o", "json").stdout) == server.parameters
    one = json.loads(cli("params", "taskcancelgraceperiod", "-o", "json").stdout)
    assert one == server.parameters[0]
    done = cli("params", "Nope")
    assert done.returncode == 3
    assert "there are TaskCancelGracePeriod" in done.stderr


def test_setting_a_parameter(server: StandIn, cli: Cli) -> None:
    done = cli("params", "TaskCancelGracePeriod", "30")
    assert done.returncode == 0
    assert done.stdout == "TaskCancelGracePeriod is 30 (was 15)\n"
    assert server.sent("PUT")[0].body == {"value": "30"}
    assert cli("params", "TaskCancelGracePeriod", "soon").returncode == 5
    assert cli("params", "Nope", "1").returncode == 5


@pytest.mark.parametrize("words", [("-1",), ("-o", "json", "-1"), ("-1", "-q"), ("--", "-1")])
def test_a_negative_number_is_a_value_and_whether_it_fits_is_for_the_server(
    server: StandIn, cli: Cli, words: tuple[str, ...]
) -> None:
    done = cli("params", "TaskCancelGracePeriod", *words)
    assert server.sent("PUT")[0].body == {"value": "-1"}
    assert (done.returncode, "No such option" in done.stderr) == (5, False)


def test_an_option_that_there_is_not_stays_one(server: StandIn, cli: Cli) -> None:
    for words in (("TTLCompletedJobs", "--jsn"), ("TTLCompletedJobs", "-1", "--jsn"), ("-x", "1")):
        done = cli("params", *words)
        assert done.returncode == 2, words
        assert "--jsn" in done.stderr or "-x" in done.stderr
    assert server.sent("PUT") == []


# --- add, modify ----------------------------------------------------------------------------------


def test_add_sends_tasks_to_the_job(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Configuring")
    done = cli("add", "--task", "a; b", "--release", "tidy", "--cwd", "/tmp", "17")
    assert done.returncode == 0, done.stderr
    sent = server.sent()[0]
    assert sent.path == "/api/v1/jobs/17/tasks"
    assert [(x["type"], x["command"]) for x in sent.body["tasks"]] == [
        ("Basic", "a; b"),
        ("NodeRelease", "tidy"),
    ]
    cli("add", "17", "--", "echo", "a b")
    assert server.sent()[1].body["tasks"][0]["command"] == "echo 'a b'"


def test_modify_sends_only_what_is_given(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Configuring")
    done = cli("modify", "17", "--priority", "highest", "--name", "")
    assert done.returncode == 0, done.stderr
    (sent,) = server.sent("PATCH")
    assert (sent.path, sent.body) == ("/api/v1/jobs/17", {"priority": "Highest", "name": ""})


def test_modify_sends_values_by_name(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Configuring")
    done = cli("modify", "17", "--property", "cost=4=2", "--property", "old=", "--env", "A=1",
               "--project", "film", "--progress", "40", "--no-hold")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (sent,) = server.sent("PATCH")
    assert sent.body == {
        "project": "film",
        "properties": {"cost": "4=2", "old": ""},
        "environment": {"A": "1"},
        "progress": 40,
        "hold_until": "",
    }


def test_modify_one_task(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Configuring")
    done = cli("modify", "17", "--task", "1", "--command", "a; b", "--cwd", "/tmp",
               "--retries", "0", "--depends-on", "x", "--stdout", "out", "--stderr", "",
               "--env", "A=")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (sent,) = server.sent("PATCH")
    assert sent.path == "/api/v1/jobs/17/tasks/1"
    assert sent.body == {
        "command": "a; b",
        "work_directory": "/tmp",
        "retry_count": 0,
        "depends_on": ["x"],
        "stdout": "out",
        "stderr": "",
        "environment": {"A": ""},
    }


def test_submit_says_what_the_job_has(server: StandIn, cli: Cli) -> None:
    done = cli("submit", "--project", "film", "--property", "a=b", "--hold-until",
               "2126-01-02T03:04:05Z", "--valid-exit-codes", "0,3", "--task-retries", "2",
               "--stdout", "out", "--", "x")  # fmt: skip
    assert done.returncode == 0, done.stderr
    body = server.sent()[0].body
    assert (body["project"], body["properties"]) == ("film", {"a": "b"})
    assert (body["valid_exit_codes"], body["task_retry_count"]) == ("0,3", 2)
    assert body["hold_until"] == "2126-01-02T03:04:05.000000Z"
    assert body["tasks"][0]["stdout"] == "out"


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "17"),
        ("add", "--task", "x", "17", "y"),
        ("modify", "17"),
        ("modify", "17", "--task", "1"),
        ("modify", "17", "--command", "x"),
        ("modify", "17", "--task", "1", "--project", "x"),
        ("modify", "17", "--property", "novalue"),
        ("modify", "17", "--hold-until", "soon"),
        ("modify", "17", "--hold-until", "2126-01-01", "--no-hold"),
    ],
    ids=" ".join,
)
def test_usage_errors_of_add_and_modify(
    server: StandIn, cli: Cli, arguments: tuple[str, ...]
) -> None:
    assert cli(*arguments).returncode == 2
    assert server.requests == []
