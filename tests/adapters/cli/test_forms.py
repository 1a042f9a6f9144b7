"""Every list in every form: a table, JSON, JSON lines, CSV and TSV, whole or some fields of it."""

import csv
import io
import json
from typing import Any

import pytest

from tests.adapters.cli.conftest import Cli
from tests.support.stand_in_server import StandIn
from tests.support.stand_in_views import cancellation

LISTS = (
    ("ls",),
    ("ls", "--stuck"),
    ("audit",),
    ("params",),
    ("show", "17", "--events"),
    ("projections",),
    ("nodes",),
    ("replay", "17"),
    ("explain", "17"),
    ("principals",),
)
ONE = (("show", "17"), ("version",), ("config",), ("params", "TaskCancelGracePeriod"))


@pytest.fixture(autouse=True)
def full(server: StandIn) -> None:
    server.add_job(17, "Canceled")["cancel"] = {"actor": "bob", "message": "a,b", "mode": "normal"}
    server.add_row(5, message="a,b")
    server.cancellations = [cancellation(7)]
    server.sentences = [{"text": "Because.", "events": [1, 2]}]


def table_of(text: str) -> list[dict[str, str]]:
    """CSV as programs read it."""
    return list(csv.DictReader(io.StringIO(text), strict=True))


@pytest.mark.parametrize("arguments", LISTS + ONE, ids=" ".join)
def test_csv_and_tsv_hold_the_same_cells(cli: Cli, arguments: tuple[str, ...]) -> None:
    first, second = cli(*arguments, "-o", "csv"), cli(*arguments, "-o", "tsv")
    assert first.returncode == second.returncode
    rows = table_of(first.stdout)
    names, *lines = (x.split("\t") for x in second.stdout.splitlines())
    assert [list(x.values()) for x in rows] == lines
    assert (not rows) or list(rows[0]) == names
    assert len(first.stdout.splitlines()) == len(rows) + 1


@pytest.mark.parametrize("arguments", LISTS, ids=" ".join)
def test_json_and_lines_hold_the_same_rows(cli: Cli, arguments: tuple[str, ...]) -> None:
    found = json.loads(cli(*arguments, "-o", "json").stdout)
    lines = [json.loads(x) for x in cli(*arguments, "-o", "ndjson").stdout.splitlines()]
    if arguments[0] == "replay":
        assert lines == [*found["steps"], {x: found[x] for x in lines[-1]}]
    elif isinstance(found, dict):
        assert lines in list(found.values())
    else:
        assert lines == found


def test_doctor_in_every_form(cli: Cli) -> None:
    """Not compared with itself: the room on the disk changes."""
    names = ["level", "subject", "text", "what_to_do"]
    assert list(table_of(cli("doctor", "-o", "csv").stdout)[0]) == names
    assert {len(x.split("\t")) for x in cli("doctor", "-o", "tsv").stdout.splitlines()} == {4}
    assert list(json.loads(cli("doctor", "-o", "ndjson").stdout.splitlines()[0])) == names


@pytest.mark.parametrize(
    ("arguments", "fields", "values"),
    [
        (("ls",), "job_id,cancel.actor", [17, "bob"]),
        (("ls", "--stuck"), "survivors,job_id", [0, 17]),
        (("audit",), "message,position", ["a,b", 5]),
        (("params",), "name,minimum", ["TaskCancelGracePeriod", 0]),
        (("show", "17", "--events"), "event.data.name,position", ["job 17", 1]),
        (("projections",), "name,version", ["job_view", 1]),
        (("nodes",), "slots,name", [4, "n1"]),
        (("replay", "17"), "position,type", [1, "JobAdded"]),
        (("show", "17"), "state,cancel.message", ["Canceled", "a,b"]),
        (("watch", "--from", "1", "--no-follow"), "position,event.authid", [1, "alice"]),
    ],
)
def test_fields_choose_columns_and_keys(
    cli: Cli, arguments: tuple[str, ...], fields: str, values: list[Any]
) -> None:
    names = fields.split(",")
    rows = table_of(cli(*arguments, "--fields", fields, "-o", "csv").stdout)
    assert rows[0] == dict(zip(names, map(str, values), strict=True))
    line = json.loads(cli(*arguments, "--fields", fields, "-o", "ndjson").stdout.splitlines()[0])
    assert [at(line, name) for name in names] == values
    head, first, *_ = cli(*arguments, "--fields", fields).stdout.splitlines()
    assert head.split() == [name.upper() for name in names]
    assert first.split() == [x for value in values for x in str(value).split()]


def at(row: Any, path: str) -> Any:
    for name in path.split("."):
        row = row[name]
    return row


@pytest.mark.parametrize(
    "arguments",
    [
        *LISTS,
        *ONE[:1],
        ("doctor",),
        ("cancel", "17"),
        ("finish", "17"),
        ("requeue", "17"),
        ("submit", "--", "true"),
        ("params", "TaskCancelGracePeriod", "3"),
        ("watch", "--from", "1", "--no-follow"),
        ("projections", "rebuild"),
        ("show", "17", "--follow"),
    ],
    ids=" ".join,
)
def test_an_unknown_field_is_refused_before_anything_is_asked(
    server: StandIn, cli: Cli, arguments: tuple[str, ...]
) -> None:
    options = ["--fields", "nonsense"]
    done = cli(arguments[0], *options, *arguments[1:])
    if arguments[0] in ("projections", "principals") and len(arguments) > 1:
        done = cli(*arguments, *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no field 'nonsense' here; there are: " in done.stderr
    assert server.requests == []


def test_fields_of_receipts(cli: Cli, server: StandIn) -> None:
    server.add_job(18)
    done = cli("cancel", "18", "--fields", "job_id,outcome,under_way.actor")
    assert done.stdout.split() == ["JOB_ID", "OUTCOME", "UNDER_WAY.ACTOR", "18", "accepted"]
    done = cli("cancel", "17", "18", "-y", "-o", "csv", "--fields", "job_id,outcome,under_way")
    assert [x["job_id"] for x in table_of(done.stdout)] == ["17", "18"]
    assert cli("finish", "18", "-o", "tsv", "--fields", "outcome").stdout == "outcome\naccepted\n"
    assert cli("submit", "-o", "csv", "--fields", "job_id", "--", "x").stdout == "job_id\n3\n"


def test_times_in_tables_are_ones_own_and_utc_elsewhere(cli: Cli) -> None:
    zone = "Etc/GMT-3"
    asked = ("ls", "--fields", "created_at")
    assert cli(*asked, TZ=zone).stdout.split()[1:] == ["2026-11-23", "15:00:04"]
    assert cli(*asked, "--utc", TZ=zone).stdout.split()[1:] == ["2026-11-23", "12:00:04Z"]
    assert cli(*asked, "-o", "csv", TZ=zone).stdout.split()[1:] == ["2026-11-23T12:00:04.000000Z"]


def test_a_stream_in_csv_has_one_head(server: StandIn, cli: Cli) -> None:
    server.record(17, "JobCanceled", nested={"x": [1]})
    done = cli("watch", "--from", "1", "--no-follow", "-o", "csv")
    rows = table_of(done.stdout)
    assert [x["position"] for x in rows] == ["1", "2"]
    assert json.loads(rows[1]["event.data"]) == {"nested": {"x": [1]}}
