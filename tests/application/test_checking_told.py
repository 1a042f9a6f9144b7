"""What a decision rests on is held against the state and its event: whatever is changed is named.

Histories are the service's own. In each, every value of every decision is changed, one at a time,
and the chain made whole again, as somebody would who has the stream in their hands.
"""

import re
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

import msgspec
import pytest

from adapters.policy import default_policy
from adapters.policy.shipped import schema_text
from application.ledger import Cause
from application.ports import CaughtUp, Stored
from application.settings import STOP_SIGNALS
from domain.glimpses import LATE_MAX
from domain.policy_life import Candidate, begin
from domain.remaking_runs import STOP_SIGNALS as NUMBERS
from domain.states import CancelMode, JobMark, JobState
from tests.application.test_bulk_requests import HOW, bulk_of
from tests.support.checked import damage_among, retold
from tests.support.stack import ADMIN, ALICE, BOB, CLUSTER, OPERATOR, Stack, World

TAKEN: Final = {
    "engine": re.compile(r"data\.decision\.engine"),
    "freeze_windows": re.compile(r"data\.decision\.requests\.\d+\.context\.freeze_windows(\.\d+)?"),
}
"""What is taken as it stands, as docs/fsck.md says: which versions answered, and which windows were
in force, for that stands in the settings."""

CHANGED_TOGETHER: Final = frozenset({"JobSubmitted"})
"""Of the append of a creation: the first of its facts is named."""

Path = tuple[str | int, ...]


async def shipped_rules(stack: Stack) -> None:
    """The stream begins with schema and rules, as that of a service does."""
    rules, schema = default_policy(), schema_text()
    first = Candidate(rules.digest, rules.text, rules.schema_digest, rules.rule_count)
    await stack.ledger.change_policy(lambda life, _: begin(life, first, schema), Cause())


async def history(world: World) -> list[Stored]:
    """Each operation, allowed and refused."""
    async with Stack(world) as stack:
        await shipped_rules(stack)
        job = await stack.running("ignore", "run")
        ask = stack.scheduler
        await ask.mark_job(ADMIN, str(job), JobMark.PROTECTION, True, "ours", "k1")
        world.clock.advance(LATE_MAX + timedelta(minutes=1))  # it is not as it was before any more
        await ask.finish_task(ALICE, str(job), 2, "enough", "f1")
        await stack.cancel(job, message="no \U0001f4be", caller=BOB, key="b")
        await stack.cancel(job, message="disk full", caller=OPERATOR, key="o")
        await stack.cancel(job, message="disk full", key="c")
        await stack.cancel(job, CancelMode.FORCED, message="disk is full", key="d")
        await stack.state(job, JobState.CANCELED)
        await ask.requeue_job(ALICE, str(job), "q1", message="once more")
        await ask.set_cluster_parameter(ADMIN, "TaskCancelGracePeriod", "30", "s1")
        await ask.set_cluster_parameter(BOB, "TaskCancelGracePeriod", "30", "s2")
        await ask.finish_job(BOB, str(job), "done", "f2")
        await stack.went(job, 1, 2)
        await stack.cancel(job, CancelMode.FORCED, key="e")
        jobs = [int((await stack.add("run", key=f"j{n}", submit=False)).job_id) for n in range(2)]
        await stack.scheduler.submit_job_by_id(ALICE, str(jobs[0]), "t1")
        await stack.caught_up()
        bulks = bulk_of(stack)
        bulk = await bulks.request(ALICE, tuple(jobs), HOW, "bulk")
        assert bulk is not None
        await bulks.cancel(ALICE, bulk, jobs)
        for one in (job, *jobs):
            await stack.state(one, JobState.CANCELED)
    return [x async for x in stored(world)]


async def stored(world: World) -> Any:
    """The whole stream."""
    async for batch in world.log.read(0):
        if isinstance(batch, CaughtUp):
            return
        for one in batch:
            yield one


def leaves(value: object, path: Path = ()) -> Iterator[Path]:
    """Where values stand in a document."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from leaves(below, (*path, key))
    elif isinstance(value, list) and value:
        for n, below in enumerate(value):
            yield from leaves(below, (*path, n))
    else:
        yield path


def another(value: object) -> object:
    """A value like this one, but another."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}x"
    return ["x"] if value == [] else {"x": "y"}


def put(document: Any, path: Path, change: Callable[[Any], object]) -> None:
    """Change what stands there."""
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = change(document[path[-1]])


def forged(events: list[Stored], at: int, path: Path) -> list[Stored]:
    """The history with one value of the data changed, and every hash after it made right."""
    return retold(events, CLUSTER, {at: lambda data: put(data, path, another)})


def mutations(events: list[Stored]) -> Iterator[tuple[Stored, Path]]:
    """Every value of every decision, once for each kind of event and effect."""
    seen = set[object]()
    for one in events:
        decision = msgspec.json.decode(one.raw)["data"].get("decision")
        if not decision:
            continue
        for path in leaves(decision):
            place = (one.type, decision["effect"], decision["facts"]["action"], path)
            if place not in seen:
                seen.add(place)
                yield one, ("decision", *path)


def taken(named: str) -> str:
    """What docs/fsck.md says of it, if it is taken as it stands; else ""."""
    return next((what for what, places in TAKEN.items() if places.fullmatch(named)), "")


async def test_every_value_of_every_decision_is_held_against_what_was_so(world: World) -> None:
    events = await history(world)
    assert damage_among(events, CLUSTER) == []
    missed, free = list[str](), set[str]()
    for one, path in mutations(events):
        found = {x.position for x in damage_among(forged(events, one.position, path), CLUSTER)}
        named = ".".join(map(str, ("data", *path)))
        if taken(named):
            free |= set() if found else {taken(named)}
        elif one.position not in found and not (one.type in CHANGED_TOGETHER and found):
            missed.append(f"{one.type}: {named}")
    assert missed == [], missed
    assert free == set(TAKEN), "what is taken as it stands is not compared"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("JobCancelRequested", "message"),
        ("JobCancelRequested", "reason_code"),
        ("JobCancelRequested", "request_id"),
        ("JobCancelRequested", "bulk_size"),
        ("JobCancelRefused", "message_units"),
        ("JobAdded", "request_id"),
        ("JobSubmitted", "key"),
        ("JobSubmitted", "run_as"),
        ("JobSubmitted", "content_sha256"),
        ("JobRequeued", "message"),
        ("TaskStopOrdered", "signal"),
    ],
)
async def test_a_value_that_stands_in_two_places_is_changed_in_one(
    world: World, kind: str, field: str
) -> None:
    events = await history(world)
    for one in (x for x in events if x.type == kind):
        body = msgspec.json.decode(one.raw)
        if kind == "TaskStopOrdered" and body["data"]["step"] != "signal":
            continue
        found = damage_among(forged(events, one.position, (field,)), CLUSTER)
        assert found, f"{one.position} {kind} {field}"


def test_the_signals_are_those_of_the_setting() -> None:
    assert {int(getattr(signal, name)) for name in STOP_SIGNALS} == NUMBERS
