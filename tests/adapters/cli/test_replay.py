"""replay --diff and --break-on: what changed between two versions, and how it was at an event."""

import copy
import json

import pytest

from adapters.cli.doing.differences import differences
from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_server import StandIn


@pytest.fixture(autouse=True)
def job(server: StandIn) -> None:
    found = server.add_job(17, "Running")
    server.record(17, "JobStarted")
    server.record(17, "JobCancelRequested")
    server.record(17, "JobCanceled")
    later = copy.deepcopy(found)
    later.update(state="Canceled", version=4, ended_at="2026-11-23T12:00:09.000000Z")
    later["tasks"][0]["exit_signal"] = 9
    later["cancel"] = {"actor": "alice", "mode": "forced"}
    server.versions = {("17", 2): {**found, "version": 2}, ("17", 4): later}


def test_what_differs_and_the_events_between(server: StandIn, cli: Cli) -> None:
    done = cli("replay", "17", "--diff", "2..4", "--utc")
    assert (done.returncode, done.stderr) == (0, "")
    fields, _, events = done.stdout.partition("\n\n")
    assert [x.split() for x in fields.splitlines()] == [
        ["FIELD", "BEFORE", "AFTER"],
        ["state", "Running", "Canceled"],
        ["ended_at", "2026-11-23", "12:00:09Z"],
        ["cancel.actor", "alice"],
        ["cancel.mode", "forced"],
        ["tasks.1.exit_signal", "9"],
    ]
    assert [x.split()[0] for x in events.splitlines()] == ["EVENT", "3", "4"]


def test_differences_for_programs(server: StandIn, cli: Cli) -> None:
    told = json.loads(cli("replay", "17", "--diff", "2..4", "-o", "json").stdout)
    assert (told["job_id"], told["from_version"], told["to_version"]) == (17, 2, 4)
    assert [x["position"] for x in told["events"]] == [3, 4]
    state = told["differences"][0]
    assert state == {"path": "state", "before": "Running", "after": "Canceled"}
    lines = cli("replay", "17", "--diff", "2..4", "-o", "csv").stdout.splitlines()
    assert lines[:2] == ["path,before,after", "state,Running,Canceled"]


@pytest.mark.parametrize("text", ["4..2", "3..3", "0..2", "a..b", "2-4", "2..", "..2", "2...4"])
def test_two_versions_are_needed(server: StandIn, cli: Cli, text: str) -> None:
    done = cli("replay", "17", "--diff", text)
    assert done.returncode == 2
    assert "allowed is A..B such as 4..7" in done.stderr
    assert server.requests == []


def test_a_version_that_is_not_there(cli: Cli) -> None:
    done = cli("replay", "17", "--diff", "2..99")
    assert done.returncode == 3
    assert "versions 1 to 4" in done.stderr


def test_differences_hold_names_with_dots_and_tasks_that_are_new(server: StandIn) -> None:
    before = {**server.jobs["17"], "properties": {"a.b": "1"}, "tasks": []}
    after = {**server.jobs["17"], "properties": {"a.b": "2"}}
    found = {x["path"]: (x["before"], x["after"]) for x in differences(before, after)}  # type: ignore[arg-type]
    assert found["properties.a.b"] == ("1", "2")
    assert found["tasks.1.state"] == (None, "Running")
    assert "tasks" not in found


def test_it_stops_at_the_first_event_of_a_type(server: StandIn, cli: Cli) -> None:
    server.versions[("17", 3)] = {**server.jobs["17"], "state": "Canceling", "version": 3}
    done = cli("replay", "17", "--break-on", "jobcancelrequested")
    assert (done.returncode, done.stderr) == (0, "")
    steps, _, shown = done.stdout.partition("\n\n")
    assert [x.split()[0] for x in steps.splitlines()] == ["EVENT", "1", "2", "3"]
    assert "state     Canceling" in shown
    assert "version   3, event" in shown
    assert "live state" not in done.stdout


def test_steps_stop_there_too(cli: Cli) -> None:
    done = cli("replay", "17", "--step", "--break-on", "JobStarted")
    assert done.stdout.startswith("1/2  event 1  ")
    assert "JobCancelRequested" not in done.stdout
    assert "state     Running" in done.stdout


def test_stopping_for_programs(cli: Cli) -> None:
    told = json.loads(cli("replay", "17", "--break-on", "JobStarted", "-o", "json").stdout)
    assert [x["position"] for x in told["steps"]] == [1, 2]
    assert (told["position"], told["matches_live"], told["job"]["version"]) == (2, None, 2)


def test_a_type_that_did_not_happen_is_told_to_the_end(cli: Cli) -> None:
    done = cli("replay", "17", "--break-on", "JobFailed")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "replay equals the live state: yes"
    assert done.stderr == "there was no JobFailed to stop at\n"


def test_an_unknown_type_says_which_there_are(server: StandIn, cli: Cli) -> None:
    done = cli("replay", "17", "--break-on", "JobExploded")
    assert done.returncode == 2
    assert "there is no event type 'JobExploded'; there are BreakGlassReviewed," in done.stderr
    assert server.requests == []


@pytest.mark.parametrize(
    "options",
    [
        ("--diff", "1..2", "--to", "2"),
        ("--diff", "1..2", "--at", "-5m"),
        ("--diff", "1..2", "--step"),
        ("--diff", "1..2", "--break-on", "JobAdded"),
    ],
)
def test_what_excludes_each_other(cli: Cli, options: tuple[str, ...]) -> None:
    done = cli("replay", "17", *options)
    assert done.returncode == 2
    assert "exclude each other" in done.stderr
