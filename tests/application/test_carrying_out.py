"""Starting work, and what an engine may do to it: refuse it, lose it, be out of reach."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from application.ports import RunPhase
from application.receipts import Outcome
from domain import events as e
from domain.errors import BadRequest, StoreFull, Throttled, Unavailable, Unknown
from domain.states import CancelMode, JobPriority, JobState, TaskState
from tests.support.fake_engine import GO_DEADLINE_MS
from tests.support.fuse import FailingLog, Fuse
from tests.support.stack import (
    ADMIN,
    ALICE,
    BOB,
    DEADLINE_SECONDS,
    START,
    Stack,
    World,
    until,
)


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
        assert stack.board.occupied.runs == set()
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


async def test_a_lost_run_fails_with_its_reason(world: World) -> None:
    async with Stack(world) as stack:
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


# --- removal --------------------------------------------------------------------------------------


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


# --- the same request twice -----------------------------------------------------------------------


async def test_the_same_creation_makes_one_job_also_after_a_restart(world: World) -> None:
    async with Stack(world) as stack:
        first = await stack.add("run", key="same")
        again = await stack.add("run", key="same")
        others = await stack.add("run", key="same", caller=BOB)
    async with Stack(world) as stack:
        after = await stack.add("run", key="same")
        with pytest.raises(BadRequest, match="made job 1 with other content"):
            await stack.add("exit 0", key="same")
    assert [x.job_id for x in (again, after)] == [first.job_id] * 2
    assert (again.event_id, again.replayed, after.replayed) == (first.event_id, True, True)
    assert others.job_id != first.job_id
    assert len(await world.jobs()) == 2


async def test_the_same_requests_give_one_event_each_also_after_a_restart(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        cancel = await stack.cancel(job)
        await stack.state(job, JobState.CANCELED)
        requeue = await stack.scheduler.requeue_job(ALICE, str(job), "q1")
        await stack.went(job, 1, 2)
        finish = await stack.scheduler.finish_job(ALICE, str(job), "", "f1")
        refused = await stack.scheduler.finish_job(BOB, str(job), "", "f2")
        parameter = await stack.scheduler.set_cluster_parameter(
            ADMIN, "TTLCompletedJobs", "3", "p1"
        )
        unknown = await stack.cancel("4711", key="u1")
        unknown_task = await stack.cancel_task("4711", 2, key="u1")
        await stack.state(job, JobState.FINISHED)
        before = len(await world.types(job))
    async with Stack(world) as stack:
        again = [
            await stack.cancel(job),
            await stack.scheduler.requeue_job(ALICE, str(job), "q1"),
            await stack.scheduler.finish_job(ALICE, str(job), "", "f1"),
            await stack.scheduler.finish_job(BOB, str(job), "", "f2"),
            await stack.scheduler.set_cluster_parameter(ADMIN, "ttlcompletedjobs", "3", "p1"),
            await stack.cancel("4711", key="u1"),
            await stack.cancel_task("4711", 2, key="u1"),
        ]
        first = [cancel, requeue, finish, refused, parameter, unknown, unknown_task]
        assert [x.event_id for x in again] == [x.event_id for x in first]
        assert [x.outcome for x in again] == [x.outcome for x in first]
        assert [x.explanation for x in again] == [x.explanation for x in first]
        assert all(x.replayed for x in again)
        assert len(await world.types(job)) == before
        assert (await stack.cancel("4711", key="u1", message="other")).replayed is False
        assert (await stack.cancel("4711", key="u1", caller=BOB)).replayed is False
        assert len(await world.log.load(e.request_aggregate(START))) == 4


# --- limits ---------------------------------------------------------------------------------------


async def test_who_was_refused_too_often_is_turned_away_and_nothing_is_stored(world: World) -> None:
    async with Stack(world, refusals_per_minute=3) as stack:
        job = await stack.running("run")
        for n in range(3):
            assert (await stack.cancel(job, caller=BOB, key=f"b{n}")).outcome is Outcome.REFUSED
        length = len(await world.types(job))
        for asked in (str(job), "4711"):
            with pytest.raises(Throttled) as caught:
                await stack.cancel(asked, caller=BOB, key="more")
            assert 0 < caught.value.retry_after_seconds <= 20
        assert len(await world.types(job)) == length
        assert (await stack.cancel(job)).outcome is Outcome.ACCEPTED, "others are not held up"
        world.clock.advance(timedelta(seconds=21))
        assert (await stack.cancel(job, caller=BOB, key="more")).outcome is Outcome.REFUSED


async def test_a_full_store_takes_no_command_and_ends_what_is_under_way(world: World) -> None:
    full = False

    def room() -> None:
        if full:
            raise StoreFull("there is no room")

    async with Stack(world, room=room) as stack:
        job = await stack.running("ignore", release="exit 0", key="a1")
        accepted = await stack.cancel(job)
        await stack.ordered(job)
        length = len(await world.types(job))
        full = True
        for ask in (
            stack.cancel(job, CancelMode.FORCED, key="c2"),
            stack.cancel("4711", key="c3"),
            stack.add("run", key="a2"),
            stack.scheduler.finish_job(ALICE, str(job), "", "f1"),
            stack.scheduler.set_cluster_parameter(ADMIN, "TTLCompletedJobs", "3", "p1"),
        ):
            with pytest.raises(StoreFull):
                await ask
        assert len(await world.types(job)) == length
        assert (await stack.cancel(job)).event_id == accepted.event_id, "answered before"
        assert (await stack.add("ignore", release="exit 0", key="a1")).job_id == str(job)
        stack.fake.advance(15_000)
        await stack.state(job, JobState.CANCELED)
        await world.check(stack, job)


# --- parameters -----------------------------------------------------------------------------------


async def test_parameters_are_set_by_administrators_within_their_limits(world: World) -> None:
    async with Stack(world) as stack:
        answers = [
            await stack.scheduler.set_cluster_parameter(caller, name, value, f"p{n}")
            for n, (caller, name, value) in enumerate(
                (
                    (ADMIN, "taskCANCELgraceperiod", "30"),
                    (ALICE, "TaskCancelGracePeriod", "31"),
                    (ADMIN, "TaskCancelGracePeriod", "-1"),
                    (ADMIN, "NoSuchThing", "1"),
                )
            )
        ]
        assert [a.code for a in answers] == [
            "",
            "not_permitted",
            "bad_parameter_value",
            "unknown_parameter",
        ]
        assert answers[0].explanation == "TaskCancelGracePeriod is 30 (was 15)"
        assert "from 0 to 86400" in answers[2].explanation
    async with Stack(world) as stack:
        values = {p.name: value for p, value in await stack.scheduler.parameters()}
        assert values["TaskCancelGracePeriod"] == 30
        cluster = await world.log.load(stack.ledger.cluster_aggregate)
        assert len(cluster) == 4


async def test_a_malformed_job_is_no_history(world: World) -> None:
    async with Stack(world) as stack:
        with pytest.raises(BadRequest):
            await stack.add(" ")
        with pytest.raises(BadRequest, match="only a node release task"):
            await stack.add(release="exit 0")
        assert (await world.log.identity()).last == 0


async def test_waiting_for_a_position_has_an_end(world: World) -> None:
    async with Stack(world) as stack:
        with pytest.raises(Unavailable, match="have not been read yet"):
            await stack.board.wait_until(1, 0.01)
        await stack.add("run")
        await stack.board.wait_until(1, DEADLINE_SECONDS)
