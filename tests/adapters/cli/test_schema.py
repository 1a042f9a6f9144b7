"""schema: the published contract, without a server."""

import json
from pathlib import Path

import pytest

from adapters.wire.schemas import entries
from tests.adapters.cli.conftest import Cli

DOCS = Path(__file__).parents[3] / "docs" / "schema"


def test_the_list_says_what_each_event_says(cli: Cli) -> None:
    done = cli("schema")
    head, *rows = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert head.split() == ["EVENT", "AGGREGATE", "SAYS"]
    assert [row.split()[:2] for row in rows] == [[x.name, x.aggregate] for x in entries()]
    assert "A cancel was accepted and is in effect from here" in done.stdout
    assert "`" not in done.stdout


def test_the_list_for_programs(cli: Cli) -> None:
    found = json.loads(cli("schema", "-o", "json").stdout)
    assert [x["type"] for x in found] == [x.type for x in entries()]
    lines = cli("schema", "-o", "ndjson").stdout.splitlines()
    assert [json.loads(x) for x in lines] == found


@pytest.mark.parametrize("name", ["JobQueued", "JobQueued.v1", "countermand.JobQueued.v1"])
def test_the_schema_of_an_event_is_the_one_in_docs(cli: Cli, name: str) -> None:
    wanted = (DOCS / "events" / "JobQueued.v1.json").read_text()
    assert cli("schema", name).stdout == wanted
    assert cli("schema", name, "-o", "json").stdout == wanted
    (line,) = cli("schema", name, "-o", "ndjson").stdout.splitlines()
    assert json.loads(line) == json.loads(wanted)


def test_the_list_in_other_forms_and_a_document_in_none(cli: Cli) -> None:
    assert cli("schema", "-o", "csv", "--fields", "name").stdout.split() == [
        "name",
        *(x.name for x in entries()),
    ]
    for options in (("-o", "csv"), ("--fields", "title")):
        done = cli("schema", "JobQueued", *options)
        assert (done.returncode, done.stdout) == (2, "")
        assert "is printed as JSON" in done.stderr


@pytest.mark.parametrize("name", ["asyncapi", "openapi"])
def test_a_document_is_the_one_in_docs(cli: Cli, name: str) -> None:
    assert cli("schema", name).stdout == (DOCS / f"{name}.json").read_text()


def test_an_unknown_name_is_told_what_there_is(cli: Cli) -> None:
    done = cli("schema", "JobCanceld")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no event 'JobCanceld' (did you mean JobCanceled?)" in done.stderr
    assert all(x.name in done.stderr for x in entries())
    assert "asyncapi, openapi" in done.stderr


def test_hostile_names_do_nothing(cli: Cli) -> None:
    done = cli("schema", "\x1b[31m\u202e\n")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr
