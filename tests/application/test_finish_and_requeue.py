"""Finish, configure, submit and requeue, told by what stands in the log."""

from datetime import timedelta

from domain import events as e
from domain.outcome import Outcome
from domain.states import CancelMode, JobState, TaskState
from tests.support.stack import ADMIN, ALICE, GRACE_MS, START, Stack, World


async def test_finish_stops_as_a_cancel_does_and_ends_as_finished(world: World) -> None:
    async with Stack(world, slots=1) as stack:
        job = int((await stack.add("ignore", "run", release="exit 0")).job_id)
        await stack.went(job)
        await stack.scheduler.finish_job(ALICE, str(job), "enough", "f1")
        refused = await stack.cancel(job)
        assert refused.code == "illegal_transition"
        await stack.ordered(job)
        stack.fake.advance(GRACE_MS)
        ended = await stack.state(job, JobState.FINISHED)
        assert ended.released
        assert [t.state for t in ended.work] == [TaskState.FINISHED, TaskState.CANCELED]
        await world.check(stack, job)


async def test_a_forced_cancel_cuts_a_finish_short(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore", release="exit 0")
        await stack.scheduler.finish_job(ALICE, str(job), "enough", "f1")
        await stack.ordered(job)
        await stack.cancel(job, CancelMode.FORCED)
        ended = await stack.state(job, JobState.CANCELED)
        assert (ended.force_stopped, ended.released) == (1, False)
        await world.check(stack, job)


async def test_a_forced_cancel_kills_node_release_that_runs(world: World) -> None:
    async with Stack(world) as stack:
        job = int((await stack.add("exit 0", release="ignore")).job_id)
        await stack.stored(job, "NodeReleaseStarted")
        await stack.cancel(job, CancelMode.FORCED)
        ended = await stack.state(job, JobState.CANCELED)
        assert (ended.force_stopped, ended.release_cut_short) == (1, True)
        (end,) = [x for x in await world.stored(job) if x.type == "JobCanceled"]
        assert b'"force_stopped":1,"released":false' in end.raw
        await world.check(stack, job)


async def test_requeue_keeps_what_is_finished_and_runs_the_rest_again(world: World) -> None:
    async with Stack(world, slots=2) as stack:
        job = int((await stack.add("exit 0", "run", "run", "run", release="exit 0")).job_id)
        await stack.stored(job, "TaskFinished")
        await stack.went(job, 2)
        await stack.went(job, 3)
        await stack.cancel_task(job, 4)
        await stack.cancel(job)
        await stack.state(job, JobState.CANCELED)
        await stack.scheduler.requeue_job(ALICE, str(job), "q1")
        await stack.went(job, 2, 2)
        await stack.went(job, 3, 2)
        for task in (2, 3):
            run = world.run(job, task, 2)
            assert run is not None
            stack.fake.finish(run.status.key)
        ended = await stack.state(job, JobState.FAILED)
        assert [(t.state, t.attempt) for t in ended.work] == [
            (TaskState.FINISHED, 1),
            (TaskState.FINISHED, 2),
            (TaskState.FINISHED, 2),
            (TaskState.CANCELED, 0),
        ]
        assert (ended.requeue_count, ended.released) == (1, True)
        await world.check(stack, job)


async def test_configure_and_submit_again(world: World) -> None:
    async with Stack(world, slots=1) as stack:
        await stack.running("run", key="a1")
        job = int((await stack.add("exit 0", key="a2")).job_id)
        await stack.state(job, JobState.QUEUED)
        back = await stack.scheduler.configure_job(ALICE, str(job), "g1")
        assert (back.outcome, back.job_state) == (Outcome.ACCEPTED, JobState.CONFIGURING)
        again = await stack.scheduler.submit_job_by_id(ALICE, str(job), "s1")
        assert again.outcome is Outcome.ACCEPTED
        await stack.state(job, JobState.QUEUED)
        await stack.cancel(1)
        await stack.state(job, JobState.FINISHED)
        await world.check(stack, job)


async def test_times_rise_although_the_clock_goes_back(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", release="exit 0")
        await stack.cancel("4711", key="u1")
        await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "7", "p1")
        world.clock.advance(timedelta(hours=-1))
        await stack.cancel(job)
        await stack.cancel("4711", key="u2")
        await stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "8", "p2")
        await stack.state(job, JobState.CANCELED)
        await world.check(stack, job)
        for aggregate in (e.request_aggregate(START), stack.ledger.cluster_aggregate):
            times = [
                x.fact.time for x in await world.log.load(aggregate) if hasattr(x.fact, "time")
            ]
            assert times == sorted(set(times))
            assert len(times) >= 2
