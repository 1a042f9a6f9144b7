"""Ended jobs leave the view when their time is over."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

import pytest

from application.appending import one_by_one
from application.moments import Moments
from application.ports import Token, Write
from application.retention import BATCH_JOBS, IN_FLIGHT_MAX
from domain.errors import CountermandError, Unavailable, Unknown
from domain.events import JobRemoved, Recorded
from domain.outcome import Outcome
from domain.states import JobMark, JobState
from tests.support.fuse import Fuse, What, When
from tests.support.stack import ADMIN, ALICE, BOB, START, Stack, World, until


async def test_an_ended_job_leaves_the_view_when_its_time_is_over(world: World) -> None:
    async with Stack(world) as stack:
        job = int((await stack.add("exit 0", key="a1")).job_id)
        kept = int((await stack.add("run", key="a2", submit=False)).job_id)
        await stack.state(job, JobState.FINISHED)
        await stack.caught_up()
        world.clock.advance(timedelta(days=4, hours=23))
        assert await stack.retention.remove_due() == 0
        world.clock.advance(timedelta(hours=1))
        assert await stack.retention.remove_due() == 1
        assert await stack.retention.remove_due() == 0
        await stack.caught_up()
        assert (dict(stack.board.ended), stack.board.corrupt) == ({}, {})
        assert world.machine.runs == {}
        answer = await stack.cancel(job)
        assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, "unknown_job")
        assert answer.explanation.startswith(f"job {job} was removed at 20"), "and not: never was"
        assert "because TTLCompletedJobs ran out" in answer.explanation
        other = await stack.cancel(job, key="c2", caller=BOB)
        assert other.explanation.startswith(f"there is no job {job};"), "it is not BOB's to see"
        with pytest.raises(Unknown):
            await stack.scheduler.requeue_job(ALICE, str(job), "q")
        assert kept in stack.board.jobs, "a job in Configuring never leaves"
        assert (await stack.ledger.job(job)) is not None, "its events stay"


async def test_days_to_keep_can_be_none(world: World) -> None:
    async with Stack(world) as stack:
        await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "0", "p")
        job = int((await stack.add("exit 0")).job_id)
        await stack.stored(job, "JobRemoved")
        await world.check(stack, job)
    async with Stack(world) as stack:
        await stack.caught_up()
        assert (stack.board.jobs, dict(stack.board.ended), stack.board.corrupt) == ({}, {}, {})


async def test_none_goes_while_the_service_is_read_only(world: World) -> None:
    changed = ""
    async with Stack(world, read_only=lambda: changed) as stack:
        job = int((await stack.add("exit 0")).job_id)
        await stack.state(job, JobState.FINISHED)
        await stack.caught_up()
        world.clock.advance(timedelta(days=5))
        changed = "the stream's configuration was changed"
        notes = dict(world.machine.runs)
        assert await stack.retention.remove_due() == 0
        assert world.machine.runs == notes, "nor do the notes of its runs"
        changed = ""
        assert await stack.retention.remove_due() == 1


async def test_what_a_refused_request_on_an_ended_job_leaves_does_not_wake_it(world: World) -> None:
    async with Stack(world) as stack:
        job = int((await stack.add("exit 0")).job_id)
        await stack.state(job, JobState.FINISHED)
        await stack.cancel(job, key="late")
        await stack.caught_up()
        assert list(stack.board.ended) == [job]
        assert stack.board.jobs == {}
        world.clock.advance(timedelta(days=6))
        assert await stack.retention.remove_due() == 1


async def test_a_job_leaves_on_time_although_nothing_else_happens(world: World) -> None:
    """A short time before, it waits for exactly that time, and not for its next turn."""
    async with Stack(world) as stack:
        job = int((await stack.add("exit 0")).job_id)
        ended = (await stack.state(job, JobState.FINISHED)).ended_at
        assert ended is not None
        almost = ended + timedelta(days=5, milliseconds=-20) - world.clock.now()
        world.clock.advance(almost)
        await stack.cancel(job, key="late")  # it looks again, and there are 20 ms left
        await stack.caught_up()
        looks = world.clock.looks
        await until(lambda: world.clock.looks > looks + 5, "several looks")
        assert job in stack.board.ended
        world.clock.advance(timedelta(milliseconds=21))
        await stack.stored(job, "JobRemoved")


async def test_jobs_leave_in_the_order_of_their_ends_when_the_clock_stepped_back(
    world: World,
) -> None:
    async with Stack(world) as stack:
        later = int((await stack.add("exit 0", key="a1")).job_id)
        await stack.state(later, JobState.FINISHED)
        world.clock.advance(timedelta(hours=-1))
        earlier = int((await stack.add("exit 0", key="a2")).job_id)
        await stack.state(earlier, JobState.FINISHED)
        await stack.caught_up()
        assert list(stack.board.ended) == [earlier, later]
        world.clock.advance(timedelta(days=5))
        await stack.retention.remove_due()
        await stack.caught_up()
        assert list(stack.board.ended) == [later]
        world.clock.advance(timedelta(hours=1))
        await stack.retention.remove_due()
        await stack.caught_up()
        assert list(stack.board.ended) == []


# --- many at once ---------------------------------------------------------------------------------

DUE: Final = timedelta(days=6)


async def ended_jobs(world: World, count: int) -> tuple[list[int], int]:
    """So many jobs that have ended, made in a life of their own; and one in Configuring."""
    async with Stack(world, slots=count) as stack:
        made = [await stack.add("exit 0", key=f"a{n}") for n in range(count)]
        kept = int((await stack.add("run", key="kept", submit=False)).job_id)
        jobs = [int(receipt.job_id) for receipt in made]
        for job in jobs:
            await stack.state(job, JobState.FINISHED)
        await stack.copied()
    return jobs, kept


async def nothing_due(stack: Stack) -> None:
    """The board has seen the last of them leave."""
    await stack.board.caught_up.wait()
    await until(lambda: not stack.board.ended, "the rest")


class HeldLog:
    """The world's log, in which removals wait at the ``nth`` until it is opened."""

    def __init__(self, world: World, nth: int) -> None:
        self._log = world.log
        self._nth = nth
        self.removals = self.under_way = self.most_under_way = 0
        self.open = asyncio.Event()
        self.capabilities = world.log.capabilities
        self.identity = world.log.identity
        self.load = world.log.load
        self.read = world.log.read
        self.close = world.log.close

    async def append_each(self, writes: Sequence[Write]) -> list[Token | CountermandError]:
        return await one_by_one(self, writes)

    async def append(self, writes: Sequence[Write]) -> tuple[Token, ...]:
        if not any(isinstance(x.data, JobRemoved) for write in writes for x in write.events):
            return await self._log.append(writes)
        self.removals += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        if self.removals >= self._nth:
            await self.open.wait()
        try:
            return await self._log.append(writes)
        finally:
            self.under_way -= 1


async def test_many_go_a_few_at_a_time_and_commands_go_on(world: World) -> None:
    jobs, kept = await ended_jobs(world, 100)
    world.clock.advance(DUE)
    held = HeldLog(world, 20)
    async with Stack(world, log=held) as stack:
        await until(lambda: held.under_way == IN_FLIGHT_MAX, "removals that are held up")
        receipt = await stack.cancel(kept)
        assert receipt.outcome is Outcome.ACCEPTED, "while removals are under way"
        held.open.set()
        await until(lambda: not any(n in stack.board.ended for n in jobs), "the end of them")
        assert held.most_under_way == IN_FLIGHT_MAX
        assert held.removals == len(jobs), "none is removed twice"
        for job in jobs:
            assert (await world.check(stack, job)).removed


async def test_a_new_value_stops_what_has_not_been_done(world: World) -> None:
    """Somebody sees jobs leave and puts the parameter back."""
    jobs, _ = await ended_jobs(world, 3 * BATCH_JOBS)
    held = HeldLog(world, 10)
    async with Stack(world, log=held) as stack:
        await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "0", "p1")
        await until(lambda: held.under_way == IN_FLIGHT_MAX, "removals that are held up")
        await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "5", "p2")
        held.open.set()
        await until(lambda: len(stack.board.ended) == len(jobs) - BATCH_JOBS, "the first batch")
        await stack.caught_up()
        assert await stack.retention.remove_due() == 0
        assert held.removals == BATCH_JOBS, "those whose batch had begun"


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["append", "act"])
async def test_a_crash_in_the_middle_loses_nothing_and_removes_nothing_twice(
    what: What, when: When, new_world: Callable[[], World]
) -> None:
    for nth in (1, 2, IN_FLIGHT_MAX, 13, 30):
        world = new_world()
        jobs, kept = await ended_jobs(world, 30)
        before = {job: await world.stored(job) for job in jobs}
        world.clock.advance(DUE)
        dying = await Stack(world, fuse=Fuse(what, nth, when)).start()
        await asyncio.wait_for(dying.fuse.blown.wait(), 10)
        await dying.crash()
        async with Stack(world) as stack:
            await nothing_due(stack)
            for job in jobs:
                after = await world.stored(job)
                assert after[:-1] == before[job], "its events stay as they were"
                fact = after[-1].fact
                assert isinstance(fact, Recorded)
                assert isinstance(fact.data, JobRemoved)
            assert world.machine.runs == {}, "no note of a run stays behind"
            assert await world.types(kept) == ["JobAdded"]
            assert stack.board.corrupt == {}


async def test_a_failing_log_is_waited_out_and_the_rest_goes(world: World) -> None:
    jobs, _ = await ended_jobs(world, 20)
    failing = FailingLog(world, 5)
    async with Stack(world, log=failing, carry=False) as stack:
        await stack.caught_up()
        world.clock.advance(DUE)
        with pytest.raises(Unavailable):
            await stack.retention.remove_due()
        await stack.caught_up()
        assert len(stack.board.ended) > 0
        await stack.retention.remove_due()
        await stack.caught_up()
        assert not any(job in stack.board.ended for job in jobs)


class FailingLog(HeldLog):
    """The world's log, in which the ``nth`` removal fails."""

    async def append(self, writes: Sequence[Write]) -> tuple[Token, ...]:
        if any(isinstance(x.data, JobRemoved) for write in writes for x in write.events):
            self.removals += 1
            if self.removals == self._nth:
                raise Unavailable("the stream does not answer")
        return await self._log.append(writes)


def test_ends_are_kept_in_order() -> None:
    ended, at = Moments(), START
    for number, seconds in ((1, 5), (2, 3), (3, 5), (4, 9), (2, 7), (4, 9)):
        ended.put(number, at + timedelta(seconds=seconds))
    assert list(ended) == [1, 3, 2, 4]
    assert ended.until(at + timedelta(seconds=5)) == [1, 3]
    assert ended.until(at) == []
    assert ended.first_after(at + timedelta(seconds=5)) == at + timedelta(seconds=7)
    assert ended.first_after(at + timedelta(seconds=9)) is None
    for number in (3, 3, 99):
        ended.drop(number)
    assert (list(ended), len(ended), 3 in ended) == ([1, 2, 4], 3, False)
    assert ended[1] == at + timedelta(seconds=5)
    assert Moments() == {}


async def test_a_job_under_legal_hold_stays_whatever_its_time_until_it_is_released(
    world: World,
) -> None:
    async def hold(stack: Stack, job: int, placed: bool, key: str) -> None:
        how = (str(job), JobMark.LEGAL_HOLD, placed, "case 117", key)
        assert (await stack.scheduler.mark_job(ADMIN, *how)).outcome is Outcome.ACCEPTED
        await stack.caught_up()

    async with Stack(world) as stack:
        early, late, free = [int((await stack.add("exit 0", key=f"a{n}")).job_id) for n in range(3)]
        await hold(stack, early, True, "k1")
        for job in (early, late, free):
            await stack.state(job, JobState.FINISHED)
        await stack.caught_up()
        assert set(stack.board.jobs) == {early}, "which was held before it ended"
        await hold(stack, late, True, "k2")
        assert set(stack.board.jobs) == {early, late}
        world.clock.advance(timedelta(days=6))
        await stack.stored(free, "JobRemoved")
        assert await stack.retention.remove_due() == 0
    async with Stack(world) as stack:
        await stack.caught_up()
        assert set(stack.board.jobs) == {early, late}
        assert await stack.retention.remove_due() == 0
        await hold(stack, late, False, "k3")
        await stack.stored(late, "JobRemoved")
        await hold(stack, early, False, "k4")
        await stack.stored(early, "JobRemoved")
        for job in (early, late, free):
            await world.check(stack, job)
        await stack.caught_up()
        assert (stack.board.jobs, dict(stack.board.ended), stack.board.corrupt) == ({}, {}, {})
