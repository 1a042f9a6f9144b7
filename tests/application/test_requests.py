"""The same request twice, requests that are turned away, and what a request may set."""

from datetime import timedelta

import pytest

from domain import events as e
from domain.errors import BadRequest, StoreFull, Throttled, Unavailable
from domain.identity import Caller, Principal, Role
from domain.outcome import Outcome
from domain.states import CancelMode, JobState
from tests.support.stack import ADMIN, ALICE, BOB, DEADLINE_SECONDS, START, Stack, World


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
        found = await stack.scheduler.parameters()
        values = {p.name: value for p, value in found.values}
        assert values["TaskCancelGracePeriod"] == 30
        cluster = await world.log.load(stack.ledger.cluster_aggregate)
        assert len(cluster) == 4


async def test_a_malformed_job_is_no_history(world: World) -> None:
    async with Stack(world) as stack:
        with pytest.raises(BadRequest):
            await stack.add(" ")
        with pytest.raises(BadRequest, match="only NodeRelease"):
            await stack.add(release="exit 0")
        assert (await world.log.identity()).last == 0


async def test_waiting_for_a_position_has_an_end(world: World) -> None:
    async with Stack(world) as stack:
        with pytest.raises(Unavailable, match="have not been read yet"):
            await stack.board.wait_until(1, 0.01)
        await stack.add("run")
        await stack.board.wait_until(1, DEADLINE_SECONDS)


async def test_a_stranger_learns_nothing_by_using_a_request_id_twice(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        await stack.cancel(job, mode=CancelMode.GRACEFUL, message="between us")
        first = await stack.cancel(job, key="mine", message="may I?", caller=BOB)
        other = await stack.cancel(job, key="mine", message="or now?", caller=BOB)
    assert (first.code, other.code) == ("not_permitted", "request_id_reused")
    assert [(x.job_state, x.under_way) for x in (first, other)] == [(None, None)] * 2


async def test_who_had_the_right_learns_nothing_new_by_asking_again(world: World) -> None:
    then = Caller(Principal("carol", (Role.JOB_OPERATOR,)))
    now = Caller(Principal("carol", (Role.USER,)))
    async with Stack(world) as stack:
        job = await stack.running("run")
        first = await stack.cancel(job, key="mine", caller=then)
        await stack.state(job, JobState.CANCELED)
        again = await stack.cancel(job, key="mine", caller=now)
    assert (first.outcome, again.event_id) == (Outcome.ACCEPTED, first.event_id)
    assert (again.replayed, again.job_state, again.under_way) == (True, None, None)
