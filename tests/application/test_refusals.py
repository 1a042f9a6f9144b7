"""What a refusal tells, to whom, and that the same request again is the same refusal."""

import pytest

from application.scheduler import Cancel, NewJob
from domain import events as e
from domain.errors import NotPermitted
from domain.identity import Caller, Principal, Role
from domain.outcome import Outcome
from domain.states import CancelMode, JobType
from tests.support.stack import ADMIN, ALICE, BOB, Stack, World

COMMAND_JOB = NewJob("clean", (e.TaskSpec(1, "true"),), JobType.ADMIN)


async def test_who_may_not_cancel_is_told_nothing_of_the_job(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        await stack.cancel(job, CancelMode.GRACEFUL, message="a secret reason")
        first = await stack.scheduler.cancel_job_2(BOB, str(job), Cancel(), "b1")
        again = await stack.scheduler.cancel_job_2(BOB, str(job), Cancel(), "b1")
        finish = await stack.scheduler.finish_job(BOB, str(job), "", "b2")
        requeue = await stack.scheduler.requeue_job(BOB, str(job), "b3")
        for told in (first, again, finish, requeue):
            assert (told.outcome, told.code) == (Outcome.REFUSED, "not_permitted")
            assert (told.job_state, told.under_way) == (None, None)
            assert "secret" not in told.explanation
        assert again.replayed


async def test_a_refused_creation_is_stored_once_however_often_it_is_asked(world: World) -> None:
    async with Stack(world) as stack:
        first = await stack.scheduler.add_job(ALICE, COMMAND_JOB, "k1")
        again = await stack.scheduler.add_job(ALICE, COMMAND_JOB, "k1")
        assert (first.outcome, first.replayed) == (Outcome.REFUSED, False)
        assert (again.outcome, again.replayed) == (Outcome.REFUSED, True)
        assert again.event_id == first.event_id
        other = await stack.scheduler.add_job(ALICE, COMMAND_JOB, "k2")
        assert other.event_id != first.event_id


async def test_a_request_id_stands_for_one_request_also_where_there_is_no_job(
    world: World,
) -> None:
    async with Stack(world) as stack:
        ask = stack.scheduler.cancel_job_2
        first = await ask(ALICE, "4711", Cancel(message="one"), "k1")
        again = await ask(ALICE, "4711", Cancel(message="one"), "k1")
        other = await ask(ALICE, "4711", Cancel(message="two"), "k1")
        bobs = await ask(BOB, "4711", Cancel(message="two"), "k1")
        assert (first.outcome, again.event_id) == (Outcome.UNKNOWN, first.event_id)
        assert (other.outcome, other.code) == (Outcome.REFUSED, "request_id_reused")
        assert (bobs.outcome, bobs.code) == (Outcome.UNKNOWN, "unknown_job")


async def test_acting_for_an_administrator_shows_nobody_the_stream(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("run")
        steward = Principal("steward", (Role.JOB_ADMINISTRATOR,))
        as_root = Caller(steward, on_behalf_of=ADMIN.actor)
        with pytest.raises(NotPermitted, match="may not act for"):
            await anext(stack.queries.follow(as_root, 0, follow=False))
        with pytest.raises(NotPermitted, match="may not act for"):
            await stack.queries.job(as_root, str(job))
        as_alice = Caller(steward, on_behalf_of=ALICE.actor)
        assert (await stack.queries.job(as_alice, str(job))).job.id == job
