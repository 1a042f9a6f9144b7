"""The AsyncAPI document: whole, about every event, and its examples are what it says they are.

The official parser (npm, @asyncapi/parser) is not needed here; it was asked by hand.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from jsonschema import Draft7Validator, FormatChecker

from adapters.jetstream.subjects import stream_subject, subject_and_filter
from adapters.wire.schemas import Entry, asyncapi_bytes, entries
from domain.events import Aggregate

DOCUMENT: Final = json.loads(asyncapi_bytes("1.2.3"))
COMPONENTS: Final = DOCUMENT["components"]
NAMES: Final = [entry.name for entry in entries()]
IDS: Final = {
    "job": "42",
    "cluster": "hpc1",
    "policy": "hpc1",
    "request": "20261123",
    "bulk": "0" * 32,
}


def refs(value: object) -> Iterator[str]:
    """Every reference in the document."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for one in value.values():
            yield from refs(one)
    elif isinstance(value, list):
        for one in value:
            yield from refs(one)


def resolved(ref: str) -> Any:
    """What a reference leads to."""
    assert ref.startswith("#/"), ref
    value: Any = DOCUMENT
    for key in ref[2:].split("/"):
        value = value[key]
    return value


def test_every_reference_leads_somewhere() -> None:
    found = set(refs(DOCUMENT))
    assert len(found) > 100
    for ref in found:
        assert resolved(ref) is not None, ref


def test_it_says_which_release_it_is_of_and_how_to_read() -> None:
    assert (DOCUMENT["asyncapi"], DOCUMENT["info"]["version"]) == ("3.0.0", "1.2.3")
    words = DOCUMENT["info"]["description"]
    assert all(x in words for x in ("JetStream consumer", "at least once", "`id`", "sequence"))
    assert "core subscription" in words
    (server,) = DOCUMENT["servers"].values()
    assert server["protocol"] == "nats"
    assert [resolved(x["$ref"])["type"] for x in server["security"]] == ["userPassword"]
    assert set(re.findall(r"{(\w+)}", server["host"])) == set(server["variables"])


def test_every_event_has_its_channel_message_and_operation() -> None:
    assert list(DOCUMENT["channels"]) == list(COMPONENTS["messages"]) == NAMES
    assert list(DOCUMENT["operations"]) == [f"receive{name}" for name in NAMES]


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
def test_a_channel_is_the_subject_of_its_message(entry: Entry) -> None:
    channel = DOCUMENT["channels"][entry.name]
    parameters = dict.fromkeys(channel["parameters"], IDS["cluster"])
    parameters |= {"jobId": IDS["job"], "day": IDS["request"], "digest": IDS["bulk"]}
    assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])
    place = Aggregate(entry.aggregate, IDS[entry.aggregate])
    subject = subject_and_filter("hpc1", place, entry.name)[0]
    assert channel["address"].format(**parameters) == subject
    assert subject.startswith(stream_subject("hpc1").removesuffix(">"))
    (message,) = channel["messages"].values()
    assert resolved(message["$ref"])["name"] == entry.type
    operation = DOCUMENT["operations"][f"receive{entry.name}"]
    assert operation["action"] == "receive"
    assert resolved(operation["channel"]["$ref"]) is channel
    assert [x["$ref"] for x in operation["messages"]] == [
        f"#/channels/{entry.name}/messages/{entry.name}"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_what_its_message_says(name: str) -> None:
    message = COMPONENTS["messages"][name]
    assert message["contentType"] == "application/cloudevents+json"
    schema = DOCUMENT | message["payload"]
    Draft7Validator.check_schema(resolved(message["payload"]["$ref"]))
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    (example,) = message["examples"]
    assert list(validator.iter_errors(example["payload"])) == []
    for wrong in (example["payload"] | {"surprise": 1}, example["payload"] | {"id": "7"}):
        assert list(validator.iter_errors(wrong)) != []
    without = {k: v for k, v in example["payload"].items() if k != "data"}
    assert list(validator.iter_errors(without)) != []


def test_schemas_use_nothing_that_the_dialect_does_not_know() -> None:
    def keywords(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for key, one in value.items():
                yield key
                yield from keywords(one)
        elif isinstance(value, list):
            for one in value:
                yield from keywords(one)

    used = set(keywords(COMPONENTS["schemas"]))
    assert used.isdisjoint({"$schema", "$id", "$defs", "dependentRequired", "prefixItems"})


def test_a_reference_stands_alone() -> None:
    def lone(value: object) -> Iterator[bool]:
        if isinstance(value, dict):
            if "$ref" in value:
                yield len(value) == 1
            for one in value.values():
                yield from lone(one)
        elif isinstance(value, list):
            for one in value:
                yield from lone(one)

    assert all(lone(DOCUMENT))
