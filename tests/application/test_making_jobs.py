"""The methods of the seed under their own names: create, add, submit, cancel."""

import pytest

from application.scheduler import Cancel
from domain import events as e
from domain.commands import JobChanges
from domain.errors import BadRequest, Unknown
from domain.outcome import Outcome
from domain.states import CancelMode, JobPriority, JobState, TaskState
from tests.support.stack import ALICE, BOB, Stack, World

WORK = (e.TaskSpec(1, "run"),)


async def test_a_job_is_created_added_given_tasks_changed_and_submitted(world: World) -> None:
    async with Stack(world) as stack:
        scheduler = stack.scheduler
        added = await scheduler.add_job(ALICE, scheduler.create_job(), "k1")
        job = added.job_id
        assert (added.event_type, added.job_state) == ("JobAdded", JobState.CONFIGURING)
        one = await scheduler.add_tasks(ALICE, job, WORK, "k2")
        two = await scheduler.add_tasks(ALICE, job, WORK, "k3")
        assert (one.task_id, two.task_id, two.operation) == (1, 2, "add_tasks")
        changes = JobChanges(name="named", priority=JobPriority.HIGHEST)
        changed = await scheduler.set_job_properties(ALICE, job, changes, "k4")
        assert changed.explanation == f"job {job}: changed: name, priority"
        submitted = await scheduler.submit_job_by_id(ALICE, job, "k5")
        assert submitted.event_type == "JobSubmitted"
        await stack.went(int(job), 1)
        await stack.went(int(job), 2)
        late = await scheduler.add_tasks(ALICE, job, WORK, "k6")
        assert late.task_id == 3
        await stack.went(int(job), 3)
        again = await scheduler.add_tasks(ALICE, job, WORK, "k6")
        assert (again.replayed, again.task_id, again.event_id) == (True, 3, late.event_id)


async def test_submit_job_adds_and_submits_in_one_append(world: World) -> None:
    async with Stack(world) as stack:
        made = await stack.scheduler.submit_job(ALICE, stack.scheduler.create_job(), "k1")
        assert (made.event_type, made.version) == ("JobSubmitted", 2)
        assert (await world.types(int(made.job_id)))[:2] == ["JobAdded", "JobSubmitted"]


@pytest.mark.parametrize("second", [False, True])
async def test_cancel_job_is_cancel_job_2_without_force(world: World, second: bool) -> None:
    async with Stack(world) as stack:
        job = str(await stack.running("run"))
        if second:
            await stack.scheduler.cancel_job_2(ALICE, job, Cancel(message="why"), "c1")
        else:
            await stack.scheduler.cancel_job(ALICE, job, "why", "c1")
        now = await stack.ledger.job(int(job))
        assert now is not None
        assert now.cancel is not None
        assert (now.cancel.mode, now.cancel.message) == (CancelMode.NORMAL, "why")


async def test_who_does_not_own_a_job_adds_nothing_to_it(world: World) -> None:
    async with Stack(world) as stack:
        job = (await stack.add("run", submit=False)).job_id
        no = await stack.scheduler.add_tasks(BOB, job, WORK, "k2")
        assert (no.outcome, no.code, no.job_state) == (Outcome.REFUSED, "not_permitted", None)
        no = await stack.scheduler.set_job_properties(BOB, job, JobChanges(name="mine"), "k3")
        assert (no.outcome, no.code) == (Outcome.REFUSED, "not_permitted")
        now = await stack.ledger.job(int(job))
        assert now is not None
        assert (list(now.tasks), now.tasks[1].state) == ([1], TaskState.CONFIGURING)


async def test_what_is_malformed_is_not_history(world: World) -> None:
    async with Stack(world) as stack:
        job = (await stack.add("run", submit=False)).job_id
        with pytest.raises(BadRequest):
            await stack.scheduler.add_tasks(ALICE, job, (), "k2")
        with pytest.raises(BadRequest):
            await stack.scheduler.set_job_properties(ALICE, job, JobChanges(), "k3")
        with pytest.raises(Unknown):
            await stack.scheduler.add_tasks(ALICE, "4711", WORK, "k4")
        assert await world.types(int(job)) == ["JobAdded"]
