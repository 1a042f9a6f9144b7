"""The log is down, slow to tell, or somebody else was first."""

import asyncio
from collections import Counter

import pytest

from application.board import Board
from application.job_maker import JobKeys
from domain.errors import Conflict, CountermandError, OutcomeUnknown, Unavailable
from domain.events import job_aggregate
from domain.outcome import Outcome
from domain.states import CancelMode, JobState
from tests.support.fuse import FailingLog
from tests.support.stack import ADMIN, ALICE, OPERATOR, Stack, World, until

DOWN = Unavailable("the log does not answer")
MAYBE = OutcomeUnknown("it may have been stored")


@pytest.mark.parametrize(
    ("error", "stored"), [(DOWN, False), (MAYBE, False), (MAYBE, True)], ids=["down", "no", "yes"]
)
async def test_a_retry_with_the_same_id_gives_exactly_one_event(
    world: World, error: CountermandError, stored: bool
) -> None:
    log = FailingLog(world.log)
    async with Stack(world, log=log) as stack:
        log.failures = [(error, stored)]
        with pytest.raises(type(error)):
            await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "3", "p1")
        await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "3", "p1")
        first = await stack.running("run", key="a0")
        log.failures = [(error, stored)]
        with pytest.raises(type(error)):
            await stack.add("run", key="a1", submit=False)
        job = int((await stack.add("run", key="a1", submit=False)).job_id)
        log.failures = [(error, stored)]
        with pytest.raises(type(error)):
            await stack.cancel(job, key="c1")
        answer = await stack.cancel(job, key="c1")
        assert answer.outcome is Outcome.ACCEPTED
        await stack.state(job, JobState.CANCELED)
        assert await world.jobs() == [first, job]
        assert Counter(await world.types(job)) == Counter(
            ["JobAdded", "JobCancelRequested", "JobCanceled"]
        )
        assert [x.type for x in await world.log.load(stack.ledger.cluster_aggregate)].count(
            "ClusterParameterSet"
        ) == 1
        await world.check(stack, job)


async def test_the_same_creation_after_a_lost_answer_and_a_crash_makes_one_job(
    world: World,
) -> None:
    log = FailingLog(world.log)
    async with Stack(world, log=log) as stack:
        await stack.add("run", key="a0", submit=False)
        log.failures = [(MAYBE, True)]
        with pytest.raises(OutcomeUnknown):
            await stack.add("run", key="a1", submit=False)
    async with Stack(world) as stack:
        assert (await stack.add("run", key="a1", submit=False)).replayed
        assert len(await world.jobs()) == 2


async def test_a_creation_that_is_stored_late_after_all_makes_one_job(world: World) -> None:
    """The retry takes the same number, so that only one of the two can be stored."""
    log = FailingLog(world.log)
    async with Stack(world, log=log) as stack:
        await stack.add("run", key="a0", submit=False)
        log.failures = [(MAYBE, False), (Conflict("the late one came first"), True)]
        with pytest.raises(OutcomeUnknown):
            await stack.add("run", key="a1", submit=False)
        answer = await stack.add("run", key="a1", submit=False)
        assert (answer.job_id, answer.replayed) == ("2", True)
        assert await world.jobs() == [1, 2]


async def test_the_service_itself_never_gives_up(world: World) -> None:
    """Every single append of carrying out fails twice, each time in another way."""

    log = FailingLog(world.log)
    async with Stack(world, log=log) as stack:
        job = await stack.running("ignore", release="exit 0")
        await stack.cancel(job)
        log.failures = [
            (DOWN, False),
            (MAYBE, True),
            (Conflict("another was first"), False),
            (MAYBE, False),
            (DOWN, False),
            (MAYBE, True),
            (Conflict("another was first"), False),
        ]
        await stack.ordered(job)
        stack.fake.advance(15_000)
        await stack.state(job, JobState.CANCELED)
        assert log.failures == []
        await until(lambda: not stack.carrier.troubles, "no trouble any more")
        await world.check(stack, job)


async def test_a_long_outage_ends_with_everything_carried_out(world: World) -> None:
    log = FailingLog(world.log)
    async with Stack(world, log=log) as stack:
        job = await stack.running("run", "exit 0", release="exit 0")
        await stack.stored(job, "TaskFinished")
        await stack.cancel(job)
        log.down = DOWN
        with pytest.raises(Unavailable):
            await stack.cancel(job, CancelMode.FORCED, key="c2")
        await until(lambda: log.failed >= 3, "some tries")
        assert stack.carrier.troubles
        log.down = None
        await stack.state(job, JobState.CANCELED)
        await world.check(stack, job)


async def test_callers_give_up_after_three_lost_races(world: World) -> None:
    log = FailingLog(world.log)
    async with Stack(world, log=log) as stack:
        job = int((await stack.add("run", submit=False)).job_id)
        log.failures = [(Conflict("another was first"), False)] * 3
        with pytest.raises(Conflict):
            await stack.cancel(job)
        assert (log.failures, log.failed) == ([], 3)
        log.failures = [(Conflict("another was first"), False)] * 2
        assert (await stack.cancel(job)).outcome is Outcome.ACCEPTED
        await world.check(stack, job)


async def test_two_services_race_with_cancels_and_the_log_decides(world: World) -> None:
    """At most one accepted cancel of each strength, in rising order; all others are told so."""
    async with Stack(world) as one, Stack(world, carry=False) as two:
        for n in range(10):
            job = await one.running("ignore", key=f"a{n}")
            modes = [CancelMode.GRACEFUL, CancelMode.NORMAL, CancelMode.NORMAL, CancelMode.FORCED]
            asked = [
                stack.cancel(job, mode, key=f"{name}{m}", caller=caller)
                for name, stack, caller in (("one", one, ALICE), ("two", two, OPERATOR))
                for m, mode in enumerate(modes)
            ]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            said = [x for x in answers if not isinstance(x, BaseException)]
            assert all(isinstance(x, Conflict) for x in answers if isinstance(x, BaseException))
            assert {x.outcome for x in said} <= set(Outcome) - {Outcome.UNKNOWN}
            await one.state(job, JobState.CANCELED)
            types = await world.types(job)
            assert 1 <= types.count("JobCancelRequested") <= 3
            assert types.count("JobCanceled") == 1
            told = [types.count(t) for t in ("JobCancelRepeated", "JobCancelRefused")]
            assert len(said) == types.count("JobCancelRequested") + sum(told)
            await two.caught_up()
            await world.check(one, job)
            assert await two.ledger.job(job) == await one.ledger.job(job)


async def test_what_another_wrote_is_seen_without_a_conflict(world: World) -> None:
    async with Stack(world) as one, Stack(world, carry=False) as two:
        job = await one.running("run")
        assert (await two.ledger.job(job)) is not None
        await one.cancel(job)
        await one.state(job, JobState.CANCELED)
        await two.caught_up()
        seen = await two.ledger.job(job)
        assert seen is not None
        assert seen.state is JobState.CANCELED


async def test_a_board_that_has_not_read_the_log_to_its_end_lets_no_command_pass(
    world: World,
) -> None:
    async with Stack(world) as stack:
        await stack.running("run")
        await stack.caught_up()
        stack.board.check()
        new = Board(stack.log, stack.ledger, JobKeys())
        with pytest.raises(Unavailable, match="the stream is being read; position 0"):
            new.check()
        reading = asyncio.create_task(new.run())
        await new.caught_up.wait()
        new.check()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def test_a_load_that_took_long_does_not_hide_a_newer_state(world: World) -> None:
    """A question began to read a job's history; meanwhile a command was decided and stored."""
    async with Stack(world) as stack:
        job = int((await stack.add("run", submit=False)).job_id)
        for n in range(20):
            stack.ledger.forget(job_aggregate(job))
            looked, answer = await asyncio.gather(
                stack.ledger.job(job), stack.cancel(job, caller=OPERATOR, key=f"c{n}")
            )
            assert looked is not None
            now = await stack.ledger.job(job)
            assert now is not None
            assert now.version >= answer.version
