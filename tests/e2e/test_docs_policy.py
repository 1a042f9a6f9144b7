"""Every command in ``docs/policy.md`` is run; its tables are those of the schema and the rules."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from adapters.bootstrap.configuration import load
from adapters.policy import default_text, flaws, parsed_schema, schema_text
from tests.e2e.service import Service
from tests.e2e.shown import Shell, blocks, commands, document, surroundings

pytestmark = [pytest.mark.e2e]

PAGE: Final = document("docs/policy.md")


def test_every_shown_command_works_in_order(service: Service, tmp_path: Path) -> None:
    job = service.start().submit("sleep 600")
    service.cancel(job, message="disk full")
    service.until_state(job, "Canceled")
    environment = {"COUNTERMAND_DATA": str(service.data)}
    shell = Shell(
        surroundings(service) | environment,
        service.home,
        tmp_path,
        {f"{verb} 17": f"{verb} {job}" for verb in ("explain", "show", "protect", "legal-hold")},
    )
    said = {line: shell.run(line).out for line in commands(PAGE)}
    assert (service.home / "rules.cedar").read_text() == default_text()
    assert (service.home / "countermand.cedarschema").read_text() == schema_text()
    assert ", allowed by administrator-everything, owner-controls" in said["countermand explain 17"]
    told = json.loads(said["countermand show 17 --events -o json"])["events"]
    (cancel,) = [x["event"] for x in told if "JobCancelRequested" in x["event"]["type"]]
    (asked,) = cancel["data"]["decision"]["requests"]
    assert asked["context"]["message_units"] == len("disk full")
    assert (asked["action"], asked["resource"]["id"]) == ("cancel", str(job))
    verdict = r"[1-9]\d* decisions and 1 answer in shadow up to event \d+ were computed again: "
    assert re.fullmatch(verdict + "all as recorded\n", said["countermand policy recheck"])


def test_the_rules_of_the_page_are_some() -> None:
    shown = blocks(PAGE, "text")
    assert len(shown) == 4
    for rules in (*shown, "\n".join(shown)):
        assert flaws(rules, parsed_schema(schema_text())) == []


def test_the_settings_of_the_page_are_some(tmp_path: Path) -> None:
    (settings,) = blocks(PAGE, "toml")
    file = tmp_path / "countermand.toml"
    file.write_text(f'data_directory = "{tmp_path}"\n{settings}')
    assert [x.name for x in load({}, file).freeze_windows] == ["year-end", "weekend-nights"]


def test_every_rule_attribute_and_action_is_on_the_page() -> None:
    rules = re.findall(r'@id\("(.+?)"\)', default_text())
    types = schema_text().split("// --- to do what")[0]
    attributes = re.findall(r"^  (\w+)\??: ", types, re.MULTILINE)
    declared = re.findall(r"^action(.+?)appliesTo", schema_text(), re.MULTILINE | re.DOTALL)
    actions = re.findall(r'"(\w+)"', "".join(declared))
    assert len(actions) == 23
    for word in (*rules, *attributes, *actions):
        assert f"`{word}`" in PAGE, word
