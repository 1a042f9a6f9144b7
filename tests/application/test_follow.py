"""Following the stream: backlog, marker, live; for whom, of what, from where, and until when."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from application.ports import CaughtUp, Selection, Stored, Token
from application.tail import Passage, TailLimits
from domain.errors import Corrupt, NotPermitted, Unavailable, Unknown
from domain.events import Recorded, job_aggregate
from domain.identity import Caller
from domain.states import JobState
from tests.support.events import queued, write
from tests.support.stack import ADMIN, ALICE, AUDITOR, BOB, OPERATOR, Stack, World, until

MINUTE = timedelta(minutes=1)
TINY = TailLimits(events_max=5, passage_events_max=3, looked_at_max=4, pages_max=2)
AT_ONCE = TailLimits(trouble_seconds_max=0.0)
LAST = 11
"""How many events ``three_jobs`` makes."""

FOR_EVER = datetime.max.replace(tzinfo=UTC)

Following = AsyncGenerator[Passage | CaughtUp, None]


def follow(stack: Stack, caller: Caller, after: int = 0, **how: Any) -> Following:
    """The stream as this person sees it."""
    return stack.queries.follow(caller, after, **how)


async def seen_by(stack: Stack, caller: Caller, after: int = 0, **how: Any) -> list[Stored]:
    """What this person sees of the stream until now."""
    return [
        x
        async for item in follow(stack, caller, after, follow=False, **how)
        if isinstance(item, Passage)
        for x in item.events
    ]


async def first_events(stream: Following, count: int) -> list[Stored]:
    """So many events, whatever lies between them."""
    found: list[Stored] = []
    async with asyncio.timeout(10):
        async for item in stream:
            found += item.events if isinstance(item, Passage) else ()
            if len(found) >= count:
                return found
    raise AssertionError("the stream has ended")


async def three_jobs(stack: Stack) -> list[str]:
    """Jobs of alice, bob and root, which are canceled, and one that never was."""
    made = []
    for n, caller in enumerate((ALICE, BOB, ADMIN)):
        job = (await stack.add("run", key=f"a{n}", submit=False, caller=caller)).job_id
        await stack.cancel(job, caller=caller, key=f"c{n}")
        await stack.state(int(job), JobState.CANCELED)
        made.append(job)
    await stack.cancel("4711", caller=BOB, key="none")
    assert (await stack.log.identity()).last == LAST
    return made


# --- who sees what --------------------------------------------------------------------------------


async def test_plain_users_follow_their_own_jobs_only(world: World) -> None:
    async with Stack(world) as stack:
        mine = str((await stack.add("run", key="a1", submit=False)).job_id)
        theirs = str((await stack.add("run", key="a2", submit=False, caller=BOB)).job_id)
        await stack.cancel("4711", caller=BOB)
        everything = await seen_by(stack, AUDITOR)
        assert [x.position for x in everything] == [1, 2, 3, 4]
        assert await seen_by(stack, OPERATOR) == everything
        assert {str(x.aggregate) for x in await seen_by(stack, ALICE)} == {f"job/{mine}"}
        assert {str(x.aggregate) for x in await seen_by(stack, BOB)} == {f"job/{theirs}"}
        assert await seen_by(stack, AUDITOR, job_id=mine) == await seen_by(stack, ALICE)
        refused = await seen_by(stack, AUDITOR, types=frozenset({"CancelRefused"}))
        assert [x.position for x in refused] == [4]
        assert await seen_by(stack, AUDITOR, after=2) == everything[2:]
        with pytest.raises(Unknown, match="the stream ends at 4; there is no position 5"):
            await seen_by(stack, AUDITOR, after=5)
        for job, problem in ((theirs, NotPermitted), ("4711", Unknown)):
            with pytest.raises(problem):
                await seen_by(stack, ALICE, job_id=job)


async def test_filters_for_an_actor_show_plain_users_nothing_of_others(world: World) -> None:
    async with Stack(world) as stack:
        mine, *_ = await three_jobs(stack)
        await stack.cancel(mine, caller=OPERATOR, key="late")
        assert await seen_by(stack, ALICE, actors=frozenset({"bob", "root"})) == []
        by_olga = await seen_by(stack, ALICE, actors=frozenset({"olga"}))
        assert [(x.type, str(x.aggregate)) for x in by_olga] == [
            ("JobCancelRefused", f"job/{mine}")
        ]


# --- of what, live and from before ----------------------------------------------------------------

SELECTIONS = [
    Selection(),
    Selection(types=frozenset({"JobCancelRequested", "CancelRefused"})),
    Selection(actors=frozenset({"bob"})),
    Selection(actors=frozenset({"bob", "countermand"}), types=frozenset({"JobCanceled"})),
    Selection(actors=frozenset({"countermand"}), aggregate=job_aggregate(2)),
    Selection(actors=frozenset({"alice for bob"})),
]


@pytest.mark.parametrize("limits", [TailLimits(), TINY])
async def test_every_filter_gives_the_same_from_memory_from_the_journal_and_live(
    world: World, limits: TailLimits
) -> None:
    """In the same order as whoever sees everything, and up to the same end."""
    async with Stack(world, tail_limits=limits) as stack:
        live = [
            asyncio.create_task(up_to_the_refusal(follow(stack, AUDITOR, **wish(only))))
            for only in SELECTIONS
            if only.aggregate is None
        ]
        await three_jobs(stack)
        everything = await seen_by(stack, AUDITOR)
        results = iter(await asyncio.gather(*live))
        for only in SELECTIONS:
            wanted = [x for x in everything if only.matches(x)]
            assert await seen_by(stack, AUDITOR, **wish(only)) == wanted
            if only.aggregate is None:
                assert next(results) == wanted
    async with Stack(world) as stack:  # nothing is in memory yet
        for only in SELECTIONS:
            found = await seen_by(stack, AUDITOR, **wish(only))
            assert found == [x for x in everything if only.matches(x)]


def wish(only: Selection) -> dict[str, Any]:
    """The selection as people say it."""
    job = only.aggregate.id if only.aggregate else None
    return {"types": only.types, "actors": only.actors, "job_id": job}


async def up_to_the_refusal(stream: Following) -> list[Stored]:
    """All events up to the refusal that ends ``three_jobs``, which may be passed unseen."""
    found: list[Stored] = []
    async with asyncio.timeout(10), aclosing(stream):
        async for item in stream:
            found += item.events if isinstance(item, Passage) else ()
            if item.position >= LAST:
                return found
    raise AssertionError("the stream has ended")


async def test_the_actor_is_who_was_authenticated_and_not_who_they_acted_for(world: World) -> None:
    async with Stack(world) as stack:
        for_alice = Caller(ADMIN.actor, on_behalf_of=ALICE.actor)
        await stack.add("run", caller=for_alice, submit=False)
        by_root = await seen_by(stack, AUDITOR, actors=frozenset({"root"}))
        assert [x.type for x in by_root] == ["JobAdded"]
        assert await seen_by(stack, AUDITOR, actors=frozenset({"alice"})) == []
        assert await seen_by(stack, AUDITOR, actors=frozenset({"ROOT", "roo"})) == []


# --- from where -----------------------------------------------------------------------------------


async def test_a_follower_goes_on_live_and_resumes_without_loss(world: World) -> None:
    async with Stack(world) as stack:
        job = str((await stack.add("run", submit=False)).job_id)
        seen: list[Stored | CaughtUp] = []
        async with asyncio.timeout(10), aclosing(follow(stack, ALICE)) as stream:
            async for item in stream:
                seen += [item] if isinstance(item, CaughtUp) else item.events
                if isinstance(item, CaughtUp):
                    await stack.cancel(job)
                if isinstance(item, Passage) and "JobCancelRequested" in {
                    x.type for x in item.events
                }:
                    break
        assert [type(x) for x in seen[:3]] == [Stored, CaughtUp, Stored]
        last = seen[2].position
        async with aclosing(follow(stack, ALICE, last)) as stream:
            (canceled, *_) = await first_events(stream, 1)
        assert (canceled.type, canceled.position) == ("JobCanceled", last + 1)


async def test_the_marker_comes_once_after_what_existed_at_the_call(world: World) -> None:
    async with Stack(world, tail_limits=TINY) as stack:
        await three_jobs(stack)
        last = LAST
        for after in (0, last - 1, last):
            async with aclosing(follow(stack, AUDITOR, after, quiet_seconds=0.001)) as stream:
                begin = await anext(stream)
                await stack.cancel("4711", key=f"more{after}")  # it existed not yet at the call
                its_event = partial(tells_of, position=last + 1)
                later = [x async for x in limited(stream, its_event)]
                found = [begin, *later] + [await anext(stream) for _ in range(9)]
            marks = [n for n, x in enumerate(found) if isinstance(x, CaughtUp)]
            assert begin == Passage((), after)
            assert [found[n] for n in marks] == [CaughtUp(last)]
            passages = [x for x in found if isinstance(x, Passage)]
            assert all(x.position <= last for x in passages[: marks[0]])
            last += 1
            events = [x.position for p in passages for x in p.events]
            assert events == list(range(after + 1, after + 1 + len(events)))


async def test_nobody_is_told_of_what_is_not_in_the_journal_yet(world: World) -> None:
    """The event was there at the call; so the marker waits for its copy."""
    async with Stack(world) as stack:
        await stack.add("run", submit=False)
        await stack.copied()
        await stack.stop("journal")
        stack.tail.begin(stack.tail.position)  # as after a start
        await stack.cancel("4711")
        async with aclosing(follow(stack, AUDITOR, quiet_seconds=0.001)) as stream:
            found = [await anext(stream) for _ in range(5)]
            assert not [x for x in found if isinstance(x, CaughtUp)]
            assert [x.position for x in found] == [0, 2, 2, 2, 2]
            missing = [s async for b in world.log.read(2) if isinstance(b, tuple) for s in b]
            stack.journal.append(missing)
            stack.tail.add(tuple(missing))
            rest = [x async for x in limited(stream, lambda x: isinstance(x, CaughtUp))]
        assert [x.position for p in rest if isinstance(p, Passage) for x in p.events] == [3]


def tells_of(item: Passage | CaughtUp, position: int) -> bool:
    """Whether it reaches the event there: the journal has copied it by then."""
    return isinstance(item, Passage) and item.position >= position


async def limited(stream: Following, is_last: Any) -> AsyncGenerator[Passage | CaughtUp, None]:
    """Up to and with the first item for which it is true."""
    async for item in stream:
        yield item
        if is_last(item):
            return


async def test_since_begins_with_the_first_event_that_is_not_earlier(world: World) -> None:
    async with Stack(world) as stack:
        for n in range(3):
            await stack.cancel("4711", key=f"c{n}")
            world.clock.advance(MINUTE)
        world.clock.advance(-2 * MINUTE)
        await stack.cancel("4711", key="clock went back")
        everything = await seen_by(stack, AUDITOR)
        times = [x.fact.time for x in everything if isinstance(x.fact, Recorded)]
        tick = timedelta(microseconds=1)
        for copied in (False, True):
            if copied:
                await stack.copied()
            for n in range(3):
                assert await seen_by(stack, AUDITOR, since=times[n]) == everything[n:]
                assert await seen_by(stack, AUDITOR, since=times[n] + tick) == everything[n + 1 :]
        beginning = datetime.min.replace(tzinfo=UTC)
        assert await seen_by(stack, AUDITOR, since=beginning) == everything
        some = await seen_by(stack, BOB, since=beginning, types=frozenset({"CancelRefused"}))
        assert some == []


async def test_since_a_time_that_has_not_come_begins_with_what_happens_next(world: World) -> None:
    async with Stack(world) as stack:
        await stack.cancel("4711", key="before")
        async with aclosing(follow(stack, AUDITOR, since=FOR_EVER)) as stream:
            assert [await anext(stream) for _ in range(2)] == [Passage((), 1), CaughtUp(1)]
            await stack.cancel("4711", key="after")
            assert [x.position for x in await first_events(stream, 1)] == [2]


async def test_a_filtered_reader_is_told_how_far_nothing_was_to_be_seen(world: World) -> None:
    async with Stack(world, tail_limits=TINY) as stack:
        await three_jobs(stack)
        await stack.copied()
        async with aclosing(follow(stack, AUDITOR, actors=frozenset({"nobody"}))) as stream:
            backlog = [x async for x in limited(stream, lambda x: isinstance(x, CaughtUp))]
            assert [x.position for x in backlog] == [0, 4, 8, LAST, LAST]
            await stack.cancel("4711", key="unseen")
            assert await anext(stream) == Passage((), LAST + 1)


# --- until when -----------------------------------------------------------------------------------


async def test_damage_ends_every_stream_and_is_said(world: World) -> None:
    async with Stack(world) as stack:
        await stack.cancel("4711", key="c0")
        await stack.copied()
        async with aclosing(follow(stack, AUDITOR, 1)) as stream:
            assert await anext(stream) == Passage((), 1)
            assert await anext(stream) == CaughtUp(1)
            fact = (await seen_by(stack, AUDITOR))[0]
            stack.journal.append([Stored(2, fact.aggregate, fact.type, fact.raw, fact.fact)])
            await stack.cancel("4711", key="c1")
            with pytest.raises(Corrupt, match="no event after 1 can be shown: the journal ends"):
                await first_events(stream, 1)
        with pytest.raises(Corrupt, match="no event after 1 can be shown"):
            await seen_by(stack, AUDITOR)


async def test_a_journal_that_cannot_be_written_is_said_until_it_can_be_again(
    world: World,
) -> None:
    async with Stack(world, tail_limits=AT_ONCE) as stack:
        await stack.cancel("4711", key="c0")
        await stack.copied()
        async with aclosing(follow(stack, AUDITOR, quiet_seconds=0.001)) as stream:
            assert [x.position for x in await first_events(stream, 1)] == [1]
            stack.journal.close()
            await stack.log.append([write(Token(), queued(), job=9)])
            with pytest.raises(Unavailable, match="no event after 1 can be shown yet: the journal"):
                await first_events(stream, 1)
        with pytest.raises(Unavailable, match="shown yet"):
            await anext(follow(stack, AUDITOR))


async def test_with_the_keeper_every_stream_ends(world: World) -> None:
    async with Stack(world) as stack, aclosing(follow(stack, AUDITOR)) as stream:
        assert isinstance(await anext(stream), Passage)
        assert isinstance(await anext(stream), CaughtUp)
        await until(lambda: stack.keeper.caught_up)
        await stack.stop("journal")
        with pytest.raises(Unavailable, match="the service is ending"):
            await first_events(stream, 1)


async def test_who_leaves_early_is_forgotten(world: World) -> None:
    async with Stack(world) as stack:
        leaving = asyncio.create_task(first_events(follow(stack, AUDITOR), 1))
        staying = asyncio.create_task(first_events(follow(stack, AUDITOR), 1))
        await until(lambda: stack.keeper.caught_up)
        leaving.cancel()
        await stack.cancel("4711")
        assert [x.position for x in await staying] == [1]
        await asyncio.gather(leaving, return_exceptions=True)
