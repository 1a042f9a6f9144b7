"""Starting work, and what an engine may do to it: refuse it, lose it, be out of reach."""

import pytest
from msgspec.structs import replace

from application.engine import RunPhase
from domain import events as e
from domain.states import CancelMode, JobPriority, JobState, TaskState
from tests.support.fake_engine import GO_DEADLINE_MS
from tests.support.fuse import FailingLog, Fuse
from tests.support.stack import ADMIN, Stack, World, until


def starts(world: World) -> list[int]:
    """Jobs in the order in which they were told to go."""
    return [key.job for act, key in world.acts if act == "go"]


async def test_jobs_start_by_priority_and_then_in_the_order_of_their_queueing(world: World) -> None:
    async with Stack(world, slots=1) as stack:
        first = await stack.running("run", key="first")
        order = {}
        for name, priority in (
            ("low", JobPriority.LOWEST),
            ("one", JobPriority.NORMAL),
            ("two", JobPriority.NORMAL),
            ("high", JobPriority.HIGHEST),
        ):
            made = await stack.add("exit 0", key=name, priority=priority)
            order[name] = int(made.job_id)
            await stack.state(order[name], JobState.QUEUED)
        await stack.cancel(first)
        for name in ("high", "one", "two", "low"):
            await stack.state(order[name], JobState.FINISHED)
        assert starts(world) == [first, *(order[n] for n in ("high", "one", "two", "low"))]


async def test_never_more_runs_than_slots_but_node_release_needs_none(world: World) -> None:
    async with Stack(world, slots=2) as stack:
        jobs = [int((await stack.add("run", "run", key=f"a{n}")).job_id) for n in range(3)]
        await until(lambda: len(starts(world)) == 2, "two starts")
        for n in range(3):
            await stack.cancel(jobs[n])
            await stack.state(jobs[n], JobState.CANCELED)
            live = [r for r in world.machine.runs.values() if r.status.phase == "running"]
            assert len(live) <= 2
        assert stack.board.occupied.runs == {}
        assert list(stack.board.line) == []


async def test_nothing_starts_while_the_store_is_full_but_what_runs_can_end(world: World) -> None:
    full = [""]
    async with Stack(world, slots=2, full=lambda: full[0]) as stack:
        running = await stack.running("run", key="runs")
        full[0] = "no room"
        waiting = int((await stack.add("exit 0", key="waits")).job_id)
        await stack.state(waiting, JobState.QUEUED)
        await stack.cancel(running)
        await stack.state(running, JobState.CANCELED)
        assert starts(world) == [running]
        full[0] = ""
        await stack.state(waiting, JobState.FINISHED)


async def test_what_the_engine_can_never_start_is_a_failed_task(world: World) -> None:
    async with Stack(world) as stack:
        stack.fake.refuse_prepare = "there is no such directory"
        job = int((await stack.add("run", release="exit 0")).job_id)
        ended = await stack.state(job, JobState.FAILED)
        assert (ended.tasks[1].state, ended.tasks[1].reason) == (
            TaskState.FAILED,
            "there is no such directory",
        )
        assert "NodeReleaseEnded" in await world.types(job)
        assert world.acts == []
        await world.check(stack, job)


async def never_again(stack: Stack) -> None:
    """A lost run is not run again."""
    await stack.scheduler.set_cluster_parameter(ADMIN, "TaskRetryCount", "0", "never")


async def test_a_lost_run_is_run_again(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        stack.fake.lose(next(iter(world.machine.runs)), "the warden died")
        await stack.went(job, 1, attempt=2)
        await stack.cancel(job)
        ended = await stack.state(job, JobState.CANCELED)
        assert ended.tasks[1].retries == 1
        await world.check(stack, job)


async def test_a_lost_run_fails_with_its_reason(world: World) -> None:
    async with Stack(world) as stack:
        await never_again(stack)
        job = await stack.running("run")
        stack.fake.lose(next(iter(world.machine.runs)), "the warden died")
        ended = await stack.state(job, JobState.FAILED)
        assert (ended.tasks[1].code, ended.tasks[1].reason) == ("run_lost", "the warden died")
        await world.check(stack, job)


async def test_a_run_lost_while_it_is_stopped_ends_the_cancel(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore")
        await stack.cancel(job)
        await stack.ordered(job)
        stack.fake.lose(next(iter(world.machine.runs)))
        await stack.state(job, JobState.CANCELED)
        await world.check(stack, job)


async def test_notes_lost_while_the_service_was_away_end_the_job(world: World) -> None:
    async with Stack(world) as stack:
        await never_again(stack)
        job = await stack.running("run")
    world.machine.runs.clear()
    async with Stack(world) as stack:
        ended = await stack.state(job, JobState.FAILED)
        assert ended.tasks[1].code == "run_lost"
        await world.check(stack, job)


async def test_notes_lost_under_a_living_service_do_not_hold_up_a_cancel(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", "run")
        del world.machine.runs[next(iter(world.machine.runs))]
        await stack.cancel(job)
        ended = await stack.state(job, JobState.CANCELED)
        assert {t.code for t in ended.work} == {"run_lost", ""}
        await world.check(stack, job)


async def test_a_reboot_while_the_service_was_away(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run", release="exit 0")
        key = next(iter(world.machine.runs))
        await stack.cancel(job, CancelMode.GRACEFUL)
        await stack.crash()
        stack.fake.lose(key, "the machine restarted")
    async with Stack(world) as stack:
        await stack.state(job, JobState.CANCELED)
        await world.check(stack, job)


async def test_the_engine_is_out_of_reach_for_a_while(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        stack.fake.unavailable = True
        await stack.cancel(job)
        await until(lambda: stack.carrier.troubles.get(job), "trouble")
        stack.fake.unavailable = False
        await stack.state(job, JobState.CANCELED)
        await until(lambda: not stack.carrier.troubles, "no trouble any more")
        await world.check(stack, job)


async def test_a_keeper_that_gives_up_during_an_outage_is_a_failed_run(world: World) -> None:
    """It reported its end before its start was written: nobody would ever tell of it again."""
    log = FailingLog(world.log)
    log.held = frozenset({"TaskStarted"})
    async with Stack(world, log=log) as stack:
        await never_again(stack)
        job = int((await stack.add("run")).job_id)
        await until(lambda: log.failed, "a start that cannot be stored")
        stack.fake.advance(GO_DEADLINE_MS)
        failed = log.failed
        await until(lambda: log.failed > failed, "another try")
        log.held = frozenset()
        ended = await stack.state(job, JobState.FAILED)
        assert ended.tasks[1].code == "run_lost"
        assert starts(world) == []
        await world.check(stack, job)


async def test_a_report_of_a_keeper_given_up_does_not_end_the_run_of_the_next_one(
    world: World,
) -> None:
    """The engine tells of the first keeper only after the second one's start was written."""
    fuse = Fuse("act", 1, "after")
    stack = await Stack(world, fuse=fuse).start()
    job = int((await stack.add("run")).job_id)
    await fuse.blown.wait()
    await stack.crash()
    async with Stack(world) as stack:
        await stack.went(job)
        run = world.run(job)
        assert run is not None
        assert run.status.handle is not None
        given_up = replace(run.status.handle, pid=run.status.handle.pid - 1)
        stack.fake.receive(
            replace(run.status, phase=RunPhase.ENDED, never_ran=True, handle=given_up)
        )
        await stack.cancel(job)
        await stack.state(job, JobState.CANCELED)
        types = await world.types(job)
        assert ("TaskFailed" in types, types.count("TaskStopped")) == (False, 1)
        await world.check(stack, job)


@pytest.mark.parametrize("mode", [CancelMode.NORMAL, CancelMode.FORCED])
async def test_a_start_is_not_told_to_go_when_a_stop_came_first(
    world: World, mode: CancelMode
) -> None:
    """Dead between the start's event and the word to go, and canceled before anyone carries on."""
    fuse = Fuse("append", 6, "after")
    stack = await Stack(world, fuse=fuse).start()
    job = int((await stack.add("run", release="exit 0")).job_id)
    await fuse.blown.wait()
    await stack.crash()
    assert (await world.types(job))[-1] == "TaskStarted"
    async with Stack(world, carry=False) as stack:
        await stack.cancel(job, mode)
    async with Stack(world) as stack:
        ended = await stack.state(job, JobState.CANCELED)
        assert (ended.tasks[1].state, ended.tasks[1].exit) == (TaskState.FAILED, e.Exit())
        assert ("go", 1) not in [(act, key.task) for act, key in world.acts]
        await world.check(stack, job)


async def test_priorities_hold_across_a_restart(world: World) -> None:
    async with Stack(world, slots=1) as stack:
        first = await stack.running("run", key="first")
        low = int((await stack.add("exit 0", key="l", priority=JobPriority.LOWEST)).job_id)
        high = int((await stack.add("exit 0", key="h", priority=JobPriority.HIGHEST)).job_id)
        await stack.state(high, JobState.QUEUED)
        await stack.state(low, JobState.QUEUED)
        await stack.crash()
    async with Stack(world, slots=1) as stack:
        await stack.cancel(first)
        await stack.state(low, JobState.FINISHED)
        assert starts(world) == [first, high, low]
