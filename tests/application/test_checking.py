"""What is wrong with a stream is named, at the event where it shows first; nothing else is."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest
from msgspec.structs import replace

from adapters.snapshots.shelf import SqliteShelf
from adapters.wire import FACTS, decode, encode, sha256, token_of
from application.checking import HOT_MAX, Checker, Damage
from application.ports import Stored
from domain import commands as c
from domain import events as e
from domain.identity import SYSTEM_CALLER, Caller
from domain.states import CancelMode, JobState
from tests.domain.builders import add, cancel, specs
from tests.support.author import Author
from tests.support.checked import damage_among, whole
from tests.support.every_event import every_event

CLUSTER = "hpc1"


def test_a_stream_with_every_event_there_is_has_no_damage() -> None:
    events = every_event(CLUSTER).events
    assert {x.type for x in events} == {token_of(name) for name in FACTS}
    assert damage_among(events, CLUSTER) == []


def stream() -> list[Stored]:
    """Three jobs, in turn."""
    author = Author(CLUSTER)
    author.reserve()
    for number in (1, 2, 3):
        author.add(replace(add(specs(1), submit=True, request_id=f"a{number}"), job_id=number))
    for number in (1, 2, 3):
        author.tell(number, c.StartValidation(), c.EndValidation())
    for number in (1, 2, 3):
        author.ask(number, cancel(f"r{number}"))
        author.tell(number, c.EndJob(author.asked("").at))
    return author.events


def changed(event: Stored, **attributes: object) -> Stored:
    """The event with other attributes, or bytes, read as they are read from a stream."""
    body = msgspec.json.decode(event.raw) | attributes
    raw = msgspec.json.encode(body)
    fact = decode(raw, CLUSTER, event.aggregate, event.type).fact
    return Stored(event.position, event.aggregate, event.type, raw, fact)


def in_place(events: Sequence[Stored], at: int, **attributes: object) -> list[Stored]:
    """The stream with one event changed."""
    return [changed(x, **attributes) if x.position == at else x for x in events]


def kinds(events: Sequence[Stored]) -> list[tuple[str, int]]:
    """What is wrong, and where."""
    return [(x.kind, x.position) for x in damage_among(events, CLUSTER)]


def last_of(events: Sequence[Stored], job: int) -> Stored:
    """The job's last event."""
    return [x for x in events if x.aggregate == e.job_aggregate(job)][-1]


def appended(
    events: list[Stored], job: int, data: e.Event, caller: Caller = SYSTEM_CALLER
) -> list[Stored]:
    """The stream with one more event, its chain whole, that nobody decided."""
    last = last_of(events, job)
    assert isinstance(last.fact, e.Recorded)
    time = last.fact.time + timedelta(days=1)
    event_id = f"01999999-0000-7000-8000-{len(events):012d}"
    event = replace(last.fact.event, id=event_id, time=time, caller=caller, data=data)
    raw = encode(event, last.aggregate, CLUSTER, last.fact.version + 1, sha256(last.raw))
    type_ = type(data).__name__
    fact = decode(raw, CLUSTER, last.aggregate, type_).fact
    return [*events, Stored(events[-1].position + 1, last.aggregate, type_, raw, fact)]


def test_a_clean_stream() -> None:
    assert kinds(stream()) == []


def test_a_changed_event_breaks_the_chain_at_the_next_one() -> None:
    events = stream()
    at = events[1].position
    (next_one,) = [
        b.position
        for a, b in pairwise(x for x in events if x.aggregate == events[1].aggregate)
        if a.position == at
    ]
    assert kinds(in_place(events, at, clientprogram="another")) == [("chain", next_one)]


def test_each_thing_that_can_be_wrong_with_an_event_is_named() -> None:
    events = stream()
    last = last_of(events, 3)
    at = last.position
    cases: dict[str, dict[str, object]] = {
        "form": {"type": "countermand.JobTeleported.v1"},
        "version": {"aggregateversion": 9},
        "chain": {"previoushash": "0" * 64},
        "time": {"time": "2025-01-01T00:00:00.000000Z"},
    }
    for kind, attributes in cases.items():
        assert kinds(in_place(events, at, **attributes))[0] == (kind, at)
    assert kinds(in_place(events, at, data={"nonsense": 1}))[0] == ("form", at)
    assert kinds(in_place(events, at, specversion="2.0"))[0] == ("form", at)


def test_damage_names_the_event() -> None:
    events = stream()
    last = last_of(events, 2)
    assert isinstance(last.fact, e.Recorded)
    (found,) = damage_among(in_place(events, last.position, previoushash="0" * 64), CLUSTER)
    assert found == Damage(
        kind="chain",
        position=last.position,
        subject=f"countermand.hpc1.job.2.{last.type}",
        event_id=last.fact.event.id,
        job="2",
        expected=found.expected,
        found=f"previoushash {'0' * 64}",
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (e.JobFinished(), "the rules give nothing here: the job is Canceled"),
        (e.JobRemoved("ttl"), ""),
        (e.JobQueued(), "the rules give nothing here"),
    ],
)
def test_a_forged_event_is_named(data: e.Event, words: str) -> None:
    found = damage_among(appended(stream(), 2, data), CLUSTER)
    assert [x.found[: len(words)] for x in found if words] == ([words] if words else [])
    assert [x.kind for x in found] == (["rules"] if words else [])


def test_nothing_follows_the_removal() -> None:
    removed = appended(stream(), 2, e.JobRemoved("ttl"))
    more = appended(removed, 2, e.JobRemoved("ttl"))
    assert [x.found for x in damage_among(more, CLUSTER)] == ["nothing follows JobRemoved"]


def test_a_second_creation_is_no_state() -> None:
    events = stream()
    first = next(x for x in events if x.type == "JobAdded")
    assert isinstance(first.fact, e.Recorded)
    again = appended(events, 1, first.fact.data, first.fact.event.caller)
    (found,) = damage_among(again, CLUSTER)
    assert (found.kind, found.found) == ("state", "job/1: added twice")


def test_a_number_that_nobody_reserved() -> None:
    author = Author(CLUSTER)
    author.add(replace(add(specs(1)), job_id=5))
    (found,) = damage_among(author.events, CLUSTER)
    assert (found.kind, found.expected) == ("rules", "a number that was reserved, 1 to 0")


def test_what_comes_after_damage_is_counted_and_not_judged() -> None:
    events = every_event(CLUSTER).events
    at = next(x.position for x in events if x.type == "JobAdded")
    broken = in_place(events, at, data={"nonsense": 1})
    shelf = SqliteShelf()
    checker = Checker(CLUSTER, shelf)
    found = [d for x in broken for d in checker.take(whole(x, CLUSTER))]
    shelf.close()
    assert [(x.kind, x.position) for x in found[:2]] == [("form", at), ("chain", found[1].position)]
    assert len(found) == 2
    assert checker.unjudged == sum(x.aggregate == e.job_aggregate(1) for x in events) - 1


def test_more_jobs_than_are_held_in_memory() -> None:
    author = Author(CLUSTER)
    count = HOT_MAX + 50
    author.reserve(count)
    for number in range(1, count + 1):
        author.add(replace(add(specs(1), submit=True, request_id=f"a{number}"), job_id=number))
    for number in range(1, count + 1):
        author.ask(number, cancel(f"r{number}", CancelMode.NORMAL))
    assert damage_among(author.events, CLUSTER) == []
    assert author.jobs[count].state is JobState.CANCELING
