"""Settings, room, throttle, patience, the line at the slots, receipts: each by itself."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from application.engine import RunKey
from application.job_maker import JobKeys
from application.ledger import rising
from application.patience import until_done
from application.receipts import receipt
from application.room import Disk, Room
from application.settings import ACCEPT_LOSS, RANGES, Settings, check
from application.throttle import PRINCIPALS_MAX, RefusalLimit
from application.waiting_line import Changes, Occupied, WaitingLine
from domain import events as e
from domain.errors import (
    Conflict,
    Corrupt,
    CountermandError,
    Misconfigured,
    StoreFull,
    Throttled,
    Unavailable,
)
from domain.evolve import evolve
from domain.identity import SYSTEM_CALLER
from domain.job import Job
from domain.outcome import Outcome, outcome_of
from domain.states import CancelMode, Effect, JobPriority, JobState, JobType
from tests.support.stack import START

DECISION = e.Decision(Effect.ALLOW, "0" * 64, ("r",), {})


# --- settings -------------------------------------------------------------------------------------


def test_the_defaults_are_allowed() -> None:
    settings = Settings("/var/lib/countermand")
    assert check(settings) is settings


@pytest.mark.parametrize("name", RANGES)
def test_numbers_have_limits_and_both_ends_are_allowed(name: str) -> None:
    limits = RANGES[name]
    for value in (limits.minimum, limits.maximum):
        check(replace(Settings("/d"), **{name: value}))
    for value in (limits.minimum - 1, limits.maximum + 1):
        with pytest.raises(Misconfigured, match=f"{name} is "):
            check(replace(Settings("/d"), **{name: value}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cluster": ""}, "cluster is ''"),
        ({"cluster": "a.b"}, "letters, digits"),
        ({"cluster": "x" * 65}, "1 to 64"),
        ({"stream": "a>b"}, "stream is"),
        ({"accept_loss": "yes"}, ACCEPT_LOSS),
        ({"allow_root_tasks": "yes"}, "I want tasks to run as root"),
        ({"rebuild_journal": "yes"}, "anew from the stream"),
        ({"stop_signal": "SIGKILL"}, "SIGTERM"),
        ({"log_level": "loud"}, "debug"),
        ({"nats_urls": ("nats://elsewhere:4222",)}, "nats_service_credentials_file"),
        ({"views": "mysql://h/d"}, "views is no address"),
        ({"views": "postgresql://a:b@h/d"}, "passfile"),
        ({"views": "postgresql://a@h/d?password=b"}, "passfile"),
    ],
)
def test_what_is_not_allowed_is_named_with_what_is(changes: dict[str, object], words: str) -> None:
    with pytest.raises(Misconfigured, match=words):
        check(replace(Settings("/d"), **changes))


def test_everything_wrong_is_said_at_once() -> None:
    with pytest.raises(Misconfigured) as caught:
        check(replace(Settings("/d"), cluster="", slots=-1, log_level="loud"))
    assert caught.value.message.count("\n  - ") == 3


# --- throttle -------------------------------------------------------------------------------------


def test_a_burst_and_then_one_for_each_refill() -> None:
    limit = RefusalLimit(per_minute=60, burst=2)
    limit.take("bob", START)
    limit.take("bob", START)
    with pytest.raises(Throttled) as caught:
        limit.take("bob", START)
    assert caught.value.retry_after_seconds == pytest.approx(1)
    limit.take("alice", START)
    limit.take("bob", START + timedelta(seconds=1))
    with pytest.raises(Throttled):
        limit.take("bob", START + timedelta(seconds=1))


def test_a_clock_that_goes_back_gives_nothing_away_and_takes_nothing() -> None:
    limit = RefusalLimit(per_minute=60, burst=1)
    limit.take("bob", START)
    with pytest.raises(Throttled):
        limit.take("bob", START - timedelta(hours=1))
    limit.take("bob", START - timedelta(hours=1) + timedelta(seconds=1))


def test_only_so_many_principals_are_remembered() -> None:
    limit = RefusalLimit(per_minute=1, burst=1)
    for n in range(PRINCIPALS_MAX + 10):
        limit.take(f"p{n}", START)
    limit.take("p0", START)
    with pytest.raises(Throttled):
        limit.take(f"p{PRINCIPALS_MAX + 9}", START)


# --- room -----------------------------------------------------------------------------------------


async def test_room_in_the_stream_and_on_the_disk() -> None:
    use, free, heard = [94, 100], [10], []

    async def stream_use() -> tuple[int, int]:
        if use[0] < 0:
            raise Unavailable("down")
        return use[0], use[1]

    room = Room(stream_use, lambda: Disk(free[0], 8), lambda event, **facts: heard.append(facts))
    await room.look()
    room.check()
    use[0] = 95
    await room.look()
    with pytest.raises(StoreFull, match="95 of 100 bytes"):
        room.check()
    use[0] = -1
    await room.look()
    with pytest.raises(StoreFull):
        room.check()
    use[0], free[0] = 10, 7
    await room.look()
    with pytest.raises(StoreFull, match="7 bytes free"):
        room.check()
    free[0] = 8
    room.check()
    assert [bool(x["full"] != "no") for x in heard] == [True]


def test_a_full_disk_is_told_with_what_is_really_free() -> None:
    assert Disk(8, 8, 8).refusal() == ""
    assert Disk(7, 8, 8).refusal().startswith("the disk of the data directory has 7 bytes free")
    given_up = Disk(12, 32).refusal()
    assert "has 12 bytes free" in given_up
    assert "again from 32 on" in given_up
    assert Disk(32, 32).refusal() == ""
    assert "has 40 bytes free" in (why := Disk(40, 32, 0, "not supported").refusal())
    assert why.endswith("not supported")


# --- patience -------------------------------------------------------------------------------------


async def test_outages_and_lost_races_are_waited_out() -> None:
    errors: list[CountermandError] = [Conflict("lost"), StoreFull("full")]
    heard: list[CountermandError] = []

    async def act() -> str:
        if errors:
            raise errors.pop(0)
        return "done"

    assert await until_done(act, heard.append) == "done"
    assert [type(x) for x in heard] == [Conflict, StoreFull]


async def test_every_other_error_is_raised() -> None:
    async def act() -> None:
        raise Corrupt("damaged")

    with pytest.raises(Corrupt):
        await until_done(act, lambda _: None)


# --- the line -------------------------------------------------------------------------------------


def a_job(number: int, priority: JobPriority = JobPriority.NORMAL) -> Job:
    added = e.JobAdded(
        number, "j", "alice", JobType.BATCH, priority, "", {}, (e.TaskSpec(1, "run"),)
    )
    event = e.NewEvent("id", START, SYSTEM_CALLER, "c", "c", added)
    return evolve(None, e.Recorded(e.job_aggregate(number), 1, event))


@given(
    st.lists(
        st.tuples(st.integers(1, 8), st.sampled_from(JobPriority), st.integers(1, 5), st.booleans())
    )
)
def test_the_line_is_always_in_order(
    moves: list[tuple[int, JobPriority, int, bool]],
) -> None:
    line, expected = WaitingLine(), {}
    for number, priority, queued_at, stays in moves:
        if stays:
            line.put(a_job(number, priority), queued_at)
            expected[number] = (-list(JobPriority).index(priority), queued_at, number)
        else:
            line.drop(number)
            expected.pop(number, None)
        assert list(line) == sorted(expected, key=lambda n: expected[n])
        assert len(line) == len(expected)


def test_slots_are_counted_by_job() -> None:
    occupied = Occupied()
    job = a_job(1)
    occupied.put(job)
    assert occupied.runs == {}
    started = e.TaskStarted((e.RunRange(1, 1, "n1"),), e.RunHandle("fake", "b", 1, 1, "w"))
    event = e.NewEvent("id", START, SYSTEM_CALLER, "c", "c", started)
    running = evolve(job, e.Recorded(e.job_aggregate(1), 2, event))
    occupied.put(running)
    occupied.put(running)
    assert occupied.runs == {RunKey(1, 1, 0, 1): "n1"}
    occupied.drop(1)
    occupied.drop(1)
    assert occupied.runs == {}


async def test_a_change_is_heard_once_and_none_is_lost() -> None:
    changes = Changes()
    for n in (1, 2, 1, 3, 2):
        changes.put(n)
    assert [await changes.get() for _ in range(3)] == [1, 2, 3]
    waiting = asyncio.create_task(changes.get())
    changes.put(4)
    assert await waiting == 4


# --- the rest -------------------------------------------------------------------------------------


def test_times_rise() -> None:
    later, tick = START + timedelta(hours=1), timedelta(microseconds=1)
    assert rising(START, None) == START
    assert rising(later, START) == later
    assert rising(START, later) == later + tick
    assert rising(START, START) == START + tick


def test_the_first_job_of_a_request_id_stands() -> None:
    keys = JobKeys()
    keys.note("alice", "k", 1)
    keys.note("alice", "k", 2)
    keys.note("bob", "k", 3)
    keys.note("bob", "", 4)
    assert keys.made("alice", "k") == 1
    assert keys.made("bob", "k") == 3
    assert keys.made("bob", "") is None


def refused(code: str, state: JobState) -> e.JobCancelRefused:
    return e.JobCancelRefused(
        "r", CancelMode.NORMAL, "m", 1, "", "", state, code, 5, "rule", "why", DECISION
    )


@pytest.mark.parametrize(
    ("fact", "already"),
    [
        (refused("illegal_transition", JobState.CANCELED), True),
        (refused("illegal_transition", JobState.FINISHED), False),
        (refused("not_permitted", JobState.CANCELED), False),
        (e.JobRemoved("ttl"), False),
    ],
)
def test_a_receipt_says_what_the_event_says(fact: e.Event, already: bool) -> None:
    event = e.NewEvent("the-id", START, SYSTEM_CALLER, "the-request", "x", fact)
    answer = receipt(e.Recorded(e.job_aggregate(3), 7, event), 99, "cancel", "3", None)
    assert (answer.event_id, answer.version, answer.position) == ("the-id", 7, 99)
    assert (answer.request_id, answer.event_type) == ("the-request", type(fact).__name__)
    assert answer.already_canceled is already
    assert answer.outcome is outcome_of(fact)
    expected = Outcome.REFUSED if isinstance(fact, e.RefusalEvent) else Outcome.ACCEPTED
    assert answer.outcome is expected
