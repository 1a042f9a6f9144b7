"""Which jobs one request means: found once, recorded, planned first, and the same again."""

import asyncio

import pytest

from adapters.policy import default_policy
from application.bulk_cancel import REPEATED, BulkCancels
from application.receipts import Receipt
from application.visibility import Visibility
from domain import events as e
from domain.bulk import BULK_JOBS_MAX, Bulk, HowToCancel
from domain.errors import BadRequest, StoreFull, Unknown
from domain.identity import Caller
from domain.outcome import Outcome
from domain.states import CancelMode, JobState
from tests.support.fuse import Fuse
from tests.support.stack import ADMIN, ALICE, BOB, Stack, World, until

HOW = HowToCancel(CancelMode.NORMAL, "the power goes", "power")
ALL = e.JobsWanted()


def no_room() -> None:
    raise StoreFull("no room")


def bulk_of(stack: Stack) -> BulkCancels:
    return BulkCancels(
        stack.scheduler, stack.ledger, stack.board, Visibility(default_policy()), lambda: None
    )


async def made(stack: Stack, count: int, caller: Caller = ALICE) -> tuple[int, ...]:
    """Jobs that wait to be submitted."""
    found = [
        int((await stack.add("run", key=f"j{n}", submit=False, caller=caller)).job_id)
        for n in range(count)
    ]
    await stack.caught_up()
    return tuple(found)


async def facts(world: World, caller: Caller, request_id: str) -> list[e.BulkCancelRequested]:
    """What is recorded of a request."""
    stored = await world.log.load(e.bulk_aggregate(caller.asker, request_id))
    return [x.fact.event.data for x in stored if isinstance(x.fact, e.Recorded)]  # type: ignore[misc]


def known(bulk: Bulk | None) -> Bulk:
    assert bulk is not None
    return bulk


async def test_jobs_are_found_at_a_position_and_recorded_first(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        jobs = await made(stack, 3)
        (of_bob,) = await made(stack, 1, BOB)
        last, of_alice = (await world.log.identity()).last, e.JobsWanted(owners=("alice",))
        bulk = known(await bulk_of(stack).request(ADMIN, of_alice, HOW, "b"))
        assert bulk.jobs == jobs
        assert of_bob not in bulk.jobs
        (fact,) = await facts(world, ADMIN, "b")
        assert fact == bulk.first
        assert (fact.total, fact.resolved_at) == (3, last)
        assert (fact.message, fact.reason_code) == (HOW.message, HOW.reason_code)


async def test_what_was_stored_right_before_is_found(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        receipt = await stack.add("run", submit=False)
        bulk = known(await bulk_of(stack).request(ALICE, ALL, HOW, "b"))
        assert bulk.jobs == (int(receipt.job_id),)


async def test_who_does_not_see_all_jobs_means_their_own(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        await made(stack, 2)
        (of_bob,) = await made(stack, 1, BOB)
        assert known(await bulk_of(stack).request(BOB, ALL, HOW, "b")).jobs == (of_bob,)
        others = e.JobsWanted(owners=("alice",))
        assert await bulk_of(stack).request(BOB, others, HOW, "c") is None
        assert await facts(world, BOB, "c") == []


async def test_the_same_request_again_means_the_same_jobs(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        jobs = await made(stack, 2)
        first = await bulk_of(stack).request(ALICE, ALL, HOW, "b")
        await stack.add("run", key="later", submit=False)
    async with Stack(world, carry=False) as stack:
        bulk = bulk_of(stack)
        again = known(await bulk.request(ALICE, ALL, HOW, "b"))
        assert (again, again.jobs) == (first, jobs)
        assert len(await facts(world, ALICE, "b")) == 1
        with pytest.raises(BadRequest) as no:
            await bulk.request(ALICE, jobs, HOW, "b")
        assert no.value.code == "request_id_reused"
        assert len(known(await bulk.request(ADMIN, ALL, HOW, "b")).jobs) == len(jobs) + 1


@pytest.mark.parametrize(
    ("which", "how", "code"),
    [
        (tuple(range(1, BULK_JOBS_MAX + 2)), HOW, "too_many_jobs"),
        ((1,), HowToCancel(CancelMode.NORMAL, "x" * 321, ""), "message_too_long"),
        ((1,), HowToCancel(CancelMode.NORMAL, "", "Not So"), "bad_reason_code"),
        (e.JobsWanted(name="\ud800"), HOW, "bad_request"),
    ],
)
async def test_what_no_job_would_take_is_refused_whole(
    world: World, which: tuple[int, ...] | e.JobsWanted, how: HowToCancel, code: str
) -> None:
    async with Stack(world, carry=False) as stack:
        with pytest.raises(BadRequest) as no:
            await bulk_of(stack).request(ALICE, which, how, "b")
        assert no.value.code == code
        assert await facts(world, ALICE, "b") == []


async def test_without_room_nothing_is_recorded(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        await made(stack, 1)
        bulk = BulkCancels(
            stack.scheduler, stack.ledger, stack.board, Visibility(default_policy()), no_room
        )
        with pytest.raises(StoreFull):
            await bulk.request(ALICE, ALL, HOW, "b")
        assert await facts(world, ALICE, "b") == []


# --- plans ----------------------------------------------------------------------------------------


async def test_a_plan_stores_nothing_and_foresees_each_answer(world: World) -> None:
    async with Stack(world) as stack:
        first, second = await made(stack, 2)
        await stack.cancel(second, key="before")
        await stack.state(second, JobState.CANCELED)
        await stack.caught_up()
        last = (await world.log.identity()).last
        plan, foreseen = await bulk_of(stack).plan(ALICE, (first, second, 4711), HOW, "new")
        assert [(x.job_id, x.outcome) for x in foreseen] == [
            (first, Outcome.ACCEPTED),
            (second, Outcome.REFUSED),
            (4711, Outcome.UNKNOWN),
        ]
        assert plan.versions[first] > 0
        assert (plan.versions[second], plan.versions[4711]) == (0, 0)
        assert (await world.log.identity()).last == last
        again, _ = await bulk_of(stack).plan(ALICE, (first, second, 4711), HOW, "new")
        assert again.digest == plan.digest


async def test_what_is_foreseen_is_what_is_answered(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        first, second = await made(stack, 2)
        await stack.cancel(second, key="before")
        await stack.caught_up()
        bulk = bulk_of(stack)
        for caller in (ALICE, BOB):
            plan, foreseen = await bulk.plan(caller, (first, second, 4711), HOW, "new")
            asked = known(await bulk.apply(caller, plan.digest, f"b-{caller.asker}"))
            answers = await bulk.cancel(caller, asked, asked.jobs)
            told = [(x.job_id, x.outcome) for x in answers if isinstance(x, Receipt)]
            assert sorted(told) == sorted((str(x.job_id), x.outcome) for x in foreseen)
            words = {x.explanation for x in answers if isinstance(x, Receipt)}
            assert {x.explanation for x in foreseen} - words <= {f"job {second}: {REPEATED}"}
            if caller is BOB:
                assert {(x.owner, x.state) for x in foreseen} == {("", None)}


async def test_exactly_the_planned_jobs_are_meant_and_drift_is_recorded(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        first, second, third = await made(stack, 3)
        bulk = bulk_of(stack)
        plan, _ = await bulk.plan(ALICE, ALL, HOW, "new")
        await stack.cancel(second, key="before")
        later = int((await stack.add("run", key="later", submit=False)).job_id)
        asked = known(await bulk.apply(ALICE, plan.digest, "b"))
        assert asked.jobs == (first, second, third)
        assert asked.how == HOW
        assert asked.first.plan == plan.digest
        assert asked.first.changed == e.JobSet(1, str(second))
        assert asked.first.joined == e.JobSet(1, str(later))


async def test_a_plan_that_is_carried_out_goes_on_after_the_service_was_ended(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        jobs = await made(stack, 2)
        plan, _ = await bulk_of(stack).plan(ALICE, ALL, HOW, "new")
        unknown, _ = await bulk_of(stack).plan(ALICE, jobs[:1], HOW, "new")
        bulk = bulk_of(stack)
        with pytest.raises(Unknown) as no:
            await bulk.apply(ALICE, plan.digest, "b")
        assert no.value.code == "unknown_plan"
        again, _ = await bulk.plan(ALICE, ALL, HOW, "new")
        assert again.digest == plan.digest
        first = await bulk.apply(ALICE, plan.digest, "b")
        with pytest.raises(Unknown):
            await bulk.apply(BOB, plan.digest, "b")
    async with Stack(world, carry=False) as stack:
        assert await bulk_of(stack).apply(ALICE, plan.digest, "b") == first
        with pytest.raises(Unknown):
            await bulk_of(stack).apply(ALICE, unknown.digest, "c")


# --- a crash half-way -----------------------------------------------------------------------------


@pytest.mark.parametrize("nth", [1, 2, 5])
async def test_after_a_crash_the_recorded_jobs_are_canceled_once(world: World, nth: int) -> None:
    async with Stack(world) as stack:
        jobs = await made(stack, 8)
    fuse = Fuse("append", nth, "after")
    async with Stack(world, fuse=fuse, carry=False) as dying:
        asking = asyncio.create_task(whole(dying, ALICE, "b"))
        await until(fuse.blown.is_set, "the end of the service")
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    async with Stack(world) as stack:
        later = int((await stack.add("run", key="later", submit=False)).job_id)
        answers = await whole(stack, ALICE, "b")
        assert [answer.job_id for answer in answers] == [str(job) for job in jobs]
        for job in jobs:
            await stack.state(job, JobState.CANCELED)
            assert (await world.types(job)).count("JobCancelRequested") == 1
        assert "JobCancelRequested" not in await world.types(later)


async def whole(stack: Stack, caller: Caller, request_id: str) -> list[Receipt]:
    """The request, and what became of each of its jobs."""
    bulk = bulk_of(stack)
    asked = known(await bulk.request(caller, ALL, HOW, request_id))
    answers = await bulk.cancel(caller, asked, asked.jobs)
    return [answer for answer in answers if isinstance(answer, Receipt)]
