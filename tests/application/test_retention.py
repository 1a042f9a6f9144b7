"""Ended jobs leave the view when their time is over."""

from datetime import timedelta

import pytest

from domain.errors import Unknown
from domain.outcome import Outcome
from domain.states import JobState
from tests.support.stack import ADMIN, ALICE, Stack, World


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
        assert (stack.board.ended, stack.board.corrupt) == ({}, {})
        assert world.machine.runs == {}
        answer = await stack.cancel(job)
        assert (answer.outcome, answer.code) == (Outcome.UNKNOWN, "unknown_job")
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
        assert (stack.board.jobs, stack.board.ended, stack.board.corrupt) == ({}, {}, {})


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
