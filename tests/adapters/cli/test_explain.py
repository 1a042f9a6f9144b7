"""explain: sentences, each with the events it rests on."""

import json

import pytest

from adapters.cli.verbs.explain import lines
from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_server import StandIn


@pytest.fixture(autouse=True)
def sentences(server: StandIn) -> None:
    server.add_job(17, "Canceled")
    server.sentences = [
        {"text": "Job 17 is Canceled, because alice canceled it.", "events": [8, 11]},
        {"text": "It started on n1.", "events": [6]},
    ]


def test_sentences_name_their_events(cli: Cli) -> None:
    done = cli("explain", "17")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Job 17 is Canceled, because alice canceled it. (events 8, 11)",
        "It started on n1. (event 6)",
    ]


def test_every_form(server: StandIn, cli: Cli) -> None:
    told = json.loads(cli("explain", "17", "-o", "json").stdout)
    assert told == {"job_id": 17, "sentences": server.sentences, "position": 99}
    lines = cli("explain", "17", "-o", "ndjson").stdout.splitlines()
    assert [json.loads(x) for x in lines] == server.sentences
    assert cli("explain", "17", "-o", "tsv").stdout.splitlines() == [
        "text\tevents",
        "Job 17 is Canceled, because alice canceled it.\t8 11",
        "It started on n1.\t6",
    ]
    assert json.loads(cli("explain", "17", "-o", "json", "--fields", "events").stdout) == [
        {"events": [8, 11]},
        {"events": [6]},
    ]


def test_as_it_was_then(server: StandIn, cli: Cli) -> None:
    assert cli("explain", "17", "--at", "2026-11-23T13:00:00+01:00").returncode == 0
    assert server.requests[0].query == {"at": ["2026-11-23T12:00:00.000000Z"]}
    assert cli("explain", "17", "--at", "noon").returncode == 2
    assert cli("explain", "4711").returncode == 3


def test_long_sentences_are_broken_between_words() -> None:
    told = lines({"text": "one two three four", "events": [1]}, 16)
    assert told == ["one two three", "    four (event", "    1)"]
