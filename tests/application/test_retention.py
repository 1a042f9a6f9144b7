"""Ended jobs leave the view when their time is over."""

from datetime import timedelta

import pytest

from application.moments import Moments
from domain.errors import Unknown
from domain.outcome import Outcome
from domain.states import JobState
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
