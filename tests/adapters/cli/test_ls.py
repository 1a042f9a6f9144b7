"""ls: which question is asked, and how jobs and stuck cancels are listed."""

import json

import pytest

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_server import StandIn
from tests.support.stand_in_views import cancellation


def test_jobs_are_listed_the_latest_first(server: StandIn, cli: Cli) -> None:
    server.add_job(17, "Running")
    found = server.add_job(18, "Canceled", name="second")
    found["cancel"] = {"actor": "bob", "on_behalf_of": "eve", "message": "why", "mode": "forced"}
    done = cli("ls", "--utc")
    assert (done.returncode, done.stderr) == (0, "")
    head, second, first = done.stdout.splitlines()
    assert head.split("  ")[0] == "JOB"
    assert head.split()[1:] == ["NAME", "OWNER", "STATE", "TASKS", "SINCE", "CANCELED", "BY", "WHY"]
    assert second.split() == [
        *("18", "second", "alice", "Canceled", "1/1", "2026-11-23", "12:00:04Z"),
        *("bob", "for", "eve", '"why"', "(forced)"),
    ]
    assert first.split()[:6] == ["17", "job", "17", "alice", "Running", "0/1"]


def test_no_jobs_are_an_empty_list(cli: Cli, server: StandIn) -> None:
    assert cli("ls").stdout.split() == [
        "JOB",
        "NAME",
        "OWNER",
        "STATE",
        "TASKS",
        "SINCE",
        "CANCELED",
        "BY",
        "WHY",
    ]
    assert cli("ls", "-o", "json").stdout == "[]\n"
    assert cli("ls", "-o", "ndjson").stdout == ""
    assert cli("ls", "-o", "csv", "--fields", "job_id,name").stdout == "job_id,name\n"
    assert cli("ls", "-o", "tsv", "--fields", "job_id,name").stdout == "job_id\tname\n"


def test_every_filter_goes_to_the_server(server: StandIn, cli: Cli) -> None:
    options = ["--state", "running", "--state", "Canceling", "--owner", "alice", "--name", "a&b=c"]
    options += ["--type", "admin", "--canceled-by", "bob", "--sort", "-changed", "--limit", "7"]
    options += ["--node", "n1", "--node", "n2", "--label", "env=prod", "--label", "team"]
    options += ["--since", "2026-11-23T12:00:00Z", "--until", "2026-11-24T00:00:00+01:00", "17"]
    assert cli("ls", *options).returncode == 0
    (request,) = server.requests
    assert request.query == {
        "id": ["17"],
        "owner": ["alice"],
        "canceled_by": ["bob"],
        "node": ["n1", "n2"],
        "label": ["env=prod", "team"],
        "state": ["Running", "Canceling"],
        "name": ["a&b=c"],
        "job_type": ["Admin"],
        "sort": ["-changed"],
        "since": ["2026-11-23T12:00:00.000000Z"],
        "until": ["2026-11-23T23:00:00.000000Z"],
        "limit": ["7"],
    }


@pytest.mark.parametrize(
    ("options", "shown", "pages"),
    [
        ((), 50, ["50"]),
        (("--limit", "3"), 3, ["3"]),
        (("--limit", "1500"), 1500, ["1000", "500"]),
        (("--limit", "0"), 2300, ["1000", "1000", "1000"]),
        (("--all",), 2300, ["1000", "1000", "1000"]),
    ],
)
def test_pages_are_asked_for_until_there_are_enough(
    server: StandIn, cli: Cli, options: tuple[str, ...], shown: int, pages: list[str]
) -> None:
    for number in range(1, 2301):
        server.add_job(number)
    done = cli("ls", *options, "-o", "csv", "--fields", "job_id")
    numbers = [int(x) for x in done.stdout.split()[1:]]
    assert numbers == list(range(2300, 2300 - shown, -1))
    assert [x.query["limit"][0] for x in server.requests] == pages
    more = f"{shown} rows; there are more: --limit N or --all\n"
    assert done.stderr == ("" if shown == 2300 else more)


def test_a_json_array_over_several_pages_is_one(server: StandIn, cli: Cli) -> None:
    for number in range(1, 1102):
        server.add_job(number)
    text = cli("ls", "--all", "-o", "json", "--fields", "job_id,owner").stdout
    found = json.loads(text)
    assert [x["job_id"] for x in found] == list(range(1101, 0, -1))
    assert text == json.dumps(found, indent=2) + "\n"


@pytest.mark.parametrize("verb", ["ls", "ls --stuck", "audit", "projections"])
def test_views_that_have_stopped_say_so(server: StandIn, cli: Cli, verb: str) -> None:
    server.behind, server.stopped = 3, "the views stopped at position 96: event 97 is damaged"
    done = cli(*verb.split(), "-q", "-o", "json")
    assert done.returncode == 0
    assert done.stderr == f"{server.stopped}; what came after is not shown\n"
    assert "ask again" not in cli(*verb.split()).stderr


def test_views_that_are_behind_say_so(server: StandIn, cli: Cli) -> None:
    server.behind = 3
    assert "do not know the latest 3 events yet" in cli("ls").stderr
    assert cli("ls", "-q").stderr == ""


def test_a_job_that_was_named_and_is_not_there(server: StandIn, cli: Cli) -> None:
    server.add_job(17)
    some = cli("ls", "17", "4711")
    assert some.returncode == 8
    assert some.stderr == "job 4711: there is no such job in the job view\n"
    assert cli("ls", "4711").returncode == 3
    assert cli("ls", "17", "4711", "--state", "Running").returncode == 0, "4711 is just not running"


def test_stuck_cancels_say_what_is_wrong(server: StandIn, cli: Cli) -> None:
    empty = cli("ls", "--stuck", "-o", "json")
    assert (empty.returncode, empty.stdout) == (0, "[]\n")
    server.cancellations = [
        cancellation(9, trouble="survivors", survivors=2, task_id=3, message="why"),
        cancellation(8),
        cancellation(7, trouble="late", due_at=None),
    ]
    done = cli("ls", "--stuck", "--owner", "alice", "--canceled-by", "bob", "17", "--utc")
    assert done.returncode == 0
    head, survivors, stuck, late = done.stdout.splitlines()
    assert head.split() == [
        "JOB",
        "TROUBLE",
        "STAGE",
        "MODE",
        "BY",
        "SINCE",
        "DUE",
        "WHY",
    ]
    assert survivors.startswith("17.3  2 survivors  signalled  normal  alice")
    assert survivors.endswith("  why")
    assert stuck.split()[1:3] == ["is", "overdue"]
    assert late.split()[1:3] == ["ended", "late"]
    assert server.requests[-1].query == {
        "troubled": ["true"],
        "job": ["17"],
        "owner": ["alice"],
        "actor": ["bob"],
        "limit": ["1000"],
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--state", "Tired"), "'Running'"),
        (("--type", "Service"), "'Batch', 'Admin'"),
        (("--sort", "color"), "id, changed, created, ended, priority, owner, name, state"),
        (("--limit", "-1"), "not in the range"),
        (("--limit", "3", "--all"), "exclude each other"),
        (("--since", "yesterday"), "Invalid value for '--since'"),
        (("--until", "noon"), "Invalid value for '--until'"),
        (("--fields", "job_id,nonsense"), "there is no field 'nonsense' here; there are: job_id,"),
        (("--fields", "a,,b"), "with commas between"),
        (("--stuck", "--state", "Running", "--sort", "id"), "does not go with --state and --sort"),
        (("--stuck", "1", "2"), "one JOB at most"),
    ],
)
def test_usage_errors_ask_nothing(
    server: StandIn, cli: Cli, options: tuple[str, ...], words: str
) -> None:
    done = cli("ls", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert server.requests == []
