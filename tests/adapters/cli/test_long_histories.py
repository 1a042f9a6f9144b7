"""A long history comes in pages; what is printed is the same as of a short one."""

import json

import pytest

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_server import StandIn

EVENTS = 7


@pytest.fixture(autouse=True)
def job(server: StandIn) -> None:
    server.add_job(17, "Running")
    for n in range(EVENTS - 1):
        server.record(17, "JobStarted" if n % 2 else "JobQueued")


@pytest.mark.parametrize("form", ["json", "ndjson", "csv", "tsv", "table"])
@pytest.mark.parametrize(
    "verb", [("show", "17", "--events"), ("replay", "17"), ("replay", "17", "--step")]
)
@pytest.mark.parametrize("fields", [(), ("--fields", "position")])
def test_in_pages_the_same_is_printed(
    server: StandIn, cli: Cli, verb: tuple[str, ...], form: str, fields: tuple[str, ...]
) -> None:
    at_once = cli(*verb, "-o", form, *fields)
    server.page_events = 3
    in_pages = cli(*verb, "-o", form, *fields)
    assert (in_pages.returncode, in_pages.stderr) == (0, at_once.stderr)
    if "--step" in verb and form == "table" and not fields:
        assert [x.partition("/")[0] for x in in_pages.stdout.split()] == [
            x.partition("/")[0] for x in at_once.stdout.split()
        ]
    else:
        assert in_pages.stdout.split() == at_once.stdout.split()
    assert [x.query.get("after") for x in server.requests[-3:]] == [None, ["3"], ["6"]]


def test_the_json_of_all_pages_is_one_object(server: StandIn, cli: Cli) -> None:
    server.page_events = 2
    events = json.loads(cli("show", "17", "--events", "-o", "json").stdout)
    assert list(events) == ["job_id", "events"]
    assert [x["position"] for x in events["events"]] == list(range(1, EVENTS + 1))
    told = json.loads(cli("replay", "17", "-o", "json").stdout)
    assert list(told) == ["job_id", "steps", "job", "position", "matches_live"]
    assert [x["version"] for x in told["steps"]] == list(range(1, EVENTS + 1))
    assert told["matches_live"] is True


def test_a_replay_that_differs_from_the_live_state_says_so_at_its_end(
    server: StandIn, cli: Cli
) -> None:
    server.page_events, server.differs = 2, True
    done = cli("replay", "17")
    assert done.returncode == 1
    assert "replay equals the live state: NO" in done.stdout


def test_stopping_at_an_event_asks_for_no_page_behind_it(server: StandIn, cli: Cli) -> None:
    server.page_events = 2
    done = cli("replay", "17", "--break-on", "JobStarted")
    assert (done.returncode, done.stderr) == (0, "")
    replays = [x for x in server.requests if x.path.endswith("/replay")]
    assert [x.query.get("after") for x in replays] == [None, ["2"]]


def test_differences_ask_only_for_what_is_between(server: StandIn, cli: Cli) -> None:
    server.page_events = 2
    server.versions = {("17", n): {**server.jobs["17"], "version": n} for n in (2, 7)}
    told = json.loads(cli("replay", "17", "--diff", "2..7", "-o", "json").stdout)
    assert [x["version"] for x in told["events"]] == [3, 4, 5, 6, 7]
    replays = [x for x in server.requests if x.path.endswith("/replay")]
    assert [x.query.get("after") for x in replays] == [["2"], ["4"], ["6"]]
