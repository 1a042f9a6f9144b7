"""audit: which question is asked, and how the rows of the trail are printed."""

import json

import pytest

from adapters.cli.typed.audit_filter import FACETS
from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_server import StandIn

AUDIT = "/api/v1/audit"


def test_rows_tell_what_happened(server: StandIn, cli: Cli) -> None:
    server.add_row(5, message="disk full", reason_code="quota", detail="1 running")
    server.add_row(6, kind="refusal", outcome="refused", actor="bob", on_behalf_of="eve")
    server.trail[1].update(explanation="bob may not", job_id=17, tasks="1-3", mode="")
    server.add_row(7, kind="parameter_change", job_id=None, subject="TaskCancelGracePeriod")
    done = cli("audit", "--utc")
    assert (done.returncode, done.stderr) == (0, "")
    head, seven, six, five = done.stdout.splitlines()
    assert head.split() == [
        "EVENT",
        "TIME",
        "KIND",
        "JOB",
        "ACTOR",
        "OUTCOME",
        "MODE",
        "MESSAGE,",
        "DETAIL",
    ]
    assert five.split()[:3] == ["5", "2026-11-23", "12:00:04Z"]
    assert five.endswith('accepted  normal  "disk full" [quota]; 1 running')
    assert " 17.1-3 " in six
    assert "bob for eve" in six
    assert six.endswith("bob may not")
    assert "TaskCancelGracePeriod" in seven


def test_words_and_filters_go_to_the_server(server: StandIn, cli: Cli) -> None:
    options = [x for facet in FACETS for x in (facet.option, value_of(facet.option))]
    options += ["--actor", "bob", "--job", "17", "--task", "3", "--forced", "--message", "a b"]
    options += ["--explanation", "not", "--request", "r1", "--from", "3", "--to", "9"]
    options += ["--since", "2026-11-23T12:00:00Z", "--limit", "2", "--oldest-first"]
    done = cli("audit", "disk", '"very full"', *options)
    assert done.returncode == 0, done.stderr
    (request,) = server.requests
    assert request.path == AUDIT
    assert request.query.pop("actor") == ["x", "bob"]
    assert request.query == {
        "words": ['disk "very full"'],
        **{f.field: [value_of(f.option)] for f in FACETS if f.field != "actor"},
        "job": ["17"],
        "task": ["3"],
        "forced": ["true"],
        "message": ["a b"],
        "explanation": ["not"],
        "request_id": ["r1"],
        "from": ["3"],
        "to": ["9"],
        "since": ["2026-11-23T12:00:00.000000Z"],
        "limit": ["2"],
        "sort": ["position"],
    }


def value_of(option: str) -> str:
    """Something that the option takes."""
    taken = {"--kind": "refusal", "--type": "JobCanceled", "--mode": "forced", "--origin": "http"}
    return taken.get(option, "x")


def test_an_event_by_its_number_or_its_id(server: StandIn, cli: Cli) -> None:
    assert cli("audit", "--event", "514").returncode == 0
    assert cli("audit", "--event", "0193571e-9a40-7000-8000-000000000001").returncode == 0
    assert cli("audit", "--type", "jobcanceled", "--refused").returncode == 0
    assert cli("audit", "--", "export").returncode == 0
    first, second, third, fourth = (x.query for x in server.requests)
    assert (first["from"], first["to"]) == (["514"], ["514"])
    assert second["event_id"] == ["0193571e-9a40-7000-8000-000000000001"]
    assert (third["type"], third["refused"]) == (["JobCanceled"], ["true"])
    assert fourth["words"] == ["export"]


def test_nothing_is_asked_for_up_to_event_0(server: StandIn, cli: Cli) -> None:
    assert cli("audit", "--from", "0", "--to", "0").returncode == 0
    (request,) = server.requests
    assert (request.query["from"], request.query["to"]) == (["0"], ["0"])


def test_where_the_list_goes_on_is_said(server: StandIn, cli: Cli) -> None:
    for position in range(1, 10):
        server.add_row(position)
    latest = cli("audit", "--limit", "4", "-o", "ndjson")
    assert [json.loads(x)["position"] for x in latest.stdout.splitlines()] == [9, 8, 7, 6]
    assert "--to 5 goes on, --all shows all" in latest.stderr
    oldest = cli("audit", "--limit", "4", "--oldest-first", "-q", "-o", "ndjson")
    assert [json.loads(x)["position"] for x in oldest.stdout.splitlines()] == [1, 2, 3, 4]
    assert oldest.stderr == ""
    more = cli("audit", "--limit", "4", "--oldest-first", "-o", "json").stderr
    assert "--from 5 goes on," in more
    assert len(json.loads(cli("audit", "--all", "-o", "json").stdout)) == 9


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--kind", "party"), "'forced_stop'"),
        (
            ("--type", "JobCanceld"),
            "no event type 'JobCanceld'; there are BreakGlassReviewed,",
        ),
        (("--mode", "gentle"), "'graceful', 'normal', 'forced'"),
        (("--task", "1"), "--task goes with --job"),
        (("--refused", "--kind", "end"), "--refused and --kind exclude each other"),
        (("--event", "1", "--to", "2"), "--event and --to exclude each other"),
        (("--since", "soon"), "Invalid value for '--since'"),
        (("--until", ""), "Invalid value for '--until'"),
        (("--event", "1", "--from", "0"), "--event and --from exclude each other"),
        (("--fields", "who"), "there is no field 'who' here; there are: position, time,"),
    ],
)
def test_usage_errors_ask_nothing(
    server: StandIn, cli: Cli, options: tuple[str, ...], words: str
) -> None:
    done = cli("audit", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert server.requests == []
