"""The JSON Schema of every event refuses what nobody writes: one thing wrong is enough."""

import json
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.wire.schemas import Entry, entries, schema_bytes
from adapters.wire.schemas.examples import example
from adapters.wire.schemas.parts import parts
from tests.support.contract import complaints, entry_named, paths, put, stored_events, take

HASH: Final = "ab" * 32
events = st.sampled_from(entries()).flatmap(lambda x: st.tuples(st.just(x), stored_events(x)))
TOLD: Final = ("attributes", "context")
"""What a policy was told: words, numbers, yes or no, and sets of words."""

MAPS: Final = frozenset(
    {
        *("properties", "changes", "facts", "environment", "labels", "asked_for"),
        *("attributes", "context"),
    }
)
BAD_TIMES: Final = (
    "",
    "2026-11-23",
    "2026-11-23T07:00:00Z",
    "2026-11-23T07:00:00.123Z",
    "2026-11-23T07:00:00.123456",
    "2026-11-23T07:00:00.123456+00:00",
    "2026-11-23 07:00:00.123456Z",
    "2026-13-23T07:00:00.123456Z",
    "2026-11-31T07:00:00.123456Z",
    "2026-11-23T24:00:00.123456Z",
)
often = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def refused(entry: Entry, event: object) -> list[tuple[str, str]]:
    """What the schema says against an event that was changed."""
    return complaints(entry, json.dumps(event).encode())


@often
@given(events, st.data())
def test_without_a_required_field_it_does_not_fit(
    made: tuple[Entry, bytes], data: st.DataObject
) -> None:
    entry, event = made[0], json.loads(made[1])
    of_data = parts()[entry.fact.__name__].required
    required = [(name,) for name in json.loads(schema_bytes(entry))["required"]]
    required += [("data", name) for name in of_data]  # type: ignore[misc, union-attr]
    take(event, data.draw(st.sampled_from(required)))
    assert "required" in {keyword for _, keyword in refused(entry, event)}


@often
@given(events, st.data())
def test_without_a_field_that_has_a_default_it_fits(
    made: tuple[Entry, bytes], data: st.DataObject
) -> None:
    entry, event = made[0], json.loads(made[1])
    fields = msgspec.structs.fields(entry.fact)
    optional = [x.name for x in fields if not x.required]
    for name in data.draw(st.sets(st.sampled_from(optional))) if optional else ():
        take(event, ("data", name))
    assert refused(entry, event) == []


@often
@given(events, st.data())
def test_with_an_unknown_field_it_does_not_fit(
    made: tuple[Entry, bytes], data: st.DataObject
) -> None:
    entry, event = made[0], json.loads(made[1])
    objects = [p for p, x in paths(event) if isinstance(x, dict) and p[-1] not in MAPS]
    put(event, (*data.draw(st.sampled_from([(), *objects])), "surprise"), 1)
    said = {keyword for _, keyword in refused(entry, event)}
    assert said & {"additionalProperties", "anyOf"}, said


@often
@given(events, st.data())
def test_with_a_value_of_another_type_it_does_not_fit(
    made: tuple[Entry, bytes], data: st.DataObject
) -> None:
    entry, event = made[0], json.loads(made[1])
    path, value = data.draw(st.sampled_from(list(paths(event))))
    sets = isinstance(value, list) or (len(path) > 1 and path[-2] in TOLD)
    other = data.draw(st.sampled_from((1.5, [1.5] if sets else [])))
    put(event, path, other)
    assert refused(entry, event) != []


@often
@given(events, st.sampled_from(BAD_TIMES))
def test_with_a_bad_time_it_does_not_fit(made: tuple[Entry, bytes], time: str) -> None:
    entry, event = made[0], json.loads(made[1])
    assert ("time", "format") in refused(entry, event | {"time": time}) or (
        ("time", "pattern") in refused(entry, event | {"time": time})
    )


@pytest.mark.parametrize("name", ["JobQueued", "JobIdsReserved", "CancelRefused"])
@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"specversion": "1.1"}, ("specversion", "const")),
        ({"id": "7"}, ("id", "format")),
        ({"source": "/countermand/a b"}, ("source", "pattern")),
        ({"type": "countermand.JobDreamt.v1"}, ("type", "const")),
        ({"subject": "job/0"}, ("subject", "pattern")),
        ({"subject": "nothing/1"}, ("subject", "pattern")),
        ({"datacontenttype": "text/plain"}, ("datacontenttype", "const")),
        ({"aggregateversion": 0}, ("aggregateversion", "minimum")),
        ({"aggregateversion": 2, "previoushash": "AB" * 32}, ("previoushash", "pattern")),
        ({"aggregateversion": 1, "previoushash": HASH}, ("", "not")),
        ({"aggregateversion": 2, "previoushash": None}, ("", "required")),
        ({"authtype": "robot"}, ("authtype", "enum")),
        ({"authroles": "user,god"}, ("authroles", "pattern")),
        ({"onbehalfof": "bob"}, ("", "dependentRequired")),
        ({"origin": "nowhere"}, ("origin", "enum")),
        ({"data": []}, ("data", "type")),
    ],
    ids=lambda x: "-".join(x) if isinstance(x, dict) else "",
)
def test_an_envelope_that_is_not_ours_does_not_fit(
    name: str, changes: dict[str, Any], complaint: tuple[str, str]
) -> None:
    entry = entry_named(name)
    event = json.loads(example(entry.fact, entry.aggregate)) | changes
    assert complaint in refused(entry, {k: v for k, v in event.items() if v is not None})


@pytest.mark.parametrize(
    ("name", "changes", "complaint"),
    [
        ("JobCancelRequested", {"message": "x" * 321}, ("data/message", "maxLength")),
        ("JobCancelRequested", {"grace_seconds": -1}, ("data/grace_seconds", "minimum")),
        ("JobCancelRequested", {"mode": "cruel"}, ("data/mode", "enum")),
        ("JobAdded", {"job_id": 2**31}, ("data/job_id", "maximum")),
        ("JobAdded", {"properties": {"a": 1}}, ("data/properties/a", "type")),
        ("TaskFailed", {"exit": {"code": 256, "signal": None}}, ("data/exit/code", "anyOf")),
        ("CancelRefused", {"task": "one"}, ("data/task", "anyOf")),
    ],
)
def test_a_fact_beyond_its_limits_does_not_fit(
    name: str, changes: dict[str, Any], complaint: tuple[str, str]
) -> None:
    entry = entry_named(name)
    event = json.loads(example(entry.fact, entry.aggregate))
    assert complaint in refused(entry, event | {"data": event["data"] | changes})
