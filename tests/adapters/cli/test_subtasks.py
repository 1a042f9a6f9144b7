"""Sweeps, services and subtasks on the command line: what is sent and what is printed."""

import json
from typing import Any

import pytest

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_jobs import NOW, Answer, problem
from tests.support.stand_in_server import StandIn

COUNTS = {
    "total": 100_000,
    "expanded": 9,
    "waiting": 99_991,
    "running": 4,
    "finished": 3,
    "failed": 2,
    "canceled": 0,
}
PATH = "/api/v1/jobs/17/tasks/1/subtasks"


def subtask(number: int, **facts: object) -> dict[str, Any]:
    """A subtask that failed."""
    return {
        "subtask_id": number,
        "index": 5 * number,
        "name": "",
        "command": f"work {5 * number}",
        "work_directory": "",
        "state": "Failed",
        "attempt": 1,
        "node": "n1",
        "exit_code": 3,
        "exit_signal": None,
        "started_at": NOW,
        "ended_at": NOW,
        "survivors": 0,
        "code": "task_failure",
        "reason": "exit code 3",
        "explicitly_canceled": False,
        **facts,
    }


def page(*numbers: int, goes_on: int | None = None) -> Answer:
    """A page of subtasks."""
    body = {"job_id": 17, "task_id": 1, "type": "ParametricSweep", "counts": COUNTS}
    rows = [subtask(n) for n in numbers]
    more = {"subtasks": rows, "next": goes_on, "position": 9, "behind": 0, "stopped": None}
    return Answer(200, {**body, **more})


def one(number: int, **facts: object) -> Answer:
    """One subtask."""
    body = {"job_id": 17, "task_id": 1, "type": "ParametricSweep", "position": 9, "behind": 0}
    return Answer(200, {**body, "subtask": subtask(number, **facts)})


@pytest.fixture
def sweep(server: StandIn) -> StandIn:
    """Job 17 is a sweep of 100,000."""
    job = server.add_job(17)
    job["tasks"][0].update(type="ParametricSweep", command="work *", subtasks=COUNTS)
    return server


# --- submit ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "facts"),
    [
        (("--sweep", "1-100"), ("ParametricSweep", 1, 100, 1)),
        (("--sweep", "10-90:5"), ("ParametricSweep", 10, 90, 5)),
    ],
)
def test_a_sweep_is_sent_with_its_index(
    server: StandIn, cli: Cli, options: tuple[str, ...], facts: tuple[object, ...]
) -> None:
    done = cli("submit", *options, "--prep", "fetch", "--task", "./step *")
    assert done.returncode == 0
    prep, task = server.sent()[0].body["tasks"]
    assert (prep["type"], "start" in prep) == ("NodePrep", False)
    assert (task["type"], task["start"], task["end"], task["increment"]) == facts
    assert task["command"] == "./step *"


def test_a_service_is_sent_with_its_instances(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    assert cli("add", "17", "--service", "3", "--", "./serve").returncode == 0
    (task,) = server.sent()[0].body["tasks"]
    assert (task["type"], task["instances"]) == ("Service", 3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--sweep", "5-1", "--", "x"), "'5-1': allowed is FIRST-LAST or FIRST-LAST:STEP"),
        (("--sweep", "0-9", "--", "x"), "whole numbers from 1"),
        (("--sweep", "1-9:0", "--", "x"), "such as 1-100 or 10-90:5"),
        (("--sweep", "many", "--", "x"), "such as 1-100 or 10-90:5"),
        (("--service", "0", "--", "x"), "0 is not in the range"),
        (("--sweep", "1-9", "--service", "2", "--", "x"), "--sweep and --service exclude"),
        (("--sweep", "1-9", "--run-until-canceled"), "--sweep says what the tasks are"),
    ],
)
def test_what_is_no_sweep_is_said(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    done = cli("submit", *arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())


# --- commands -------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["cancel", "finish", "requeue"])
def test_a_command_to_one_subtask(sweep: StandIn, cli: Cli, operation: str) -> None:
    words = f"job 17: {operation} of subtask 5 of task 1 accepted"
    receipt = {"outcome": "accepted", "job_id": 17, "task_id": 1, "subtask_id": 5}
    path = f"{PATH}/5/{operation}"
    sweep.plan("POST", path, Answer(200, {**receipt, "explanation": words, "position": 8}))
    done = cli(operation, "17.1.5")
    assert (done.returncode, done.stdout) == (0, f"{words} (event 8)\n")
    no = "subtask 5 of task 1 of job 17: the specified subtask has not been expanded yet"
    refusal = {**receipt, "outcome": "unknown", "explanation": no, "rule": "task-exists"}
    sweep.plan("POST", path, problem(404, "unknown_task", no, receipt=refusal))
    done = cli(operation, "17.1.5")
    assert done.returncode == 3
    assert done.stderr == f"job 17 task 1 subtask 5: unknown: {no} (rule task-exists)\n"


def test_a_task_may_be_named_behind_its_job(sweep: StandIn, cli: Cli) -> None:
    assert cli("finish", "17.1").returncode == 0
    assert sweep.sent()[0].path == "/api/v1/jobs/17/tasks/1/finish"


def test_a_cancel_waits_for_the_subtask(sweep: StandIn, cli: Cli) -> None:
    receipt = {"outcome": "accepted", "job_id": 17, "explanation": "", "position": 8}
    sweep.plan("POST", f"{PATH}/5/cancel", Answer(200, receipt))
    sweep.plan("GET", f"{PATH}/5", one(5, state="Canceling", ended_at=None), one(5))
    done = cli("cancel", "17.1.5", "--wait=20s")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("job 17 task 1 subtask 5: Failed at ")


def test_a_dry_run_says_what_it_is_about(sweep: StandIn, cli: Cli) -> None:
    done = cli("cancel", "17.1.5", "-n")
    assert "a normal cancel of subtask 5 of task 1," in done.stdout
    assert "4 tasks running, 99991 queued" in done.stdout
    assert sweep.sent() == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("cancel", "17.1", "--task", "1"), "names a task already"),
        (("cancel", "17.1.5", "--graceful"), "no graceful cancel of a single task"),
        (("requeue", "17.0"), "counted from 1"),
        (("show", "17.1", "--events"), "--events is about a whole job"),
        (("show", "17", "--state", "Failed"), "for the subtasks of JOB.TASK"),
    ],
)
def test_what_cannot_be_meant_is_said(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    done = cli(*arguments)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())


# --- show -----------------------------------------------------------------------------------------


def test_a_job_shows_its_sweep_in_one_row(sweep: StandIn, cli: Cli) -> None:
    done = cli("show", "17")
    assert (
        "5 of 100000 subtasks done: 4 running, 99991 waiting, 3 finished, 2 failed" in done.stdout
    )


def test_a_task_lists_its_subtasks_page_by_page(sweep: StandIn, cli: Cli) -> None:
    sweep.plan("GET", PATH, page(2, 3, goes_on=3), page(7))
    done = cli("show", "17.1", "--state", "failed", "--all")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["TASK", "TYPE", "STATE"]
    assert [line.split()[:2] for line in lines[4:]] == [["2", "10"], ["3", "15"], ["7", "35"]]
    asked = [x.query for x in sweep.sent("GET") if x.path == PATH]
    assert [x["state"] for x in asked] == [["Failed"], ["Failed"]]
    assert asked[1]["after"] == ["3"]


def test_what_there_is_beyond_the_page_is_said(sweep: StandIn, cli: Cli) -> None:
    sweep.plan("GET", PATH, page(2, 3, goes_on=3))
    done = cli("show", "17.1", "--limit", "2", "-o", "json")
    assert [x["subtask_id"] for x in json.loads(done.stdout)] == [2, 3]
    assert "there are more" in done.stderr


def test_one_subtask_is_shown(sweep: StandIn, cli: Cli) -> None:
    sweep.plan("GET", f"{PATH}/5", one(5), one(5), one(5))
    done = cli("show", "17.1.5")
    assert "subtask   17.1.5" in done.stdout
    assert "work 25" in done.stdout
    assert "exit      3" in done.stdout
    assert json.loads(cli("show", "17.1.5", "-o", "json").stdout) == subtask(5)
    assert cli("show", "17.1.5", "--fields", "index,state", "-o", "csv").stdout == (
        "index,state\n25,Failed\n"
    )


def test_a_task_without_subtasks_is_shown_by_itself(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    assert "sleep 60" in cli("show", "17.1").stdout
    assert json.loads(cli("show", "17.1", "-o", "json").stdout)["task_id"] == 1
    no = cli("show", "17.9")
    assert (no.returncode, "job 17 has no task 9; its tasks are 1" in no.stderr) == (3, True)


def test_hostile_text_of_a_subtask_is_harmless(sweep: StandIn, cli: Cli) -> None:
    sweep.plan("GET", f"{PATH}/5", one(5, command="x\x1b[2Jy", reason="a\nb\x07"))
    out = cli("show", "17.1.5").stdout
    assert not any(c in out for c in "\x1b\x07")
