"""A job now, then, step by step; and who may see what."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from application.ports import Stored
from application.replay import ReplayStep
from domain import events as e
from domain.errors import NotPermitted, Unknown
from domain.states import JobState, JobType, TaskState
from tests.support.stack import (
    ADMIN,
    ALICE,
    AUDITOR,
    BOB,
    JOB_ADMIN,
    OPERATOR,
    Stack,
    World,
)

MINUTE = timedelta(minutes=1)


async def time_of(world: World, job: int, type_: str) -> datetime:
    """When the first event of this name was recorded."""
    facts = [s.fact for s in await world.stored(job) if s.type == type_]
    assert isinstance(facts[0], e.Recorded)
    return facts[0].time


async def test_a_job_now_and_after_each_of_its_events(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        await stack.cancel(job)
        await stack.state(job, JobState.CANCELED)
        now = await stack.queries.job(ALICE, str(job))
        stored = await world.stored(job)
        assert (now.job, now.position) == (await stack.ledger.job(job), stored[-1].position)
        told = await stack.queries.replay(ALICE, str(job))
        assert (told.matches_live, len(told.steps)) == (True, len(stored))
        for step in told.steps:
            then = await stack.queries.job(ALICE, str(job), version=step.recorded.version)
            assert (then.job.state, then.position) == (step.after, step.position)
            part = await stack.queries.replay(ALICE, str(job), version=step.recorded.version)
            assert (part.job, part.position) == (then.job, step.position)
        starts = [s for s in told.steps if isinstance(s.recorded.data, e.TaskStarted)]
        assert [(c.before, c.after, c.attempt) for c in starts[0].tasks] == [
            (TaskState.QUEUED, TaskState.RUNNING, 1)
        ]
        part = await stack.queries.replay(ALICE, str(job), version=3)
        assert (part.matches_live, part.job.version) == (None, 3)
        for version in (0, -1, len(stored) + 1):
            with pytest.raises(Unknown, match=f"versions 1 to {len(stored)}"):
                await stack.queries.job(ALICE, str(job), version=version)
        for strange in ("4711", "x", "", "0"):
            with pytest.raises(Unknown):
                await stack.queries.job(ADMIN, strange)


async def test_the_replay_matches_while_the_job_goes_on(world: World) -> None:
    """The live state is a moving thing: what is compared is one and the same version of it."""
    async with Stack(world) as stack:
        job = await stack.running("ignore")
        for n in range(30):
            told, _ = await asyncio.gather(
                stack.queries.replay(OPERATOR, str(job)),
                stack.cancel(job, caller=OPERATOR, key=f"c{n}"),
            )
            assert told.matches_live is True


async def test_at_a_moment_means_the_stream_before_the_first_later_event(world: World) -> None:
    async with Stack(world) as stack:
        first = int((await stack.add("run", key="a1", submit=False)).job_id)
        world.clock.advance(MINUTE)
        await stack.scheduler.submit_job_by_id(ALICE, str(first), "s1")
        submitted = await time_of(world, first, "JobSubmitted")
        await stack.went(first)
        at = submitted - timedelta(seconds=1)
        then = await stack.queries.job(ALICE, str(first), at=at)
        assert then.job.state is JobState.CONFIGURING
        exact = await stack.queries.job(ALICE, str(first), at=submitted)
        assert exact.job.state is JobState.SUBMITTED
        later = await stack.queries.job(ALICE, str(first), at=submitted + MINUTE)
        assert later.job.state is JobState.RUNNING
        with pytest.raises(Unknown, match=r"did not exist yet at 20[-0-9]+T[.:0-9]+Z$"):
            await stack.queries.job(ALICE, str(first), at=datetime(2026, 1, 1, tzinfo=UTC))


async def test_a_later_time_of_another_job_cuts_what_comes_after_it_in_the_stream(
    world: World,
) -> None:
    """The clock went back after another job's event: its earlier place in the stream counts."""
    async with Stack(world) as stack:
        first = int((await stack.add("run", key="a1", submit=False)).job_id)
        added = await time_of(world, first, "JobAdded")
        world.clock.advance(MINUTE)
        other = int((await stack.add("run", key="a2", submit=False)).job_id)
        world.clock.advance(-MINUTE)
        await stack.cancel(first)
        await stack.state(first, JobState.CANCELED)
        canceled = await time_of(world, first, "JobCanceled")
        assert canceled < await time_of(world, other, "JobAdded")
        for copied in (False, True):
            if copied:
                await stack.copied()
            then = await stack.queries.job(ALICE, str(first), at=canceled)
            assert (then.job.state, then.job.version) == (JobState.CONFIGURING, 1)
        assert added < canceled


async def test_at_a_moment_when_the_journal_is_behind(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        await stack.stop("journal")
        world.clock.advance(MINUTE)
        await stack.cancel(job)
        requested = await time_of(world, job, "JobCancelRequested")
        await stack.state(job, JobState.CANCELED)
        before = await stack.queries.job(ALICE, str(job), at=requested - timedelta(seconds=30))
        assert before.job.state is JobState.RUNNING
        after = await stack.queries.job(ALICE, str(job), at=requested)
        assert after.job.state is JobState.CANCELING


async def test_who_may_see_a_job(world: World) -> None:
    async with Stack(world) as stack:
        job = str((await stack.add("run", submit=False)).job_id)
        command = await stack.add(
            "run", submit=False, caller=ADMIN, job_type=JobType.ADMIN, key="a2"
        )
        for caller in (ALICE, OPERATOR, JOB_ADMIN, ADMIN, AUDITOR):
            assert (await stack.queries.job(caller, job)).job.owner == "alice"
        for caller in (OPERATOR, JOB_ADMIN, ADMIN, AUDITOR):
            assert (await stack.queries.job(caller, command.job_id)).job.owner == "root"
        for ask in (
            stack.queries.job(BOB, job),
            stack.queries.events(BOB, job),
            stack.queries.replay(BOB, job),
            stack.queries.ended(BOB, job, 1),
            stack.queries.job(ALICE, command.job_id),
        ):
            with pytest.raises(NotPermitted):
                await ask
        with pytest.raises(NotPermitted):
            _ = [x async for x in stack.queries.follow(BOB, 0, job_id=job, follow=False)]


async def test_waiting_for_the_end_of_a_job(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        soon = await stack.queries.ended(ALICE, str(job), 0.01)
        assert soon.job.state is JobState.RUNNING
        waiting = asyncio.create_task(stack.queries.ended(ALICE, str(job), 10))
        await stack.cancel(job)
        assert (await waiting).job.state is JobState.CANCELED
        over = await stack.queries.ended(ALICE, str(job), 10)
        assert over.job.state is JobState.CANCELED


async def test_answers_are_the_same_from_the_journal_and_from_the_log(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("exit 0")
        await stack.state(job, JobState.FINISHED)
        await stack.copied()
        from_journal = (await stack.queries.events(ALICE, str(job))).events
        assert from_journal == await world.stored(job)
    async with Stack(world) as stack:
        told = await stack.queries.replay(ALICE, str(job))
        assert told.matches_live is True


# --- in parts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_a_history_is_told_in_parts_of_any_size(
    world: World, limit: int, copied: bool
) -> None:
    """From the journal and from the log, which has what the journal has not got yet."""
    async with Stack(world) as stack:
        if not copied:
            await stack.copied()
            await stack.stop("journal")
        job = str(await stack.running("run"))
        await stack.cancel(job)
        await stack.state(int(job), JobState.CANCELED)
        if copied:
            await stack.copied()
        events = list[Stored]()
        place: int | None = 0
        while place is not None:
            part = await stack.queries.events(ALICE, job, after=place, limit=limit)
            assert 0 < len(part.events) <= limit
            events += part.events
            place = part.next
        assert tuple(events) == await world.stored(int(job))
        whole = await stack.queries.replay(ALICE, job)
        steps, place = list[ReplayStep](), 0
        while place is not None:
            told = await stack.queries.replay(ALICE, job, after=place, limit=limit)
            steps += told.steps
            assert told.job == (await stack.queries.job(ALICE, job, version=len(steps))).job
            assert told.matches_live is (True if told.next is None else None)
            place = told.next
        assert tuple(steps) == whole.steps


async def test_parts_that_there_are_not(world: World) -> None:
    async with Stack(world) as stack:
        job = str(await stack.running("run"))
        last = (await stack.queries.job(ALICE, job)).job.version
        beyond = await stack.queries.events(ALICE, job, after=10**15)
        assert (beyond.events, beyond.next) == ((), None)
        at_end = await stack.queries.replay(ALICE, job, after=last)
        assert (at_end.steps, at_end.job.version, at_end.next) == ((), last, None)
        for after, version in ((last + 1, None), (3, 2)):
            with pytest.raises(Unknown, match="version"):
                await stack.queries.replay(ALICE, job, after=after, version=version)
        until = await stack.queries.replay(ALICE, job, after=1, version=3)
        assert [x.recorded.version for x in until.steps] == [2, 3]
        assert (until.next, until.matches_live) == (None, None)
        assert (await stack.queries.replay(ALICE, job, after=last)).matches_live is True
