"""The JSON Schema of every event: what is written fits it, and what nobody writes does not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from adapters.jetstream.subjects import subject_and_filter
from adapters.wire import WIRE_NAMES, decode, encode, type_token
from adapters.wire.schemas import Entry, entries, found, schema_bytes
from adapters.wire.schemas.entries import aggregate_of
from adapters.wire.schemas.examples import example
from adapters.wire.schemas.json_schema import DIALECT
from adapters.wire.schemas.parts import parts
from application.ports import CaughtUp
from domain.events import CLUSTER, JOB, POLICY, Aggregate, Recorded
from domain.states import CancelMode, JobState
from tests.domain.test_laws import Began, Life, Move, lives, moves
from tests.golden.write import DIRECTORY
from tests.support.contract import complaints, entry_of, stored_events
from tests.support.stack import ADMIN, ALICE, BOB, Stack, World

EACH: Final = pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.name)
GOLDEN: Final = sorted(DIRECTORY.glob("*.json"))
HASH: Final = "ab" * 32
events = st.sampled_from(entries()).flatmap(lambda x: st.tuples(st.just(x), stored_events(x)))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- the schemas themselves -----------------------------------------------------------------------


def test_every_event_has_one() -> None:
    assert [x.fact for x in entries()] == list(WIRE_NAMES)
    assert {x.name for x in entries()} == set(map(type_token, WIRE_NAMES))


@EACH
def test_a_schema_is_one_and_complete(entry: Entry) -> None:
    schema = json.loads(schema_bytes(entry))
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT == Draft202012Validator.META_SCHEMA["$id"]
    assert (schema["$id"], schema["title"]) == (f"urn:countermand:event:{entry.stem}", entry.type)
    assert schema_bytes(entry).endswith(b"}\n")
    for place, one in schemas_in(schema):
        if one.get("type") == "object":
            assert "additionalProperties" in one, place
            assert one["additionalProperties"] is False or "properties" not in one, place
        if "properties" in one and one.get("type") == "object":
            assert set(one["required"]) <= set(one["properties"]), place
            optional = set(one["properties"]) - set(one["required"])
            in_data = "$defs" in place
            assert all("default" in one["properties"][x] for x in optional if in_data), place


@EACH
def test_every_part_and_every_field_says_what_it_means(entry: Entry) -> None:
    schema = json.loads(schema_bytes(entry))
    parts_ = [schema, *schema["$defs"].values()]
    undescribed = [
        f"{part['title']}.{name}"
        for part in parts_
        for name, field in part.get("properties", {}).items()
        if not field.get("description", "").endswith(".")
    ]
    assert undescribed == [], "say it in the docstring of the Struct: ``name``: what it means"
    assert all(part["description"] for part in parts_)
    assert "``" not in schema_bytes(entry).decode()


def schemas_in(schema: dict[str, Any], place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and those inside it, with where they stand."""
    yield place, schema
    for keyword in ("properties", "$defs"):
        for name, one in schema.get(keyword, {}).items():
            yield from schemas_in(one, f"{place}/{keyword}/{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from schemas_in(schema[keyword], f"{place}/{keyword}")
    for one in schema.get("anyOf", []):
        yield from schemas_in(one, f"{place}/anyOf")


def test_parts_have_names_of_their_own() -> None:
    assert all(name.isidentifier() for name in parts())


@pytest.mark.parametrize("entry", entries(), ids=lambda x: x.name)
def test_the_subject_is_the_one_that_is_published_to(entry: Entry) -> None:
    place = Aggregate(entry.aggregate, "hpc1" if entry.aggregate in (CLUSTER, POLICY) else "42")
    shown = entry.subject.format(cluster="hpc1", jobId="42", day="42", digest="42")
    assert shown == subject_and_filter("hpc1", place, type_token(entry.fact))[0]
    assert aggregate_of(entry.fact) == entry.aggregate


@pytest.mark.parametrize("name", ["JobQueued", "JobQueued.v1", "countermand.JobQueued.v1"])
def test_an_event_is_found_by_each_of_its_names(name: str) -> None:
    entry = found(name)
    assert entry is not None
    assert entry.stem == "JobQueued.v1"
    assert found(f"{name}x") is None


def test_every_format_is_really_checked() -> None:
    checked = set(Draft202012Validator.FORMAT_CHECKER.checkers)
    assert {"date-time", "uuid", "uri-reference"} <= checked


# --- what is written fits -------------------------------------------------------------------------


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_file_fits(path: Path) -> None:
    """All of them lie under job/42, also those of events that belong to no job.

    No service puts those there, and the schema says so: of that place, and of nothing else in them.
    """
    entry = entry_of(path.read_bytes())
    misplaced = [] if entry.aggregate == JOB else [("subject", "pattern")]
    assert complaints(entry, path.read_bytes()) == misplaced


@EACH
def test_an_example_fits_and_is_read(entry: Entry) -> None:
    raw = example(entry.fact, entry.aggregate)
    assert complaints(entry, raw) == []
    kind, _, id_ = json.loads(raw)["subject"].partition("/")
    fact = decode(raw, "hpc1", Aggregate(kind, id_), type_token(entry.fact)).fact
    assert isinstance(fact, Recorded), fact


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events)
def test_whatever_the_codec_writes_fits(made: tuple[Entry, bytes]) -> None:
    entry, raw = made
    assert complaints(entry, raw) == []


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(lives, st.lists(moves, min_size=10, max_size=30))
def test_whatever_the_rules_make_of_a_job_fits(began: Began, happens: list[Move]) -> None:
    life = Life(began)
    for move in happens:
        move(life)
    life.live_to_the_end()
    for fact in life.story.history:
        event = msgspec.structs.replace(fact.event, id="01a20734-55fb-7c31-8a52-3f6d1e0b9a17")
        previous = HASH if fact.version > 1 else ""
        raw = encode(event, fact.aggregate, "hpc1", fact.version, previous)
        assert complaints(entry_of(raw), raw) == []


async def test_what_a_service_stores_fits(world: World) -> None:
    async with Stack(world) as stack:
        await stack.scheduler.set_cluster_parameter(ADMIN, "taskcancelgraceperiod", "7", "p1")
        await stack.scheduler.set_cluster_parameter(ALICE, "taskcancelgraceperiod", "8", "p2")
        job = await stack.running("handle 3", "ignore", release="exit 0")
        await stack.cancel(job, caller=BOB, message="not mine")
        await stack.cancel(job, message="x" * 321, key="long")
        await stack.cancel(job, message="the disk is filling up", key="c2")
        await stack.cancel(job, key="c3")
        await stack.cancel(job, CancelMode.FORCED, key="c4")
        await stack.state(job, JobState.CANCELED)
        await stack.scheduler.finish_job(ALICE, str(job), "too late", "f1")
        await stack.scheduler.requeue_job(ALICE, str(job), "q1")
        await stack.went(job, 1, 2)
        await stack.cancel_task(job, 1, CancelMode.FORCED)
        await stack.cancel_task(job, 9, key="t2")
        await stack.scheduler.finish_job(ALICE, str(job), "enough", "f2")
        await stack.ordered(job, 2, 2)
        stack.fake.advance(7000)
        await stack.state(job, JobState.FINISHED)
        await stack.cancel("nonsense")
    stored = [
        event.raw
        async for batch in world.log.read(0)
        if not isinstance(batch, CaughtUp)
        for event in batch
    ]
    assert {x: complaints(entry_of(x), x) for x in stored if complaints(entry_of(x), x)} == {}
    kinds = {entry_of(x).name for x in stored}
    assert len(kinds) >= 23, sorted(kinds)
