"""What stays hot, and what is decided together."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace

from adapters.policy import default_policy
from application.hot_states import HotStates
from application.ledger import Cause, Change
from application.loading import Held
from application.ports import Token
from domain import events as e
from domain.errors import Conflict, CountermandError, Unknown
from domain.job import Job
from domain.policy import Action, Question
from domain.states import JobState, JobType
from tests.support.fuse import FailingLog
from tests.support.stack import ALICE, Stack, World

CAUSE = Cause(ALICE, "r", "r")
ALLOWED = default_policy().decide(Question(ALICE, Action.SUBMIT, "alice", JobType.BATCH))
SUBMITTED = e.JobSubmitted("", "r", ALLOWED)


def held(job: Job, state: JobState = JobState.CONFIGURING) -> Held[object]:
    return Held(replace(job, state=state), Token(1, 1, ""), None, 0)


async def a_job(world: World) -> Job:
    async with Stack(world, carry=False) as stack:
        number = int((await stack.add("run", submit=False)).job_id)
        found = await stack.ledger.job(number)
        assert found is not None
        return found


async def test_jobs_that_are_not_over_do_not_push_each_other_out(world: World) -> None:
    job, hot = await a_job(world), HotStates(open_jobs_max=3, others_max=2)
    for number in range(1, 5):
        hot.put(e.job_aggregate(number), held(job))
        hot.put(e.job_aggregate(number + 10), held(job, state=JobState.CANCELED))
    kept = [n for n in range(1, 15) if hot.get(e.job_aggregate(n)) is not None]
    assert kept == [2, 3, 4, 13, 14]
    hot.put(e.job_aggregate(2), held(job, state=JobState.CANCELED))
    assert hot.get(e.job_aggregate(13)) is None
    assert hot.get(e.job_aggregate(2)) is not None, "it is over now, and among the others"


def nothing(job: Job | None, now: datetime) -> tuple[e.JobEvent, ...]:
    return ()


async def test_of_jobs_that_change_together_each_has_its_own_answer(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        good, bad, still = [
            int((await stack.add("run", key=f"k{n}", submit=False)).job_id) for n in range(3)
        ]

        def queue(job: Job | None, now: datetime) -> tuple[e.JobEvent, ...]:
            return (SUBMITTED,)

        def refuse(job: Job | None, now: datetime) -> tuple[e.JobEvent, ...]:
            raise Unknown("gone")

        found = await stack.ledger.change_jobs(
            {good: queue, bad: refuse, still: nothing}, CAUSE, nothing
        )
        assert isinstance(found[bad], Unknown)
        changed, same = found[good], found[still]
        assert isinstance(changed, Change)
        assert isinstance(same, Change)
        assert (len(changed.recorded), len(same.recorded)) == (1, 0)
        assert changed.position == (await world.stored(good))[-1].position
        assert await stack.ledger.job(good) == changed.after


async def test_a_lost_race_is_decided_again_for_that_job_alone(world: World) -> None:
    log = FailingLog(world.log)
    async with Stack(world, log=log, carry=False) as stack:
        jobs = [int((await stack.add("run", key=f"k{n}", submit=False)).job_id) for n in range(3)]
        decided = dict.fromkeys(jobs, 0)
        log.failures = [(Conflict("somebody was first"), False)]

        def deciding(number: int) -> Callable[[Job | None, datetime], tuple[e.JobEvent, ...]]:
            def decide(job: Job | None, now: datetime) -> tuple[e.JobEvent, ...]:
                decided[number] += 1
                return (SUBMITTED,)

            return decide

        found = await stack.ledger.change_jobs({n: deciding(n) for n in jobs}, CAUSE, nothing)
        assert not any(isinstance(x, CountermandError) for x in found.values())
        assert sorted(decided.values()) == [1, 1, 2]
        for number in jobs:
            assert (await world.types(number)).count("JobSubmitted") == 1


async def test_two_that_change_the_same_jobs_wait_for_each_other(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        jobs = [int((await stack.add("run", key=f"k{n}", submit=False)).job_id) for n in range(20)]

        def once(job: Job | None, now: datetime) -> tuple[e.JobEvent, ...]:
            assert job is not None
            return () if job.state is JobState.SUBMITTED else (SUBMITTED,)

        orders = (jobs, jobs[::-1])
        both = await asyncio.gather(
            *(stack.ledger.change_jobs(dict.fromkeys(x, once), CAUSE, nothing) for x in orders)
        )
        stored = [sum(isinstance(x, Change) and bool(x.recorded) for x in y.values()) for y in both]
        assert sorted(stored) == [0, 20]
