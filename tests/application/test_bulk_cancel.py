"""Many jobs canceled by one request: an answer for each, and done once, whatever happens."""

import asyncio

import pytest

from application.bulk_cancel import JOBS_AT_ONCE, Patience, cancel_each
from application.receipts import Receipt
from application.scheduler import Cancel
from domain.errors import Conflict, OutcomeUnknown, StoreFull, Throttled, Unavailable
from domain.outcome import Outcome
from domain.states import JobState
from tests.support.fuse import FailingLog, Fuse
from tests.support.stack import ADMIN, ALICE, BOB, Stack, World, until

HOW = Cancel(message="the power goes")
JOBS = 12


async def made(stack: Stack, count: int = JOBS) -> list[int]:
    """Jobs of alice's that wait to be submitted."""
    added = [await stack.add("run", key=f"j{n}", submit=False) for n in range(count)]
    return [int(receipt.job_id) for receipt in added]


async def test_each_is_decided_for_itself(world: World) -> None:
    async with Stack(world) as stack:
        first, second, third = await made(stack, 3)
        await stack.cancel(second, key="before")
        await stack.state(second, JobState.CANCELED)
        answers = await cancel_each(
            stack.scheduler, ALICE, [first, second, 4711, third], HOW, "bulk"
        )
        told = [answer.outcome for answer in answers if isinstance(answer, Receipt)]
        assert told == [Outcome.ACCEPTED, Outcome.REFUSED, Outcome.UNKNOWN, Outcome.ACCEPTED]
        for job in (first, third):
            await stack.state(job, JobState.CANCELED)
            await world.check(stack, job)


@pytest.mark.parametrize("nth", range(1, JOBS + 1, 3))
async def test_after_a_crash_half_way_the_same_request_does_the_rest(
    world: World, nth: int
) -> None:
    async with Stack(world) as stack:
        jobs = await made(stack)
    fuse = Fuse("append", nth, "after")
    async with Stack(world, fuse=fuse, carry=False) as dying:
        asking = asyncio.create_task(cancel_each(dying.scheduler, ALICE, jobs, HOW, "bulk"))
        await until(fuse.blown.is_set, "the end of the service")
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    async with Stack(world) as stack:
        answers = await cancel_each(stack.scheduler, ALICE, jobs, HOW, "bulk")
        assert all(isinstance(x, Receipt) and x.outcome is Outcome.ACCEPTED for x in answers)
        for job in jobs:
            await stack.state(job, JobState.CANCELED)
            types = await world.types(job)
            assert (types.count("JobCancelRequested"), types.count("JobCanceled")) == (1, 1)


async def test_the_trouble_of_one_is_its_own_answer(world: World) -> None:
    async with Stack(world, refusals_per_minute=2) as stack:
        jobs = await made(stack, 4)
        answers = await cancel_each(stack.scheduler, BOB, jobs, HOW, "bulk")
        throttled = [answer for answer in answers if isinstance(answer, Throttled)]
        refused = [answer for answer in answers if isinstance(answer, Receipt)]
        assert (len(throttled), len(refused)) == (2, 2)
        assert {answer.code for answer in refused} == {"not_permitted"}


async def test_more_than_are_under_way_at_once_are_all_answered(world: World) -> None:
    async with Stack(world, refusals_per_minute=1000) as stack:
        jobs = range(5000, 5000 + JOBS_AT_ONCE + 20)
        answers = await cancel_each(stack.scheduler, ADMIN, jobs, HOW, "bulk")
        assert len(answers) == len(jobs)
        found = {x.outcome for x in answers if isinstance(x, Receipt)}
        assert found <= {Outcome.UNKNOWN}
        assert all(isinstance(x, Receipt | Conflict) for x in answers)


@pytest.mark.parametrize("stored", [True, False])
async def test_a_short_outage_is_waited_out_and_a_long_one_is_told(
    world: World, stored: bool
) -> None:
    log = FailingLog(world.log)
    async with Stack(world, log=log, carry=False) as stack:
        first, second, third = await made(stack, 3)
        log.failures = [(Unavailable("down"), False), (OutcomeUnknown("who knows"), stored)]
        both = await cancel_each(stack.scheduler, ALICE, [first, second], HOW, "b", Patience(20.0))
        assert all(isinstance(answer, Receipt) for answer in both)
        log.down = Unavailable("down")
        (told,) = await cancel_each(stack.scheduler, ALICE, [third], HOW, "b", Patience(0.0))
        assert told is log.down
        log.down = StoreFull("full")
        (told,) = await cancel_each(stack.scheduler, ALICE, [third], HOW, "b", Patience(20.0))
        assert told is log.down
        for job in (first, second):
            assert (await world.types(job)).count("JobCancelRequested") == 1


async def test_none_is_no_work(world: World) -> None:
    async with Stack(world) as stack:
        assert await cancel_each(stack.scheduler, ALICE, [], HOW, "bulk") == []
