"""While appends wait for each other, a cancel's end goes with it; else the service writes it."""

import pytest

from application.receipts import Receipt
from domain.outcome import Outcome
from domain.states import JobState
from tests.support.stack import Stack, World


def never() -> bool:
    return False


def always() -> bool:
    return True


async def held_job(stack: Stack) -> int:
    return int((await stack.add("run", submit=False)).job_id)


async def test_while_it_is_crowded_a_cancel_of_what_does_not_run_is_stored_with_its_end(
    world: World,
) -> None:
    async with Stack(world, carry=False) as stack:
        job = await held_job(stack)
        stack.ledger.crowded = always
        answer = await stack.cancel(job, message="maintenance")
        assert (answer.outcome, answer.job_state) == (Outcome.ACCEPTED, JobState.CANCELED)
        assert answer.event_type == "JobCancelRequested"
        assert await world.types(job) == ["JobAdded", "JobCancelRequested", "JobCanceled"]
        assert answer.version == 2
        stored = await world.stored(job)
        assert stored[1].position == answer.position


async def test_else_the_request_is_stored_alone(world: World) -> None:
    async with Stack(world, carry=False) as stack:
        job = await held_job(stack)
        stack.ledger.crowded = never
        answer = await stack.cancel(job)
        assert answer.job_state is JobState.CANCELING
        assert await world.types(job) == ["JobAdded", "JobCancelRequested"]


async def test_what_runs_is_not_said_to_have_ended(world: World) -> None:
    async with Stack(world) as stack:
        job = await stack.running("ignore")
        stack.ledger.crowded = always
        answer = await stack.cancel(job)
        assert answer.job_state is JobState.CANCELING
        assert "JobCanceled" not in await world.types(job)


@pytest.mark.parametrize("crowded", [always, never])
async def test_the_same_request_again_is_answered_as_before(world: World, crowded: object) -> None:
    async with Stack(world, carry=False) as stack:
        job = await held_job(stack)
        stack.ledger.crowded = always if crowded is always else never
        first = await stack.cancel(job, key="c")
        again = await stack.cancel(job, key="c")
        assert isinstance(again, Receipt)
        assert (again.event_id, again.replayed) == (first.event_id, True)
